#!/usr/bin/env escript
%%! +S 2
%% Runs the scenarios of a file (see processes.txt) on Erlang's own processes, and prints a line for each thing seen.
-module(processes).
-mode(compile).
-export([main/1]).

main([File]) ->
    logger:set_primary_config(level, none),
    {ok, Text} = file:read_file(File),
    Lines = [string:split(Line, " ", all) || Line <- string:split(binary_to_list(Text), "\n", all),
             Line =/= "", hd(Line) =/= $#],
    Runs = [begin
                {_, Ref} = spawn_monitor(fun() -> exit({done, run(Number, Body)}) end),
                {Ref, Name}
            end || {Number, {Name, Body}} <- lists:enumerate(scenarios(Lines))],
    [receive
         {'DOWN', Ref, _, _, {done, Seen}} ->
             io:format("scenario ~s~n~s", [Name, [[Line, "\n"] || Line <- Seen]]);
         {'DOWN', Ref, _, _, Reason} ->
             io:format("scenario ~s~nfailed ~p~n", [Name, Reason])
     end || {Ref, Name} <- Runs].

scenarios([["scenario" | Name] | Rest]) ->
    {Body, More} = lists:splitwith(fun(Line) -> hd(Line) =/= "scenario" end, Rest),
    [{lists:join(" ", Name), Body} | scenarios(More)];
scenarios([]) -> [].

%% Registered names are of the whole node: each scenario has its own.
run(Number, Lines) ->
    Table = ets:new(scenario, [public, ordered_set]),
    ets:insert(Table, {number, Number}),
    [command(Line, Table) || Line <- Lines],
    [Line || {{seen, _}, Line} <- ets:tab2list(Table)].

see(Table, Format, Arguments) ->
    Place = ets:update_counter(Table, seen, 1, {seen, 0}),
    ets:insert(Table, {{seen, Place}, lists:flatten(io_lib:format(Format, Arguments))}).

command(["spawn", Name | Words] = Line, Table) ->
    see(Table, "> ~s", [lists:join(" ", Line)]),
    Trap = lists:member("trap", Words),
    new(Table, Name, spawn(fun() -> begin_process(Table, Trap) end));
command(["wait", Ms] = Line, Table) ->
    see(Table, "> ~s", [lists:join(" ", Line)]),
    timer:sleep(list_to_integer(Ms)),
    settle(Table);
command([Name | Words] = Line, Table) ->
    see(Table, "> ~s", [lists:join(" ", Line)]),
    Pid = pid(Name, Table),
    Ref = monitor(process, Pid),
    Pid ! {command, self(), Words},
    receive
        {done, Pid, nothing} -> ok;
        {done, Pid, Answer} -> see(Table, "~s", [Answer]);
        {'DOWN', Ref, _, _, _} -> ok
    end,
    demonitor(Ref, [flush]),
    [begin
         ets:delete(Table, {new, New}),
         watch(Table, New, Child)
     end || {{new, New}, Child} <- ets:tab2list(Table)],
    settle(Table).

%% What a process was started for by another one is watched by the runner, too.
new(Table, Name, Pid) ->
    watch(Table, Name, Pid),
    settle(Table).

watch(Table, Name, Pid) ->
    ets:insert(Table, {{pid, Name}, Pid}),
    ets:insert(Table, {{watch, monitor(process, Pid)}, Name}).

%% Waits until nothing happens for a while; ends that come together have no order.
settle(Table) -> settle(Table, []).

settle(Table, Ends) ->
    receive
        {'DOWN', Ref, _, _, Reason} ->
            [{_, Name}] = ets:lookup(Table, {watch, Ref}),
            settle(Table, [io_lib:format("dead ~s ~s", [Name, word(Reason)]) | Ends])
    after 40 ->
        [see(Table, "~s", [End]) || End <- lists:sort(lists:map(fun lists:flatten/1, Ends))]
    end.

%% Linking to nobody raises an error in a process that does not trap exits: its end has the stack with it.
word({noproc, _}) -> noproc;
word(Reason) -> Reason.

begin_process(Table, Trap) ->
    process_flag(trap_exit, Trap),
    loop(Table).

loop(Table) ->
    receive {command, From, Words} ->
        Answer = act(Words, Table),
        From ! {done, self(), Answer},
        loop(Table)
    end.

act(["link", Name], Table) -> link(pid(Name, Table)), nothing;
act(["unlink", Name], Table) -> unlink(pid(Name, Table)), nothing;
act(["monitor", Name, Monitor], Table) ->
    ets:insert(Table, {{monitor, Monitor}, monitor(process, pid(Name, Table))}), nothing;
act(["monitor_name", Name, Monitor], Table) ->
    ets:insert(Table, {{monitor, Monitor}, monitor(process, registered(Name, Table))}), nothing;
act(["demonitor", Monitor], Table) ->
    [{_, Ref}] = ets:lookup(Table, {monitor, Monitor}),
    demonitor(Ref, [flush]), nothing;
act(["exit", Reason], _) -> exit(list_to_atom(Reason));
act(["exit", Name, Reason], Table) -> exit(pid(Name, Table), list_to_atom(Reason)), nothing;
act(["trap", On], _) -> atom_to_list(process_flag(trap_exit, list_to_atom(On)));
act(["register", Name], Table) ->
    try register(registered(Name, Table), self()) of true -> "ok" catch error:badarg -> "badarg" end;
act(["unregister", Name], Table) ->
    try unregister(registered(Name, Table)) of true -> "ok" catch error:badarg -> "badarg" end;
act(["whereis", Name], Table) ->
    case whereis(registered(Name, Table)) of
        undefined -> "undefined";
        Pid -> name(Pid, Table)
    end;
act(["send", Name, Text], Table) -> pid(Name, Table) ! {mail, self(), Text}, nothing;
act(["send_after", Ms, Text, Timer], Table) ->
    Ref = erlang:send_after(list_to_integer(Ms), self(), {timer, Text}),
    ets:insert(Table, {{timer, Timer}, Ref}), nothing;
act(["cancel", Timer], Table) ->
    [{_, Ref}] = ets:lookup(Table, {timer, Timer}),
    case erlang:cancel_timer(Ref) of false -> "false"; _ -> "left" end;
act(["remaining", Timer], Table) ->
    [{_, Ref}] = ets:lookup(Table, {timer, Timer}),
    case erlang:cancel_timer(Ref) of false -> "false"; Left -> integer_to_list(round(Left / 1000)) end;
act(["interval", Ms, Text, Timer], Table) ->
    {ok, Ref} = timer:send_interval(list_to_integer(Ms), {timer, Text}),
    ets:insert(Table, {{timer, Timer}, Ref}), nothing;
act(["cancel_interval", Timer], Table) ->
    [{_, Ref}] = ets:lookup(Table, {timer, Timer}),
    {ok, cancel} = timer:cancel(Ref), "left";
act(["alias", Alias], Table) ->
    ets:insert(Table, {{alias, Alias}, alias()}), nothing;
act(["reply_alias", Alias], Table) ->
    ets:insert(Table, {{alias, Alias}, alias([reply])}), nothing;
act(["unalias", Alias], Table) ->
    [{_, Ref}] = ets:lookup(Table, {alias, Alias}),
    atom_to_list(unalias(Ref));
act(["send_alias", Alias, Text], Table) ->
    [{_, Ref}] = ets:lookup(Table, {alias, Alias}),
    Ref ! {mail, self(), Text}, nothing;
act(["join", Group], Table) -> ok = pg:join(scope(Table), Group, self()), nothing;
act(["leave", Group], Table) -> atom_to_list(pg:leave(scope(Table), Group, self()));
act(["members", Group], Table) ->
    ["members", [[" ", Name] || Name <- lists:sort([name(Pid, Table) || Pid <- pg:get_members(scope(Table), Group)])]];
act(["groups"], Table) ->
    ["groups", [[" ", Group] || Group <- lists:sort(pg:which_groups(scope(Table)))]];
act(["monitor_group", Group, Monitor], Table) ->
    {Ref, Pids} = pg:monitor(scope(Table), Group),
    ets:insert(Table, {{monitor, Monitor}, Ref}),
    ["members", [[" ", Name] || Name <- lists:sort([name(Pid, Table) || Pid <- Pids])]];
act(["demonitor_group", Monitor], Table) ->
    [{_, Ref}] = ets:lookup(Table, {monitor, Monitor}),
    atom_to_list(pg:demonitor(scope(Table), Ref));
act(["broadcast", Group, Text], Table) ->
    [Pid ! {mail, self(), Text} || Pid <- pg:get_members(scope(Table), Group)], nothing;
act(["via_register", Name], Table) ->
    case global:register_name(registered(Name, Table), self()) of yes -> "ok"; no -> "taken" end;
act(["via_unregister", Name], Table) -> global:unregister_name(registered(Name, Table)), nothing;
act(["via_whereis", Name], Table) ->
    case global:whereis_name(registered(Name, Table)) of
        undefined -> "undefined";
        Pid -> name(Pid, Table)
    end;
act(["via_send", Name, Text], Table) ->
    try global:send(registered(Name, Table), {mail, self(), Text}) of _ -> nothing catch exit:_ -> nothing end;
act(["sleep", Ms], _) -> timer:sleep(list_to_integer(Ms)), nothing;
act(["yield"], _) -> erlang:yield(), nothing;
act(["alive", Name], Table) -> atom_to_list(is_process_alive(pid(Name, Table)));
act(["links"], Table) ->
    {links, Links} = process_info(self(), links),
    ["links", [[" ", Name] || Name <- lists:sort([name(Link, Table) || Link <- Links])]];
act(["mailbox"], _) ->
    {message_queue_len, Length} = process_info(self(), message_queue_len),
    integer_to_list(Length);
act(["spawn", Name], Table) ->
    child(Name, spawn(fun() -> begin_process(Table, false) end), Table);
act(["spawn_link", Name], Table) ->
    child(Name, spawn_link(fun() -> begin_process(Table, false) end), Table);
act(["spawn_monitor", Name, Monitor], Table) ->
    {Pid, Ref} = spawn_monitor(fun() -> begin_process(Table, false) end),
    ets:insert(Table, {{monitor, Monitor}, Ref}),
    child(Name, Pid, Table);
act(["receive", Kind], Table) -> act(["receive", Kind, "0"], Table);
act(["receive", "any", Ms], Table) ->
    receive {mail, _, _} = Got -> got(Got, Table);
            {timer, _} = Got -> got(Got, Table);
            {'DOWN', _, _, _, _} = Got -> got(Got, Table);
            {'EXIT', _, _} = Got -> got(Got, Table);
            {_, Change, _, [_]} = Got when Change =:= join; Change =:= leave -> got(Got, Table)
    after list_to_integer(Ms) -> "nothing" end;
act(["receive", "mail", Ms], Table) ->
    receive {mail, _, _} = Got -> got(Got, Table) after list_to_integer(Ms) -> "nothing" end;
act(["receive", "system", Ms], Table) ->
    receive {timer, _} = Got -> got(Got, Table);
            {'DOWN', _, _, _, _} = Got -> got(Got, Table);
            {'EXIT', _, _} = Got -> got(Got, Table)
    after list_to_integer(Ms) -> "nothing" end;
act(["receive", Monitor, Ms], Table) ->
    [{_, Ref}] = ets:lookup(Table, {monitor, Monitor}),
    receive {'DOWN', Ref, _, _, _} = Got -> got(Got, Table) after list_to_integer(Ms) -> "nothing" end.

child(Name, Pid, Table) ->
    ets:insert(Table, {{pid, Name}, Pid}),
    ets:insert(Table, {{new, Name}, Pid}),
    nothing.

got({mail, From, Text}, Table) -> ["mail ", name(From, Table), " ", Text];
got({_, join, Group, [Pid]}, Table) -> ["joined ", Group, " ", name(Pid, Table)];
got({_, leave, Group, [Pid]}, Table) -> ["left ", Group, " ", name(Pid, Table)];
got({timer, Text}, _) -> ["timer ", Text];
got({'EXIT', Pid, Reason}, Table) -> io_lib:format("exit ~s ~s", [name(Pid, Table), Reason]);
got({'DOWN', Ref, _, Object, Reason}, Table) ->
    [Monitor] = [Monitor || {{monitor, Monitor}, Own} <- ets:tab2list(Table), Own =:= Ref],
    Who = case Object of {_, _} -> "name"; Pid -> name(Pid, Table) end,
    io_lib:format("down ~s ~s ~s", [Monitor, Who, Reason]).

%% Groups are of the whole node, too.
scope(Table) ->
    Scope = registered("groups", Table),
    case whereis(Scope) of undefined -> {ok, _} = pg:start(Scope); _ -> ok end,
    Scope.

pid(Name, Table) ->
    [{_, Pid}] = ets:lookup(Table, {pid, Name}),
    Pid.

name(Pid, Table) ->
    case [Name || {{pid, Name}, Own} <- ets:tab2list(Table), Own =:= Pid] of
        [Name] -> Name;
        [] -> "nobody"
    end.

registered(Name, Table) ->
    [{_, Number}] = ets:lookup(Table, number),
    list_to_atom(lists:concat([Name, "-", Number])).
