//! State machines in Erlang's form: postponed events, timeouts of three kinds, internal events, entries, ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusm_otp::{
    CallError, CallFrom, ChildSpec, Context, Entry, Event, ExitReason, Message, Runtime, ServerError,
    SpawnOptions, StateMachine, StateMachineRef, Supervisor, Transition, start_state_machine,
};

use crate::support::{on_virtual_time, run};

type Log = Arc<Mutex<Vec<String>>>;

/// Notes each event and does what it carries; in the state `shut`, what is named `wait..` is postponed.
struct Probe {
    log: Log,
    kept: Vec<CallFrom<String>>,
}

#[derive(Clone)]
struct Start {
    log: Log,
    how: &'static str,
}

/// A name, and the transition that it asks for.
struct Step(&'static str, Box<dyn FnOnce() -> Transition<Probe> + Send>);

fn step(name: &'static str, act: impl FnOnce() -> Transition<Probe> + Send + 'static) -> Step {
    Step(name, Box::new(act))
}

/// Stays where it is.
fn note(name: &'static str) -> Step {
    step(name, Transition::keep)
}

fn go(state: &'static str) -> Step {
    step("go", move || Transition::next(state))
}

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

impl Probe {
    fn note(&self, text: impl Into<String>) {
        self.log.lock().expect("a lock").push(text.into());
    }
}

impl StateMachine for Probe {
    type Args = Start;
    type State = &'static str;
    type Call = &'static str;
    type Reply = String;
    type Cast = Step;

    async fn init(
        args: Start,
        context: &Context,
    ) -> Result<(Self, &'static str, Transition<Self>), ExitReason> {
        let probe = Self { log: args.log, kept: Vec::new() };
        match args.how {
            "refuse" => Err(ExitReason::Custom("no".into())),
            "panic" => panic!("broken in init"),
            "busy" => Ok((probe, "shut", Transition::keep().internal(note("first")).timeout("t", millis(5)))),
            "trap" => {
                context.runtime().trap_exit(context.pid(), true);
                Ok((probe, "shut", Transition::keep()))
            }
            _ => Ok((probe, "shut", Transition::keep())),
        }
    }

    async fn handle_event(
        &mut self,
        state: &&'static str,
        event: Event<Self>,
        context: &Context,
    ) -> Transition<Self> {
        let name = match &event {
            Event::Call(call, _) => (*call).to_owned(),
            Event::Cast(Step(name, _)) => (*name).to_owned(),
            Event::Internal(Step(name, _)) => format!("internal {name}"),
            Event::Info(Message::Mail { body, .. }) => String::from_utf8_lossy(body).into_owned(),
            Event::Info(_) => "info".to_owned(),
            Event::StateTimeout => "state timeout".to_owned(),
            Event::EventTimeout => "event timeout".to_owned(),
            Event::Timeout(name) => format!("timeout {name}"),
        };
        self.note(format!("{state}: {name}"));
        if *state == "shut" && name.starts_with("wait") {
            return Transition::keep().postpone(event);
        }
        match event {
            Event::Cast(Step("doze", act)) => {
                context.sleep(millis(20)).await;
                act()
            }
            Event::Cast(Step(_, act)) | Event::Internal(Step(_, act)) => act(),
            Event::Call("keep", from) => {
                self.kept.push(from);
                Transition::keep()
            }
            Event::Call("break", _) => panic!("broken on request"),
            Event::Call("stop and reply", from) => {
                from.reply("last".to_owned());
                Transition::stop(ExitReason::Shutdown)
            }
            Event::Call(name, from) => {
                from.reply(format!("{name} in {state}"));
                Transition::keep()
            }
            _ => Transition::keep(),
        }
    }

    async fn enter(&mut self, old: Option<&&'static str>, state: &&'static str, _: &Context) -> Entry {
        match (old, *state) {
            (old, "watched") => {
                self.note(format!("enters from {}", old.unwrap_or(&"nowhere")));
                Entry::keep().state_timeout(millis(10))
            }
            (_, "trap door") => Entry::stop(ExitReason::Custom("fell".into())),
            _ => Entry::keep(),
        }
    }

    async fn terminate(&mut self, reason: &ExitReason, state: &&'static str, _: &Context) {
        self.note(format!("{state}: ends {}", reason.name()));
    }
}

const LIMIT: Duration = Duration::from_secs(5);

async fn probe(
    runtime: &Runtime,
    log: &Log,
    how: &'static str,
) -> Result<StateMachineRef<Probe>, ServerError> {
    let options = SpawnOptions::new("probe").name("probe");
    start_state_machine::<Probe>(runtime, options, Start { log: log.clone(), how }).await
}

/// Runs a client of a fresh machine, and answers with its value and what the machine has noted within a second.
fn with_probe<T, F, Fut>(how: &'static str, client: F) -> (T, Vec<String>)
where
    T: Send + 'static,
    F: FnOnce(Context, StateMachineRef<Probe>) -> Fut + Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let log = Log::default();
    let mut value = None;
    on_virtual_time(async {
        let runtime = Runtime::new();
        let machine = probe(&runtime, &log, how).await.expect("it starts");
        value = Some(run(&runtime, |context| client(context, machine)).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
    let entries = std::mem::take(&mut *log.lock().expect("a lock"));
    (value.expect("it ran"), entries)
}

/// What a machine notes that is told this.
fn told(steps: impl IntoIterator<Item = Step, IntoIter: Send> + Send + 'static) -> Vec<String> {
    let steps: Vec<Step> = steps.into_iter().collect();
    let ((), log) = with_probe("", |context, probe| async move {
        for step in steps {
            probe.cast(&context, step).expect("it is taken");
        }
    });
    log
}

#[test]
fn postponed_events_come_again_in_their_order_before_later_ones() {
    let log = told([note("wait 1"), note("other"), note("wait 2"), go("open"), note("later")]);
    assert_eq!(
        log,
        [
            "shut: wait 1",
            "shut: other",
            "shut: wait 2",
            "shut: go",
            "open: wait 1",
            "open: wait 2",
            "open: later"
        ]
    );
}

#[test]
fn what_is_postponed_waits_for_another_state() {
    let log = told([note("wait"), go("shut"), step("again", Transition::repeat), note("other")]);
    assert_eq!(log, ["shut: wait", "shut: go", "shut: again", "shut: other"]);
    // It may be postponed as often as it takes, and keeps its place.
    let log = told([note("wait 1"), go("ajar"), go("shut"), note("wait 2"), note("wait 3"), go("open")]);
    assert_eq!(
        log[1..],
        [
            "shut: go",
            "ajar: wait 1",
            "ajar: go",
            "shut: wait 2",
            "shut: wait 3",
            "shut: go",
            "open: wait 2",
            "open: wait 3"
        ]
    );
}

#[test]
fn a_postponed_call_is_answered_from_the_state_that_takes_it() {
    let (replies, log) = with_probe("", |context, probe| async move {
        let opener = async {
            context.sleep(millis(20)).await;
            probe.cast(&context, go("open")).expect("it is taken");
        };
        let (one, two, ()) = tokio::join!(
            probe.call(&context, "wait 1", LIMIT),
            probe.call(&context, "wait 2", LIMIT),
            opener
        );
        (one, two)
    });
    assert_eq!(replies, (Ok("wait 1 in open".into()), Ok("wait 2 in open".into())));
    assert_eq!(log, ["shut: wait 1", "shut: wait 2", "shut: go", "open: wait 1", "open: wait 2"]);
}

#[test]
fn internal_events_come_before_postponed_ones_and_those_before_mail() {
    let log = told([
        note("wait"),
        step("go", || Transition::next("open").internal(note("a")).internal(note("b"))),
        note("later"),
    ]);
    assert_eq!(
        log,
        ["shut: wait", "shut: go", "open: internal a", "open: internal b", "open: wait", "open: later"]
    );
    // What an internal event adds comes before its siblings.
    let log = told([step("go", || {
        let nested = step("a", || Transition::keep().internal(note("a1")));
        Transition::keep().internal(nested).internal(note("b"))
    })]);
    assert_eq!(log[1..], ["shut: internal a", "shut: internal a1", "shut: internal b"]);
}

#[test]
fn a_state_timeout_belongs_to_its_state() {
    let set = || step("set", || Transition::keep().state_timeout(millis(10)));
    assert_eq!(told([set(), note("other")]), ["shut: set", "shut: other", "shut: state timeout"]);
    assert_eq!(told([set(), step("again", Transition::repeat)]).last().expect("one"), "shut: state timeout");
    assert_eq!(told([set(), go("open")]), ["shut: set", "shut: go"]);
    assert_eq!(
        told([set(), step("off", || Transition::keep().state_timeout(None))]),
        ["shut: set", "shut: off"]
    );
    let both = step("go", || Transition::next("open").state_timeout(millis(5)));
    assert_eq!(told([set(), both]), ["shut: set", "shut: go", "open: state timeout"]);
    // Set again, it starts again: once only.
    assert_eq!(told([set(), set()]), ["shut: set", "shut: set", "shut: state timeout"]);
}

#[test]
fn any_event_ends_an_event_timeout() {
    let set = || step("set", || Transition::keep().event_timeout(millis(10)));
    assert_eq!(told([set()]), ["shut: set", "shut: event timeout"]);
    assert_eq!(told([set(), note("other")]), ["shut: set", "shut: other"]);
    let busy = step("busy", || Transition::keep().event_timeout(Duration::ZERO).internal(note("a")));
    assert_eq!(told([busy]), ["shut: busy", "shut: internal a"]);
}

#[test]
fn a_named_timeout_survives_changes_of_state() {
    let set = |time| step("set", move || Transition::keep().timeout("t", millis(time)));
    assert_eq!(told([set(10), go("open")]), ["shut: set", "shut: go", "open: timeout t"]);
    assert_eq!(told([set(10), set(20)]), ["shut: set", "shut: set", "shut: timeout t"]);
    assert_eq!(
        told([set(10), step("off", || Transition::keep().timeout("t", None))]),
        ["shut: set", "shut: off"]
    );
    let two = step("two", || Transition::keep().timeout("late", millis(20)).timeout("early", millis(10)));
    assert_eq!(told([two]), ["shut: two", "shut: timeout early", "shut: timeout late"]);
    let (_, log) = with_probe("busy", |_, _| async {});
    assert_eq!(log, ["shut: internal first", "shut: timeout t"]);
}

#[test]
fn timeouts_without_a_time_come_after_what_is_queued_and_before_mail() {
    let set = step("set", || {
        let transition = Transition::next("open").timeout("a", Duration::ZERO).internal(note("i"));
        transition.state_timeout(Duration::ZERO).timeout("b", Duration::ZERO).timeout("a", Duration::ZERO)
    });
    let log = told([note("wait"), set, note("later")]);
    assert_eq!(
        log[2..],
        [
            "open: internal i",
            "open: wait",
            "open: state timeout",
            "open: timeout b",
            "open: timeout a",
            "open: later"
        ]
    );
}

#[test]
fn a_timeout_without_a_time_can_be_replaced_before_it_comes() {
    let replace = |time: Option<Duration>| {
        let inner = step("replace", move || Transition::keep().timeout("t", time));
        step("set", move || Transition::keep().timeout("t", Duration::ZERO).internal(inner))
    };
    let log = ["shut: set", "shut: internal replace"];
    assert_eq!(told([replace(None)]), log);
    assert_eq!(told([replace(Some(millis(10)))]), [log[0], log[1], "shut: timeout t"]);
    assert_eq!(told([replace(Some(Duration::MAX))]), log);
}

#[test]
fn a_timer_that_has_fired_can_be_cancelled() {
    // It fires while the machine dozes, and its message waits in the mailbox when it is cancelled.
    let set = || step("set", || Transition::keep().timeout("t", millis(10)));
    let off = step("doze", || Transition::keep().timeout("t", None));
    assert_eq!(told([set(), off]), ["shut: set", "shut: doze"]);
    let again = step("doze", || Transition::keep().timeout("t", millis(10)));
    assert_eq!(told([set(), again]), ["shut: set", "shut: doze", "shut: timeout t"]);
    // A stale one is no event.
    let other = step("doze", || Transition::keep().timeout("t", None).event_timeout(millis(10)));
    assert_eq!(told([set(), other]), ["shut: set", "shut: doze", "shut: event timeout"]);
}

#[test]
fn a_machine_has_timers_of_its_own_beside() {
    let ((), log) = with_probe("", |context, probe| async move {
        let own = context.runtime().whereis("probe").expect("it is registered");
        context.runtime().send_after(own, millis(5), "own".into());
        context.runtime().send(context.pid(), probe.target(), "mail".into()).expect("it is taken");
    });
    assert_eq!(log, ["shut: mail", "shut: info"]);
}

#[test]
fn a_state_is_entered_before_its_first_event() {
    let log = told([note("wait"), go("watched"), step("again", Transition::repeat)]);
    assert_eq!(
        log,
        [
            "shut: wait",
            "shut: go",
            "enters from shut",
            "watched: wait",
            "watched: again",
            "enters from watched",
            "watched: state timeout"
        ]
    );
}

#[test]
fn an_entry_may_end_the_machine() {
    let (reply, log) = with_probe("", |context, probe| async move {
        let goer = async {
            context.sleep(millis(20)).await;
            probe.cast(&context, go("trap door")).expect("it is taken");
        };
        tokio::join!(probe.call(&context, "wait", LIMIT), goer).0
    });
    assert_eq!(reply, Err(CallError::Exited(ExitReason::Custom("fell".into()))));
    assert_eq!(log, ["shut: wait", "shut: go", "trap door: ends custom"]);
}

#[test]
fn the_end_is_the_answer_of_whoever_still_waits() {
    let (replies, log) = with_probe("", |context, probe| async move {
        let stopper = async {
            context.sleep(millis(20)).await;
            let stop = step("stop", || Transition::stop(ExitReason::Shutdown));
            probe.cast(&context, stop).expect("it is taken");
        };
        let postponed = probe.call(&context, "wait", LIMIT);
        let kept = probe.call(&context, "keep", LIMIT);
        let (postponed, kept, ()) = tokio::join!(postponed, kept, stopper);
        (postponed, kept)
    });
    let ended = Err(CallError::Exited(ExitReason::Shutdown));
    assert_eq!(replies, (ended.clone(), ended));
    assert_eq!(log, ["shut: wait", "shut: keep", "shut: stop", "shut: ends shutdown"]);
}

#[test]
fn a_machine_ends_by_itself_by_others_and_by_a_crash() {
    let (reply, log) =
        with_probe("", |context, probe| async move { probe.call(&context, "stop and reply", LIMIT).await });
    assert_eq!((reply, log.len()), (Ok("last".into()), 2));
    let (reply, log) = with_probe("", |context, probe| async move {
        probe.cast(&context, note("before")).expect("it is taken");
        let first = probe.stop(&context, ExitReason::Normal, LIMIT).await;
        (first, probe.stop(&context, ExitReason::Normal, LIMIT).await)
    });
    assert_eq!(reply, (Ok(()), Err(CallError::NoProc)));
    assert_eq!(log, ["shut: before", "shut: ends normal"]);
    let (reply, log) =
        with_probe("", |context, probe| async move { probe.call(&context, "break", LIMIT).await });
    assert!(matches!(reply, Err(CallError::Exited(ExitReason::Crash(_)))), "{reply:?}");
    assert_eq!(log, ["shut: break"]);
}

#[test]
fn an_init_that_fails_leaves_the_name_free() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let refused = probe(&runtime, &log, "refuse").await.expect_err("it refuses");
        assert_eq!(refused, ServerError::Init(ExitReason::Custom("no".into())));
        assert!(matches!(probe(&runtime, &log, "panic").await, Err(ServerError::Init(ExitReason::Crash(_)))));
        probe(&runtime, &log, "").await.expect("it starts");
        let second = probe(&runtime, &log, "").await.expect_err("the name is taken");
        assert!(matches!(second, ServerError::AlreadyRegistered(_)));
    });
}

#[test]
fn a_supervised_machine_is_told_of_the_stop() {
    let log = Log::default();
    on_virtual_time(async {
        let runtime = Runtime::new();
        let args = Start { log: log.clone(), how: "trap" };
        let tree = Supervisor::new("tree").child(ChildSpec::state_machine::<Probe>("probe", args));
        let tree = tree.start(&runtime, None).await.expect("it starts");
        let replies = run(&runtime, |context| async move {
            let probe = StateMachineRef::<Probe>::new("probe");
            let broken = probe.call(&context, "break", LIMIT).await.is_err();
            context.sleep(millis(1)).await;
            (broken, probe.call(&context, "hello", LIMIT).await)
        });
        assert_eq!(replies.await, (true, Ok("hello in shut".into())));
        tree.stop().await;
    });
    assert_eq!(log.lock().expect("a lock").last().expect("an entry"), "shut: ends shutdown");
}

#[test]
fn a_machine_that_keeps_itself_busy_can_be_ended() {
    fn busy() -> Step {
        step("busy", || Transition::next("open").internal(busy()))
    }
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let machine = probe(&runtime, &log, "").await.expect("it starts");
        run(&runtime, |context| async move { machine.cast(&context, busy()) }).await.expect("it is taken");
        tokio::task::yield_now().await;
        runtime.kill(runtime.whereis("probe").expect("it runs"));
        while runtime.whereis("probe").is_some() {
            tokio::task::yield_now().await;
        }
    });
}
