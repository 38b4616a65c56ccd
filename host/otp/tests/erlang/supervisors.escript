#!/usr/bin/env escript
%%! +S 2
%% Runs the scenarios of a file (see supervisors.txt) on OTP's own supervisors, and prints a line for each thing seen.
-module(supervisors).
-mode(compile).
-export([main/1, init/1, start_child/2, start_child/3, child/3, start/2, stop/1]).

main([File]) ->
    logger:set_primary_config(level, none),
    {ok, Text} = file:read_file(File),
    Lines = [string:split(Line, " ", all) || Line <- string:split(binary_to_list(Text), "\n", all),
             Line =/= "", hd(Line) =/= $#],
    Own = self(),
    Runs = [begin
                Ref = make_ref(),
                spawn(fun() -> Own ! {Ref, run(Body)} end),
                {Ref, Name}
            end || {Name, Body} <- scenarios(Lines)],
    [receive {Ref, Seen} -> io:format("scenario ~s~n~s", [Name, [[Line, "\n"] || Line <- Seen]]) end
     || {Ref, Name} <- Runs].

scenarios([["scenario" | Name] | Rest]) ->
    {Body, More} = lists:splitwith(fun(Line) -> hd(Line) =/= "scenario" end, Rest),
    [{lists:join(" ", Name), Body} | scenarios(More)];
scenarios([]) -> [].

%% What a scenario shares with its children: the trace, who is who, and how often each was started.
run(Lines) ->
    process_flag(trap_exit, true),
    Table = ets:new(scenario, [public, ordered_set]),
    lists:foldl(fun(Line, Known) -> command(Line, Table, Known) end, #{}, Lines),
    [Line || {{seen, _}, Line} <- ets:tab2list(Table)].

see(Table, Format, Arguments) ->
    Place = ets:update_counter(Table, seen, 1, {seen, 0}),
    ets:insert(Table, {{seen, Place}, io_lib:format(Format, Arguments)}).

command(["supervisor", S, Strategy, Most, Period | More], _, Known) ->
    Auto = case More of [] -> never; [Word] -> list_to_atom(Word) end,
    Flags = #{strategy => list_to_atom(Strategy), intensity => list_to_integer(Most),
              period => list_to_integer(Period), auto_shutdown => Auto},
    Known#{{flags, S} => Flags, {children, S} => []};
command(["child", S | Words], Table, Known) ->
    maps:update_with({children, S}, fun(Own) -> Own ++ [spec(Words, Table)] end, Known);
command(["below", S, T, Restart | More], Table, Known) ->
    Spec = #{id => T, start => {?MODULE, start_child, [Table, {below, T, Known}]},
             restart => list_to_atom(Restart), shutdown => infinity, type => supervisor,
             significant => lists:member("significant", More)},
    maps:update_with({children, S}, fun(Own) -> Own ++ [Spec] end, Known);
command(["start", S], Table, Known) ->
    see(Table, "> start ~s", [S]),
    case supervisor:start_link(?MODULE, {S, Known}) of
        {ok, Pid} ->
            ets:insert(Table, {{pid, S}, Pid}),
            see(Table, "ok", []);
        {error, Reason} ->
            receive {'EXIT', _, _} -> ok after 1000 -> ok end,
            see(Table, "error ~s", [failure(Reason)])
    end,
    settle(Table), Known;
command(["start_application", S], Table, Known) ->
    see(Table, "> start_application ~s", [S]),
    App = application(S, Table),
    Spec = [{vsn, "1"}, {modules, []}, {registered, []}, {applications, [kernel, stdlib]},
            {mod, {?MODULE, {S, Table, Known}}}],
    ok = application:load({application, App, Spec}),
    see(Table, "~s", [case application:start(App) of ok -> "ok"; {error, _} -> "error" end]),
    settle(Table), Known;
command(Line, Table, Known) ->
    see(Table, "> ~s", [lists:join(" ", Line)]),
    act(Line, Table),
    settle(Table),
    Known.

act(["exit", Name, Reason], Table) ->
    pid(Name, Table) ! {exit, list_to_atom(Reason)};
act(["kill", Name], Table) ->
    exit(pid(Name, Table), kill);
act(["signal", Name, Reason], Table) ->
    exit(pid(Name, Table), list_to_atom(Reason));
act(["stop_application", S], Table) ->
    ok = application:stop(application(S, Table));
act(["applications"], Table) ->
    Running = [App || {App, _, _} <- application:which_applications()],
    Own = [S || {{application, S}, App} <- ets:tab2list(Table), lists:member(App, Running)],
    see(Table, "applications~s", [[[" ", S] || S <- lists:sort(Own)]]);
act(["stop", S], Table) ->
    Pid = pid(S, Table),
    exit(Pid, shutdown);
act(["wait", Ms], _) ->
    timer:sleep(list_to_integer(Ms));
act(["start_child", S | Words], Table) ->
    see(Table, "~s", [result(supervisor:start_child(pid(S, Table), spec(Words, Table)))]);
act(["start_dynamic", S, Name], Table) ->
    see(Table, "~s", [result(supervisor:start_child(pid(S, Table), [Name]))]);
act(["terminate_child", S, Id], Table) ->
    see(Table, "~s", [result(supervisor:terminate_child(pid(S, Table), Id))]);
act(["terminate", S, Name], Table) ->
    see(Table, "~s", [result(supervisor:terminate_child(pid(S, Table), pid(Name, Table)))]);
act(["restart_child", S, Id], Table) ->
    see(Table, "~s", [result(supervisor:restart_child(pid(S, Table), Id))]);
act(["delete_child", S, Id], Table) ->
    see(Table, "~s", [result(supervisor:delete_child(pid(S, Table), Id))]);
act(["which_children", S], Table) ->
    Each = fun({Id, Child, Type, _}) ->
               State = case Child of Pid when is_pid(Pid) -> running; Other -> Other end,
               io_lib:format(" ~s:~s:~s", [Id, State, Type])
           end,
    see(Table, "children~s", [lists:map(Each, supervisor:which_children(pid(S, Table)))]);
act(["count_children", S], Table) ->
    Counts = supervisor:count_children(pid(S, Table)),
    Count = fun(Key) -> proplists:get_value(Key, Counts) end,
    see(Table, "specs ~b active ~b supervisors ~b workers ~b",
        [Count(specs), Count(active), Count(supervisors), Count(workers)]).

%% Applications are of the whole node: each scenario has its own.
application(S, Table) ->
    App = list_to_atom(lists:concat([S, "-", pid_to_list(self())])),
    ets:insert(Table, {{application, S}, App}),
    App.

start(_, {S, Table, Known}) ->
    {ok, Pid} = supervisor:start_link(?MODULE, {S, Known}),
    ets:insert(Table, {{pid, S}, Pid}),
    {ok, Pid}.

stop(_) -> ok.

pid(Name, Table) ->
    [{_, Pid}] = ets:lookup(Table, {pid, Name}),
    Pid.

result(ok) -> "ok";
result({ok, _}) -> "ok";
result({error, {already_started, _}}) -> "error running";
result({error, Reason}) when is_atom(Reason) -> io_lib:format("error ~s", [Reason]);
result({error, Reason}) -> io_lib:format("error ~s", [failure(Reason)]).

failure({shutdown, Reason}) -> failure(Reason);
failure({failed_to_start_child, Id, _}) -> io_lib:format("failed_to_start_child ~s", [Id]);
failure({no, _}) -> "no";
failure(Reason) when is_atom(Reason) -> atom_to_list(Reason);
failure(_) -> "bad_spec".

%% Waits until nothing new was seen for a while.
settle(Table) ->
    receive {'EXIT', Pid, Reason} ->
        [see(Table, "down ~s ~s", [Name, Reason]) || {{pid, Name}, Own} <- ets:tab2list(Table), Own =:= Pid],
        settle(Table)
    after 60 ->
        case ets:lookup(Table, seen) of
            [{_, Count}] ->
                timer:sleep(60),
                case ets:lookup(Table, seen) of
                    [{_, Count}] -> ok;
                    _ -> settle(Table)
                end;
            [] -> ok
        end
    end.

init({S, Known}) ->
    {ok, {maps:get({flags, S}, Known), maps:get({children, S}, Known)}}.

%% child NAME RESTART [significant] [brutal_kill | infinity | MILLISECONDS] [fails_from:N] [fails_on:N] [deaf]
spec([Name, Restart | Words], Table) ->
    Shutdown = lists:foldl(fun("brutal_kill", _) -> brutal_kill;
                              ("infinity", _) -> infinity;
                              (Word, Old) -> try list_to_integer(Word) catch _:_ -> Old end
                           end, 5000, Words),
    #{id => Name, start => {?MODULE, start_child, [Table, {child, Name, Words}]},
      restart => list_to_atom(Restart), shutdown => Shutdown,
      significant => lists:member("significant", Words)}.

start_child(Table, {below, T, Known}) ->
    case supervisor:start_link(?MODULE, {T, Known}) of
        {ok, Pid} -> ets:insert(Table, {{pid, T}, Pid}), {ok, Pid};
        Error -> Error
    end;
start_child(Table, {child, Name, Words}) ->
    Starts = ets:update_counter(Table, {starts, Name}, 1, {{starts, Name}, 0}),
    Fails = lists:any(fun("fails_from:" ++ N) -> Starts >= list_to_integer(N);
                         ("fails_on:" ++ N) -> Starts =:= list_to_integer(N);
                         (_) -> false
                      end, Words),
    case Fails of
        true -> see(Table, "fails ~s", [Name]), {error, no};
        false -> proc_lib:start_link(?MODULE, child, [Table, Name, lists:member("deaf", Words)])
    end.

%% A child of simple_one_for_one, whose template is a child of its own.
start_child(Table, {child, _, Words}, Name) ->
    start_child(Table, {child, Name, Words}).

child(Table, Name, Deaf) ->
    process_flag(trap_exit, true),
    ets:insert(Table, {{pid, Name}, self()}),
    see(Table, "start ~s", [Name]),
    proc_lib:init_ack({ok, self()}),
    loop(Table, Name, Deaf).

loop(Table, Name, Deaf) ->
    receive
        {exit, Reason} -> exit(Reason);
        {'EXIT', _, _} when Deaf -> loop(Table, Name, Deaf);
        {'EXIT', _, Reason} -> see(Table, "stop ~s ~s", [Name, Reason]), exit(Reason)
    end.
