#!/usr/bin/env escript
%%! +S 2
%% Runs the scenarios of a file (see servers.txt) on OTP's own gen_server and gen_statem, and prints a
%% line for each thing seen.
-module(servers).
-mode(compile).
-behaviour(gen_server).
-export([main/1, init/1, handle_call/3, handle_cast/2, handle_info/2, handle_continue/2, terminate/2]).
-export([callback_mode/0, handle_event/4, terminate/3]).

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
    [{lists:join(" ", Name), [Line || Line <- Body, not expected(Line)]} | scenarios(More)];
scenarios([]) -> [].

%% What only one of the two sees.
expected([Word | _]) -> lists:member(Word, ["erlang", "here"]).

%% Registered names are of the whole node: each scenario has its own.
run(Number, Lines) ->
    Table = ets:new(scenario, [public, ordered_set]),
    ets:insert(Table, [{number, Number}, {runner, self()}]),
    [begin
         see(Table, "> ~s", [lists:join(" ", Line)]),
         command(Line, Table),
         settle(Table, [])
     end || Line <- Lines],
    [Line || {{seen, _}, Line} <- ets:tab2list(Table)].

see(Table, Format, Arguments) ->
    Place = ets:update_counter(Table, seen, 1, {seen, 0}),
    ets:insert(Table, {{seen, Place}, lists:flatten(io_lib:format(Format, Arguments))}).

command(["client", Name | Words], Table) ->
    Pid = spawn(fun() ->
                    process_flag(trap_exit, lists:member("trap", Words)),
                    client(Name, Table)
                end),
    watch(Name, Pid, Table);
command(["wait", Ms], _) ->
    timer:sleep(list_to_integer(Ms));
command([Name | Words], Table) ->
    pid(Name, Table) ! {command, Words}.

watch(Name, Pid, Table) ->
    ets:insert(Table, {{pid, Name}, Pid}),
    ets:insert(Table, {{watch, monitor(process, Pid)}, Name}).

%% Waits until nothing happens for a while; what clients hear and ends that come together have no order.
settle(Table, Lines) ->
    receive
        {line, Line} -> settle(Table, [lists:flatten(Line) | Lines]);
        {watch, Name, Pid} -> watch(Name, Pid, Table), settle(Table, Lines);
        {'DOWN', Ref, _, _, Reason} ->
            [{_, Name}] = ets:lookup(Table, {watch, Ref}),
            settle(Table, [lists:flatten(io_lib:format("dead ~s ~s", [Name, word(Reason)])) | Lines])
    after 60 ->
        [see(Table, "~s", [Line]) || Line <- lists:sort(Lines)]
    end.

word(boom) -> crash;
word(Reason) when is_atom(Reason) -> Reason;
word({calling_self, _}) -> calling_self;
word({Reason, Stack}) when is_atom(Reason), is_list(Stack) -> crash.

client(Name, Table) ->
    receive {command, Words} ->
        case act(Words, Table) of
            nothing -> ok;
            Line -> runner(Table) ! {line, [Name, " ", Line]}
        end,
        client(Name, Table)
    end.

act([Start, Name | Words], Table) when Start =:= "start"; Start =:= "start_link" ->
    Function = list_to_atom(Start),
    started(gen_server:Function({local, registered(Name, Table)}, ?MODULE, {Table, Name, Words}, []), Name, Table);
act(["machine", Name | Words], Table) ->
    Args = {machine, Table, Name, Words},
    started(gen_statem:start({local, registered(Name, Table)}, ?MODULE, Args, []), Name, Table);
act(["machine_link", Name | Words], Table) ->
    Args = {machine, Table, Name, Words},
    started(gen_statem:start_link({local, registered(Name, Table)}, ?MODULE, Args, []), Name, Table);
%% Requests to a gen_statem are those to a gen_server.
act(["call", Name, Ms | Ask], Table) ->
    try gen_server:call(server(Name, Table), Ask, list_to_integer(Ms)) of
        Reply -> io_lib:format("reply ~s", [Reply])
    catch
        exit:Reason -> failure(Reason)
    end;
act(["multi", Names, Ms | Ask], Table) ->
    Deadline = erlang:monotonic_time(millisecond) + list_to_integer(Ms),
    Ids = [gen_server:send_request(server(Name, Table), Ask) || Name <- string:split(Names, ",", all)],
    Replies = [case gen_server:receive_response(Id, {abs, Deadline}) of
                   {reply, Reply} -> Reply;
                   timeout -> "timeout";
                   {error, Reason} -> failure(Reason)
               end || Id <- Ids],
    ["replies", [[" ", Reply] || Reply <- Replies]];
act(["cast", Name | Tell], Table) ->
    gen_server:cast(server(Name, Table), Tell), nothing;
act(["send", Name, Text], Table) ->
    pid(Name, Table) ! {mail, Text}, nothing;
act(["stop", Name, Reason, Ms], Table) ->
    try gen_server:stop(server(Name, Table), list_to_atom(Reason), list_to_integer(Ms)) of
        ok -> "stopped"
    catch
        exit:noproc -> "noproc";
        exit:timeout -> "timeout";
        exit:Ended -> failure(Ended)
    end;
act(["suspend", Name], Table) -> atom_to_list(sys:suspend(server(Name, Table)));
act(["resume", Name], Table) -> atom_to_list(sys:resume(server(Name, Table)));
act(["status", Name], Table) ->
    {status, _, _, [_, Status | _]} = sys:get_status(server(Name, Table)),
    atom_to_list(Status);
act(["exit", Name, Reason], Table) ->
    exit(pid(Name, Table), list_to_atom(Reason)), nothing;
act(["die", Reason], _) ->
    exit(list_to_atom(Reason));
act(["alive", Name], Table) ->
    atom_to_list(is_process_alive(pid(Name, Table)));
act(["mailbox"], _) ->
    {message_queue_len, Length} = process_info(self(), message_queue_len),
    io_lib:format("mailbox ~b", [Length]).

started(Result, Name, Table) ->
    case Result of
        {ok, Pid} -> runner(Table) ! {watch, Name, Pid}, "started";
        {error, {already_started, _}} -> "taken";
        {error, Reason} -> io_lib:format("refused ~s", [word(Reason)])
    end.

failure({noproc, _}) -> "noproc";
failure({timeout, _}) -> "timeout";
failure({Reason, _}) -> io_lib:format("exited ~s", [word(Reason)]).

%% By its name, or by its pid.
server("@" ++ Name, Table) -> registered(Name, Table);
server(Name, Table) -> pid(Name, Table).

runner(Table) ->
    [{_, Runner}] = ets:lookup(Table, runner),
    Runner.

pid(Name, Table) ->
    [{_, Pid}] = ets:lookup(Table, {pid, Name}),
    Pid.

registered(Name, Table) ->
    [{_, Number}] = ets:lookup(Table, number),
    list_to_atom(lists:concat([Name, "-", Number])).

%% The server: its state is the table, its name, and the callers that wait.

init({machine, Table, Name, Words}) ->
    init_machine(Table, Name, Words);
init({Table, Name, Words}) ->
    process_flag(trap_exit, lists:member("trap", Words)),
    State = {Table, Name, []},
    case [Word || Word <- Words, Word =/= "trap"] of
        ["refuse", Reason] -> {stop, list_to_atom(Reason)};
        ["break"] -> error(boom);
        ["continue"] -> {ok, State, {continue, on}};
        ["timeout", Ms] -> {ok, State, list_to_integer(Ms)};
        ["sleep", Ms] -> timer:sleep(list_to_integer(Ms)), {ok, State};
        [] -> {ok, State}
    end.

handle_call(Ask, From, {Table, Name, Waiting} = State) ->
    case Ask of
        ["double", N] -> {reply, integer_to_list(2 * list_to_integer(N)), State};
        ["later"] -> {noreply, {Table, Name, Waiting ++ [From]}};
        ["forget"] -> {noreply, State};
        ["sleep", Ms] -> timer:sleep(list_to_integer(Ms)), note("slept", State), {reply, "slept", State};
        ["break"] -> error(boom);
        ["stop", Reason] -> {stop, list_to_atom(Reason), "bye", State};
        ["stop_silent", Reason] -> {stop, list_to_atom(Reason), State};
        ["continue"] -> {reply, "on", State, {continue, on}};
        ["timeout", Ms] -> {reply, "soon", State, list_to_integer(Ms)};
        ["self", Ms] -> {reply, gen_server:call(self(), ["double", "1"], list_to_integer(Ms)), State}
    end.

handle_cast(Tell, {Table, Name, Waiting} = State) ->
    case Tell of
        ["note", Text] -> note(["note ", Text], State), {noreply, State};
        ["release", Value] ->
            [gen_server:reply(From, Value) || From <- Waiting],
            {noreply, {Table, Name, []}};
        ["sleep", Ms] -> timer:sleep(list_to_integer(Ms)), note("slept", State), {noreply, State};
        ["break"] -> error(boom);
        ["stop", Reason] -> {stop, list_to_atom(Reason), State};
        ["continue"] -> {noreply, State, {continue, on}};
        ["timeout", Ms] -> {noreply, State, list_to_integer(Ms)}
    end.

handle_info(timeout, State) -> note("timeout", State), {noreply, State};
handle_info({'EXIT', _, Reason}, State) -> note(["exit ", atom_to_list(Reason)], State), {noreply, State};
handle_info({mail, "break"}, _) -> error(boom);
handle_info({mail, "stop"}, State) -> {stop, normal, State};
handle_info({mail, Text}, State) -> note(["mail ", Text], State), {noreply, State}.

handle_continue(on, State) -> note("continue", State), {noreply, State}.

terminate(Reason, State) -> note(io_lib:format("terminate ~s", [word(Reason)]), State).

note(Text, {Table, Name, _}) -> see(Table, "~s ~s", [Name, Text]).

%% The state machine: its data is the table, its name, and the callers that wait.

callback_mode() -> [handle_event_function, state_enter].

init_machine(Table, Name, Words) ->
    process_flag(trap_exit, lists:member("trap", Words)),
    Data = {Table, Name, []},
    case [Word || Word <- Words, Word =/= "trap"] of
        ["refuse:" ++ Reason] -> {stop, list_to_atom(Reason)};
        ["break"] -> error(boom);
        Script ->
            {keep_state, Data, Actions} = obey(Script, none, "shut", Data),
            {ok, "shut", Data, Actions}
    end.

handle_event(enter, Old, State, Data) ->
    note(["enter ", State, " from ", Old], Data),
    case State of
        "lit" -> {keep_state_and_data, {state_timeout, 20, over}};
        "dark" -> {keep_state_and_data, {state_timeout, cancel}};
        "trap" -> {stop, fell};
        _ -> keep_state_and_data
    end;
handle_event(Type, Content, State, Data) ->
    {Kind, From} = case Type of {call, Caller} -> {"call", Caller}; _ -> {kind(Type), none} end,
    Script = case Content of {mail, Text} -> string:split(Text, "+", all); over -> []; _ -> Content end,
    note([State, " ", Kind, [[" ", hd(Script)] || Script =/= []]], Data),
    obey(case Script of [] -> []; [_ | Words] -> Words end, From, State, Data).

kind({timeout, Name}) -> "timeout " ++ Name;
kind(timeout) -> "event_timeout";
kind(Type) -> atom_to_list(Type).

%% Does what the words say, from the left to the right.
obey(Words, From, State, Data) ->
    case lists:member("postpone_in:" ++ State, Words) of
        true -> {keep_state, Data, postpone};
        false -> lists:foldl(fun(Word, Result) -> obey_word(Word, From, Result) end, {keep_state, Data, []}, Words)
    end.

obey_word("postpone_in:" ++ _, _, Result) -> Result;
obey_word("next:" ++ Next, _, {keep_state, Data, Actions}) -> {next_state, Next, Data, Actions};
obey_word("repeat", _, {keep_state, Data, Actions}) -> {repeat_state, Data, Actions};
obey_word("stop:" ++ Reason, _, {keep_state, Data, []}) -> {stop, list_to_atom(Reason), Data};
obey_word("stop:" ++ Reason, _, {keep_state, Data, Replies}) ->
    {stop_and_reply, list_to_atom(Reason), Replies, Data};
obey_word("break", _, _) -> error(boom);
obey_word("sleep:" ++ Ms, _, Result) -> timer:sleep(list_to_integer(Ms)), Result;
obey_word("hold", From, {keep_state, {Table, Name, Held}, Actions}) ->
    {keep_state, {Table, Name, Held ++ [From]}, Actions};
obey_word("release:" ++ Reply, _, {keep_state, {Table, Name, Held}, Actions}) ->
    {keep_state, {Table, Name, []}, Actions ++ [{reply, From, Reply} || From <- Held]};
obey_word(Word, From, Result) ->
    Last = tuple_size(Result),
    setelement(Last, Result, element(Last, Result) ++ [action(Word, From)]).

action("reply:" ++ Reply, From) -> {reply, From, Reply};
action("internal:" ++ Words, _) -> {next_event, internal, string:split(Words, "+", all)};
action("state:off", _) -> {state_timeout, cancel};
action("state:" ++ Ms, _) -> {state_timeout, list_to_integer(Ms), over};
action("event:off", _) -> {timeout, cancel};
action("event:" ++ Ms, _) -> {timeout, list_to_integer(Ms), over};
action("timeout:" ++ Words, _) ->
    case string:split(Words, ":") of
        [Name, "off"] -> {{timeout, Name}, cancel};
        [Name, Ms] -> {{timeout, Name}, list_to_integer(Ms), over}
    end.

terminate(Reason, State, Data) -> note(io_lib:format("~s terminate ~s", [State, word(Reason)]), Data).
