#!/usr/bin/env escript
%%! +S 2
%% BEAM's figures of the group `engine`: a line of JSON each.
-mode(compile).
-behaviour(gen_server).
-export([init/1, handle_call/3, handle_cast/2]).

main(_) ->
    rows("call-rust-rust", fun call/0),
    rows("call-8-1", fun call_8/0),
    rows("chain-4", fun chain/0),
    rows("send-rust", fun() -> send(200000, 16) end),
    rows("send-rust-64k", fun() -> send(20000, 65536) end).

%% Three times, a line each.
rows(Measure, Run) ->
    [io:format("{\"measure\": \"~s\", \"value\": ~.1f}~n", [Measure, Run()]) || _ <- lists:seq(1, 3)].

init(Next) -> {ok, Next}.
handle_call({echo, Number}, _, State) -> {reply, Number, State};
handle_call({relay, Number}, _, none) -> {reply, Number, none};
handle_call({relay, Number}, _, Next) -> {reply, gen_server:call(Next, {relay, Number}), Next}.
handle_cast(_, State) -> {noreply, State}.

%% Nanoseconds of one round trip of gen_server:call.
call() ->
    {ok, Server} = gen_server:start(?MODULE, [], []),
    calls(Server, 20000),
    Start = erlang:monotonic_time(nanosecond),
    calls(Server, 200000),
    Time = erlang:monotonic_time(nanosecond) - Start,
    gen_server:stop(Server),
    Time / 200000.

calls(_, 0) -> ok;
calls(Server, Left) ->
    Left = gen_server:call(Server, {echo, Left}),
    calls(Server, Left - 1).

%% Nanoseconds of a call, with eight processes that call one server at once.
call_8() ->
    {ok, Server} = gen_server:start(?MODULE, [], []),
    Self = self(),
    Start = erlang:monotonic_time(nanosecond),
    [spawn(fun() -> calls(Server, 25000), Self ! done end) || _ <- lists:seq(1, 8)],
    [receive done -> ok end || _ <- lists:seq(1, 8)],
    Time = erlang:monotonic_time(nanosecond) - Start,
    gen_server:stop(Server),
    Time / 200000.

%% Nanoseconds of one round trip through a chain of four servers.
chain() ->
    Start1 = fun(Next) -> {ok, Server} = gen_server:start(?MODULE, Next, []), Server end,
    First = Start1(Start1(Start1(Start1(none)))),
    relays(First, 5000),
    Start = erlang:monotonic_time(nanosecond),
    relays(First, 50000),
    (erlang:monotonic_time(nanosecond) - Start) / 50000.

relays(_, 0) -> ok;
relays(Server, Left) ->
    Left = gen_server:call(Server, {relay, Left}),
    relays(Server, Left - 1).

%% Nanoseconds of one message of so many bytes, until all have come.
send(Count, Size) ->
    Self = self(),
    Receiver = spawn(fun() -> receive_all(Count), Self ! done end),
    Body = binary:copy(<<7>>, Size),
    Start = erlang:monotonic_time(nanosecond),
    send_all(Receiver, Body, Count),
    receive done -> ok end,
    (erlang:monotonic_time(nanosecond) - Start) / Count.

send_all(_, _, 0) -> ok;
send_all(Receiver, Body, Left) -> Receiver ! Body, send_all(Receiver, Body, Left - 1).

receive_all(0) -> ok;
receive_all(Left) -> receive _ -> receive_all(Left - 1) end.
