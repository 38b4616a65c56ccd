#!/usr/bin/env escript
%%! +S 2
%% BEAM's figures of the processes themselves: a line of JSON each. An argument is the name of the one measure to run.
-mode(compile).
-export([init/1, handle_call/3, handle_cast/2, start_child/2]).

-define(BATCH, 1000).

main(Only) ->
    logger:set_primary_config(level, none),
    [row(Name, Times, Count, Run) || {Name, Times, Count, Run} <- measures(), Only =:= [] orelse [Name] =:= Only].

measures() ->
    [{"idle", once, 100000, fun idle/1},
     {"spawn", repeat, 1000000, fun spawns/1},
     {"ping-pong", repeat, 300000, fun ping_pong/1},
     {"send-1-1", repeat, 1000000, fun(Count) -> sends(1, Count) end},
     {"send-8-1", repeat, 1000000, fun(Count) -> sends(8, Count) end},
     {"call", repeat, 300000, fun call/1},
     {"restart", repeat, 300000, fun(Count) -> restarts(Count div 100, now_ns(), Count) end},
     {"selective", repeat, 100000, fun selective/1},
     {"broadcast", repeat, 20, fun broadcast/1},
     {"lookup", repeat, 200000, fun lookup/1}].

%% Three times after a warm-up of a tenth of the work, a line each; each in a fresh process.
row(Name, once, Count, Run) -> print(Name, alone(Run, Count));
row(Name, repeat, Count, Run) ->
    alone(Run, Count div 10),
    [print(Name, alone(Run, Count)) || _ <- [1, 2, 3]].

print(Name, Value) -> io:format("{\"measure\": \"~s\", \"value\": ~.1f}~n", [Name, float(Value)]).

alone(Run, Count) ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit({value, Run(Count)}) end),
    receive {'DOWN', Monitor, process, Pid, {value, Value}} -> Value end.

now_ns() -> erlang:monotonic_time(nanosecond).
per_second(Count, Start) -> Count * 1.0e9 / (now_ns() - Start).
per_item(Count, Start) -> (now_ns() - Start) / Count.

repeat(0, _) -> ok;
repeat(Left, Do) -> Do(), repeat(Left - 1, Do).

%% Spawns Count processes with the same body and waits until each has ended.
join(Bodies) ->
    Started = [spawn_monitor(Body) || Body <- Bodies],
    [receive {'DOWN', Monitor, process, _, Reason} -> normal = Reason end || {_, Monitor} <- Started],
    ok.

%% Bytes a process. The first 50,000 are not counted: they fill what compiling this script has left free.
idle(Count) ->
    Wait = fun() -> receive stop -> ok end end,
    First = [spawn(Wait) || _ <- lists:seq(1, 50000)],
    timer:sleep(300),
    Before = resident(),
    Pids = [spawn(Wait) || _ <- lists:seq(1, Count)],
    timer:sleep(300),
    After = resident(),
    Ended = fun(Pid) -> Pid ! stop end,
    lists:foreach(Ended, First),
    lists:foreach(Ended, Pids),
    (After - Before) / Count.

resident() ->
    {ok, Status} = file:read_file("/proc/" ++ os:getpid() ++ "/status"),
    {match, [KiB]} = re:run(Status, "VmRSS:\\s+(\\d+) kB", [{capture, all_but_first, list}]),
    list_to_integer(KiB) * 1024.

%% Processes a second: two drivers, a batch each at a time.
spawns(Count) ->
    Start = now_ns(),
    Driver = fun() -> repeat(Count div 2 div ?BATCH, fun batch/0) end,
    join([Driver, Driver]),
    per_second(Count, Start).

batch() ->
    Left = atomics:new(1, []),
    atomics:put(Left, 1, ?BATCH),
    Self = self(),
    Body = fun() ->
        case atomics:sub_get(Left, 1, 1) of
            0 -> Self ! done;
            _ -> ok
        end
    end,
    repeat(?BATCH, fun() -> spawn(Body) end),
    receive done -> ok end.

%% Nanoseconds of a round trip.
ping_pong(Count) ->
    Echo = spawn_link(fun echo/0),
    Start = now_ns(),
    rounds(Echo, Count),
    Time = per_item(Count, Start),
    Echo ! stop,
    Time.

rounds(_, 0) -> ok;
rounds(Echo, Left) ->
    Echo ! {self(), Left},
    receive Left -> rounds(Echo, Left - 1) end.

echo() ->
    receive
        {From, Number} -> From ! Number, echo();
        {From, Ref, Number} -> From ! {Ref, Number}, echo();
        stop -> ok
    end.

%% Nanoseconds of a message of 16 bytes from many senders to one receiver.
sends(Senders, Count) ->
    Self = self(),
    Body = binary:copy(<<7>>, 16),
    Start = now_ns(),
    Receiver = spawn_link(fun() -> receive_all(Count), Self ! done end),
    [spawn_link(fun() -> send_all(Receiver, Body, Count div Senders) end) || _ <- lists:seq(1, Senders)],
    receive done -> per_item(Count, Start) end.

send_all(_, _, 0) -> ok;
send_all(Receiver, Body, Left) -> Receiver ! Body, send_all(Receiver, Body, Left - 1).

receive_all(0) -> ok;
receive_all(Left) -> receive _ -> receive_all(Left - 1) end.

%% Nanoseconds of a gen_server:call.
call(Count) ->
    {ok, Server} = gen_server:start_link(?MODULE, server, []),
    Start = now_ns(),
    calls(Server, Count),
    Time = per_item(Count, Start),
    gen_server:stop(Server),
    Time.

calls(_, 0) -> ok;
calls(Server, Left) ->
    Left = gen_server:call(Server, Left),
    calls(Server, Left - 1).

handle_call(Number, _, State) -> {reply, Number, State}.
handle_cast(_, State) -> {noreply, State}.

%% Restarts a second of a permanent child that crashes as soon as it runs. OTP 25 goes through the times of all
%% restarts of the period at each, so that one supervisor slows down to 8,000 a second: every 100 restarts there is a new
%% one, whose start counts, too.
restarts(0, Start, Count) -> per_second(Count, Start);
restarts(Left, Start, Count) -> restart(100), restarts(Left - 1, Start, Count).

restart(Count) ->
    Left = atomics:new(1, []),
    atomics:put(Left, 1, Count + 1),
    Start = now_ns(),
    {ok, Supervisor} = supervisor:start_link(?MODULE, {supervisor, Left, self()}),
    receive done -> ok end,
    Rate = per_second(Count, Start),
    unlink(Supervisor),
    gen_server:stop(Supervisor),
    Rate.

init(server) -> {ok, 0};
init({supervisor, Left, Waiting}) ->
    Child = #{id => child, start => {?MODULE, start_child, [Left, Waiting]}, shutdown => brutal_kill},
    {ok, {#{strategy => one_for_one, intensity => 1000000000, period => 1}, [Child]}}.

start_child(Left, Waiting) ->
    {ok, spawn_link(fun() ->
        case atomics:sub_get(Left, 1, 1) of
            0 -> Waiting ! done, receive stop -> ok end;
            _ -> exit(crash)
        end
    end)}.

%% Nanoseconds of a round trip with 10,000 other messages in the mailbox. The compiler marks the place of make_ref/0, so
%% that receive skips what came before it: erlc +recv_opt_info says so.
selective(Count) ->
    repeat(10000, fun() -> self() ! {make_ref(), 0} end),
    Echo = spawn_link(fun echo/0),
    Start = now_ns(),
    selective_rounds(Echo, Count),
    Time = per_item(Count, Start),
    Echo ! stop,
    Time.

selective_rounds(_, 0) -> ok;
selective_rounds(Echo, Left) ->
    Ref = make_ref(),
    Echo ! {self(), Ref, Left},
    receive {Ref, Left} -> ok end,
    selective_rounds(Echo, Left - 1).

%% Messages a second of 1,024 bytes, each round to 10,000 processes. Binaries above 64 bytes are shared.
broadcast(Rounds) ->
    Left = atomics:new(1, []),
    Self = self(),
    Pids = [spawn_link(fun() -> listen(Left, Self) end) || _ <- lists:seq(1, 10000)],
    Payload = binary:copy(<<7>>, 1024),
    Start = now_ns(),
    repeat(Rounds, fun() ->
        atomics:put(Left, 1, 10000),
        lists:foreach(fun(Pid) -> Pid ! Payload end, Pids),
        receive done -> ok end
    end),
    Rate = per_second(10000 * Rounds, Start),
    lists:foreach(fun(Pid) -> Pid ! stop end, Pids),
    Rate.

listen(Left, Sender) ->
    receive
        stop -> ok;
        Payload when byte_size(Payload) =:= 1024 ->
            case atomics:sub_get(Left, 1, 1) of
                0 -> Sender ! done;
                _ -> ok
            end,
            listen(Left, Sender)
    end.

%% Lookups a second: of names, by two workers which also come and go under a name of their own.
lookup(Rounds) ->
    Names = list_to_tuple([list_to_atom("name-" ++ integer_to_list(N)) || N <- lists:seq(0, 999)]),
    Pids = [spawn_link(fun() -> receive stop -> ok end end) || _ <- lists:seq(0, 999)],
    lists:foreach(fun({Name, Pid}) -> register(Name, Pid) end, lists:zip(tuple_to_list(Names), Pids)),
    Start = now_ns(),
    join([fun() -> look(Names, 0, 'churn-0', Rounds) end, fun() -> look(Names, 500, 'churn-1', Rounds) end]),
    Rate = per_second(2 * Rounds * 8, Start),
    lists:foreach(fun unregister/1, tuple_to_list(Names)),
    lists:foreach(fun(Pid) -> Pid ! stop end, Pids),
    Rate.

look(_, _, _, 0) -> ok;
look(Names, At, Own, Left) ->
    Next = look_up(Names, At, 8),
    register(Own, self()),
    unregister(Own),
    look(Names, Next, Own, Left - 1).

look_up(_, At, 0) -> At;
look_up(Names, At, Left) ->
    true = is_pid(whereis(element(At + 1, Names))),
    look_up(Names, (At + 1) rem 1000, Left - 1).
