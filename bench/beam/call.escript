#!/usr/bin/env escript
%%! +S 2
%% BEAM's figures of the group `call`: a line of JSON each.
-mode(compile).
-behaviour(gen_server).
-export([init/1, handle_call/3, handle_cast/2]).

main(_) ->
    row("call-rust-rust", best(3, fun call/0)),
    row("send-rust", best(3, fun send/0)).

row(Measure, Value) -> io:format("{\"measure\": \"~s\", \"value\": ~.1f}~n", [Measure, Value]).

best(Runs, Run) -> lists:min([Run() || _ <- lists:seq(1, Runs)]).

init(_) -> {ok, 0}.
handle_call({echo, Number}, _, State) -> {reply, Number, State}.
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

%% Nanoseconds of one message of 16 bytes, until all have come.
send() ->
    Self = self(),
    Count = 200000,
    Receiver = spawn(fun() -> receive_all(Count), Self ! done end),
    Body = binary:copy(<<7>>, 16),
    Start = erlang:monotonic_time(nanosecond),
    send_all(Receiver, Body, Count),
    receive done -> ok end,
    (erlang:monotonic_time(nanosecond) - Start) / Count.

send_all(_, _, 0) -> ok;
send_all(Receiver, Body, Left) -> Receiver ! Body, send_all(Receiver, Body, Left - 1).

receive_all(0) -> ok;
receive_all(Left) -> receive _ -> receive_all(Left - 1) end.
