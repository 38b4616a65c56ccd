//! Servers in Erlang's form: init, calls answered now and later, casts, infos, timeouts, ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusm_otp::{
    CallError, CallFrom, ChildSpec, Context, ExitReason, GenServer, Message, Next, Runtime, ServerError,
    ServerRef, SpawnOptions, Supervisor, multi_call, start_server,
};
use tokio::time::Instant;

use crate::support::{on_virtual_time, run};

type Log = Arc<Mutex<Vec<String>>>;

/// Does what it is told, and notes what it hears.
struct Desk {
    log: Log,
    waiting: Vec<CallFrom<u32>>,
}

#[derive(Clone)]
struct Start {
    log: Log,
    how: &'static str,
}

#[derive(Clone, Debug)]
enum Ask {
    Double(u32),
    Later,
    Never,
    Forget,
    Break,
    Sleep(Duration),
    Stop,
}

#[derive(Debug)]
enum Tell {
    Note(&'static str),
    Release(u32),
    Idle(Duration),
    GoOn,
    Stop,
}

impl Desk {
    fn note(&self, text: impl Into<String>) {
        self.log.lock().expect("a lock").push(text.into());
    }
}

impl GenServer for Desk {
    type Args = Start;
    type Call = Ask;
    type Reply = u32;
    type Cast = Tell;

    async fn init(args: Start, context: &Context) -> Result<(Self, Next), ExitReason> {
        let desk = Self { log: args.log, waiting: Vec::new() };
        match args.how {
            "refuse" => Err(ExitReason::Custom("no desk".into())),
            "panic" => panic!("broken in init"),
            "continue" => Ok((desk, Next::Continue)),
            "idle" => Ok((desk, Next::Timeout(Duration::from_millis(10)))),
            "trap" => {
                context.runtime().trap_exit(context.pid(), true);
                Ok((desk, Next::Wait))
            }
            _ => Ok((desk, Next::Wait)),
        }
    }

    async fn handle_call(&mut self, ask: Ask, from: CallFrom<u32>, context: &Context) -> Next {
        match ask {
            Ask::Double(number) => drop(from.reply(number * 2)),
            Ask::Later => self.waiting.push(from),
            Ask::Never => std::future::pending().await,
            Ask::Forget => {}
            Ask::Break => panic!("broken on request"),
            Ask::Sleep(time) => {
                context.sleep(time).await;
                from.reply(0);
            }
            Ask::Stop => {
                from.reply(1);
                return Next::Stop(ExitReason::Normal);
            }
        }
        Next::Wait
    }

    async fn handle_cast(&mut self, tell: Tell, _: &Context) -> Next {
        match tell {
            Tell::Note(text) => self.note(text),
            Tell::Release(value) => {
                for from in self.waiting.drain(..) {
                    let heard = from.reply(value);
                    self.log.lock().expect("a lock").push(format!("released {heard}"));
                }
            }
            Tell::Idle(limit) => return Next::Timeout(limit),
            Tell::GoOn => return Next::Continue,
            Tell::Stop => return Next::Stop(ExitReason::Shutdown),
        }
        Next::Wait
    }

    async fn handle_info(&mut self, message: Message, _: &Context) -> Next {
        if let Message::Mail { body, .. } = message {
            self.note(format!("mail {}", String::from_utf8_lossy(&body)));
        }
        Next::Wait
    }

    async fn handle_timeout(&mut self, _: &Context) -> Next {
        self.note("idle");
        Next::Wait
    }

    async fn handle_continue(&mut self, _: &Context) -> Next {
        self.note("goes on");
        Next::Wait
    }

    async fn terminate(&mut self, reason: &ExitReason, _: &Context) {
        self.note(format!("ends {}", reason.name()));
    }
}

const LIMIT: Duration = Duration::from_secs(5);

async fn desk(runtime: &Runtime, log: &Log, how: &'static str) -> Result<ServerRef<Desk>, ServerError> {
    start_server::<Desk>(runtime, SpawnOptions::new("desk"), Start { log: log.clone(), how }).await
}

/// Runs a client of a fresh server, and answers with its value.
fn with_desk<T, F, Fut>(how: &'static str, client: F) -> (T, Vec<String>)
where
    T: Send + 'static,
    F: FnOnce(Context, ServerRef<Desk>) -> Fut + Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let log = Log::default();
    let mut value = None;
    on_virtual_time(async {
        let runtime = Runtime::new();
        let server = desk(&runtime, &log, how).await.expect("it starts");
        value = Some(run(&runtime, |context| client(context, server)).await);
        // What is still to be handled.
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
    let entries = std::mem::take(&mut *log.lock().expect("a lock"));
    (value.expect("it ran"), entries)
}

#[test]
fn calls_are_answered_and_casts_come_first_that_were_sent_first() {
    let (replies, log) = with_desk("", |context, desk| async move {
        desk.cast(&context, Tell::Note("one")).expect("it is taken");
        let first = desk.call(&context, Ask::Double(21), LIMIT).await;
        desk.cast(&context, Tell::Note("two")).expect("it is taken");
        (first, desk.call(&context, Ask::Double(1), LIMIT).await)
    });
    assert_eq!(replies, (Ok(42), Ok(2)));
    assert_eq!(log, ["one", "two"]);
}

#[test]
fn an_init_that_refuses_or_breaks_is_the_starters_error() {
    on_virtual_time(async {
        let (runtime, log) = (Runtime::new(), Log::default());
        let refused = desk(&runtime, &log, "refuse").await.expect_err("it refuses");
        assert_eq!(refused, ServerError::Init(ExitReason::Custom("no desk".into())));
        let broken = desk(&runtime, &log, "panic").await.expect_err("it breaks");
        let ServerError::Init(ExitReason::Crash(crash)) = broken else { panic!("{broken}") };
        assert_eq!((crash.text.as_str(), &*crash.component), ("broken in init", "desk"));
        assert!(runtime.processes().is_empty());
    });
}

#[test]
fn init_may_go_on_before_the_first_message() {
    let (_, log) = with_desk("continue", |context, desk| async move {
        desk.cast(&context, Tell::Note("first")).expect("it is taken");
        desk.cast(&context, Tell::GoOn).expect("it is taken");
    });
    assert_eq!(log, ["goes on", "first", "goes on"]);
}

#[test]
fn a_reply_may_come_later_and_from_another_message() {
    let (replies, log) = with_desk("", |context, desk| async move {
        let both = [desk.clone(), desk.clone()];
        let (release, own) = (desk.clone(), context.clone());
        let later = async move {
            own.sleep(Duration::from_millis(20)).await;
            release.cast(&own, Tell::Release(7)).expect("it is taken");
        };
        let (replies, ()) = tokio::join!(multi_call(&context, &both, Ask::Later, LIMIT), later);
        replies
    });
    assert_eq!(replies, [Ok(7), Ok(7)]);
    assert_eq!(log, ["released true", "released true"]);
}

#[test]
fn a_late_reply_is_dropped() {
    let (replies, log) = with_desk("", |context, desk| async move {
        let late = desk.call(&context, Ask::Later, Duration::from_millis(10)).await;
        desk.cast(&context, Tell::Release(7)).expect("it is taken");
        let next = desk.call(&context, Ask::Double(4), LIMIT).await;
        (late, next, context.runtime().info(context.pid()).map(|info| info.mailbox))
    });
    assert_eq!(replies, (Err(CallError::Timeout), Ok(8), Some(0)));
    assert_eq!(log, ["released false"]);
}

#[test]
fn a_call_that_is_not_answered_is_cancelled_and_one_that_breaks_has_its_crash() {
    let (replies, log) = with_desk("", |context, desk| async move {
        let forgotten = desk.call(&context, Ask::Forget, LIMIT).await;
        let waiting = desk.call(&context, Ask::Later, Duration::from_millis(10)).await;
        let broken = desk.call(&context, Ask::Break, LIMIT).await;
        (forgotten, waiting, broken, desk.call(&context, Ask::Double(1), LIMIT).await)
    });
    assert_eq!((replies.0, replies.1), (Err(CallError::Cancelled), Err(CallError::Timeout)));
    assert!(
        matches!(&replies.2, Err(CallError::Exited(ExitReason::Crash(crash))) if (crash.text.as_str(), crash.function.as_str()) == ("broken on request", "handle_call"))
    );
    assert_eq!(replies.3, Err(CallError::NoProc));
    assert!(log.is_empty(), "a crash is no end in good order: {log:?}");
}

#[test]
fn the_end_of_a_server_answers_everyone_who_waits() {
    let (replies, _) = with_desk("", |context, desk| async move {
        let pid = match desk.target() {
            rusm_otp::Target::Process(pid) => *pid,
            other => panic!("{other:?}"),
        };
        let (killer, runtime) = (context.clone(), context.runtime().clone());
        let kill = async move {
            killer.sleep(Duration::from_millis(10)).await;
            runtime.kill(pid);
        };
        // The first one is in hand, the others wait in the mailbox.
        let all = [desk.clone(), desk.clone(), desk.clone()];
        let (replies, ()) = tokio::join!(multi_call(&context, &all, Ask::Never, LIMIT), kill);
        replies
    });
    assert!(replies.iter().all(|reply| *reply == Err(CallError::Exited(ExitReason::Killed))), "{replies:?}");
}

#[test]
fn a_timeout_comes_when_no_message_does() {
    let (_, log) = with_desk("idle", |context, desk| async move {
        context.sleep(Duration::from_millis(50)).await;
        desk.cast(&context, Tell::Idle(Duration::from_millis(30))).expect("it is taken");
        context.sleep(Duration::from_millis(20)).await;
        desk.cast(&context, Tell::Note("in time")).expect("it is taken");
        context.sleep(Duration::from_millis(100)).await;
        desk.cast(&context, Tell::Idle(Duration::ZERO)).expect("it is taken");
    });
    assert_eq!(log, ["idle", "in time", "idle"]);
}

#[test]
fn a_server_that_stops_is_told_first() {
    let (reply, log) = with_desk("", |context, desk| async move {
        let last = desk.call(&context, Ask::Stop, LIMIT).await;
        (last, desk.call(&context, Ask::Double(1), LIMIT).await)
    });
    assert_eq!(reply.0, Ok(1));
    assert!(matches!(reply.1, Err(CallError::NoProc | CallError::Exited(ExitReason::Normal))), "{reply:?}");
    assert_eq!(log, ["ends normal"]);
    let (_, log) = with_desk("", |context, desk| async move {
        desk.cast(&context, Tell::Stop).expect("it is taken");
    });
    assert_eq!(log, ["ends shutdown"]);
}

#[test]
fn the_reason_of_a_stop_answers_whoever_waits_for_later() {
    let (replies, log) = with_desk("", |context, desk| async move {
        let stopper = async {
            context.sleep(Duration::from_millis(20)).await;
            desk.cast(&context, Tell::Stop).expect("it is taken");
        };
        tokio::join!(desk.call(&context, Ask::Later, LIMIT), stopper).0
    });
    assert_eq!(replies, Err(CallError::Exited(ExitReason::Shutdown)));
    assert_eq!(log, ["ends shutdown"]);
}

#[test]
fn whoever_stops_a_server_waits_for_its_end() {
    let (ends, log) = with_desk("", |context, desk| async move {
        desk.cast(&context, Tell::Note("before")).expect("it is taken");
        let first = desk.stop(&context, ExitReason::Shutdown, LIMIT).await;
        (first, desk.stop(&context, ExitReason::Shutdown, LIMIT).await)
    });
    assert_eq!(ends, (Ok(()), Err(CallError::NoProc)));
    assert_eq!(log, ["before", "ends shutdown"]);
}

#[test]
fn a_call_may_wait_longer_than_time() {
    let (reply, _) =
        with_desk(
            "",
            |context, desk| async move { desk.call(&context, Ask::Double(2), Duration::MAX).await },
        );
    assert_eq!(reply, Ok(4));
}

#[test]
fn a_server_that_goes_on_for_ever_can_be_ended() {
    struct Restless;
    impl GenServer for Restless {
        type Args = ();
        type Call = ();
        type Reply = ();
        type Cast = ();
        async fn init((): (), _: &Context) -> Result<(Self, Next), ExitReason> {
            Ok((Self, Next::Continue))
        }
        async fn handle_call(&mut self, (): (), _: CallFrom<()>, _: &Context) -> Next {
            Next::Wait
        }
        async fn handle_continue(&mut self, _: &Context) -> Next {
            Next::Continue
        }
    }
    on_virtual_time(async {
        let runtime = Runtime::new();
        let options = SpawnOptions::new("restless").name("restless");
        start_server::<Restless>(&runtime, options, ()).await.expect("it starts");
        runtime.kill(runtime.whereis("restless").expect("it runs"));
        while runtime.whereis("restless").is_some() {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn mail_and_calls_of_another_kind() {
    struct Other;
    impl GenServer for Other {
        type Args = ();
        type Call = u8;
        type Reply = u8;
        type Cast = u8;
        async fn init((): (), _: &Context) -> Result<(Self, Next), ExitReason> {
            Ok((Self, Next::Wait))
        }
        async fn handle_call(&mut self, _: u8, from: CallFrom<u8>, _: &Context) -> Next {
            from.reply(1);
            Next::Wait
        }
    }
    let (replies, log) = with_desk("", |context, desk| async move {
        let wrong = ServerRef::<Other>::new(desk.target().clone());
        wrong.cast(&context, 1).expect("it is taken");
        let answer = wrong.call(&context, 1, LIMIT).await;
        context.runtime().send(context.pid(), desk.target(), "hello".into()).expect("it is taken");
        (answer, desk.call(&context, Ask::Double(1), LIMIT).await)
    });
    assert_eq!(replies.0, Err(CallError::UnknownFunction("desk does not take such calls".into())));
    assert_eq!(replies.1, Ok(2));
    assert_eq!(log, ["mail hello"]);
}

#[test]
fn a_deadline_is_the_callers_own() {
    let (times, _) = with_desk("", |context, desk| async move {
        let since = Instant::now();
        let late =
            desk.call(&context, Ask::Sleep(Duration::from_millis(50)), Duration::from_millis(10)).await;
        let gave_up = since.elapsed();
        // It is answered when the server is through with the one before.
        let next = desk.call(&context, Ask::Double(1), LIMIT).await;
        (late, gave_up, next, since.elapsed())
    });
    assert_eq!((times.0, times.2), (Err(CallError::Timeout), Ok(2)));
    assert!(
        times.1 < Duration::from_millis(20) && times.3 >= Duration::from_millis(50),
        "{:?}",
        (times.1, times.3)
    );
}

#[test]
fn a_supervised_server_keeps_its_name_and_is_told_of_the_stop() {
    let log = Log::default();
    on_virtual_time(async {
        let runtime = Runtime::new();
        let args = Start { log: log.clone(), how: "trap" };
        let tree = Supervisor::new("tree").child(ChildSpec::server::<Desk>("desk", args));
        let tree = tree.start(&runtime, None).await.expect("it starts");
        let first = runtime.whereis("desk").expect("it is registered");
        let replies = run(&runtime, |context| async move {
            let desk = ServerRef::<Desk>::new("desk");
            let broken = desk.call(&context, Ask::Break, LIMIT).await.is_err();
            context.sleep(Duration::from_millis(1)).await;
            (broken, desk.call(&context, Ask::Double(3), LIMIT).await)
        });
        assert_eq!(replies.await, (true, Ok(6)));
        assert_ne!(runtime.whereis("desk"), Some(first));
        tree.stop().await;
    });
    assert_eq!(*log.lock().expect("a lock"), ["ends shutdown"]);
}

/// Answers with what another server answers, which it calls.
struct Relay(Option<ServerRef<Relay>>);

impl GenServer for Relay {
    type Args = ();
    type Call = ();
    type Reply = Result<(), CallError>;
    type Cast = ServerRef<Relay>;

    async fn init((): (), _: &Context) -> Result<(Self, Next), ExitReason> {
        Ok((Self(None), Next::Wait))
    }

    async fn handle_call(&mut self, (): (), from: CallFrom<Self::Reply>, context: &Context) -> Next {
        let answer = match &self.0 {
            Some(next) => next.call(context, (), Duration::from_secs(5)).await.and_then(|answer| answer),
            None => Ok(()),
        };
        from.reply(answer);
        Next::Wait
    }

    async fn handle_cast(&mut self, next: ServerRef<Relay>, _: &Context) -> Next {
        self.0 = Some(next);
        Next::Wait
    }

    fn format_status(&self) -> String {
        format!("relays: {}", self.0.is_some())
    }
}

/// So many relays in a row.
async fn relays(runtime: &Runtime, names: &[&'static str]) -> Vec<ServerRef<Relay>> {
    let mut relays = Vec::new();
    for name in names {
        let options = SpawnOptions::new(*name).name(*name);
        relays.push(start_server::<Relay>(runtime, options, ()).await.expect("it starts"));
    }
    relays
}

#[test]
fn servers_that_call_each_other_in_a_circle_are_told_at_once_and_by_name() {
    on_virtual_time(async {
        for names in [&["a", "b"][..], &["a", "b", "c"], &["a"]] {
            let runtime = Runtime::new();
            let servers = relays(&runtime, names).await;
            let first = servers[0].clone();
            let start = Instant::now();
            let answers = run(&runtime, move |context| async move {
                for (place, server) in servers.iter().enumerate() {
                    server.cast(&context, servers[(place + 1) % servers.len()].clone()).expect("it is taken");
                }
                let answer = first.call(&context, (), Duration::from_secs(5)).await;
                // They go on afterwards.
                (answer, first.call(&context, (), Duration::from_secs(5)).await)
            });
            let answers = answers.await;
            assert_eq!(start.elapsed(), Duration::ZERO);
            let Ok(Err(CallError::Cycle(chain))) = &answers.0 else { panic!("{answers:?}") };
            // The one that closes the circle is the last one, which calls the first.
            let mut expected = vec![names[names.len() - 1]];
            expected.extend(names);
            assert_eq!(*chain, expected);
            assert_eq!(answers.0, answers.1);
        }
    });
}

#[test]
fn a_chain_of_servers_that_is_no_circle_answers() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let servers = relays(&runtime, &["a", "b", "c", "d"]).await;
        let answer = run(&runtime, move |context| async move {
            for (server, next) in servers.iter().zip(&servers[1..]) {
                server.cast(&context, next.clone()).expect("it is taken");
            }
            servers[0].call(&context, (), Duration::from_secs(5)).await
        });
        assert_eq!(answer.await, Ok(Ok(())));
    });
}

#[test]
fn a_suspended_server_answers_nothing_but_system_messages() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let server = relays(&runtime, &["a"]).await.remove(0);
        let seen = run(&runtime, move |context| async move {
            let (target, limit) = (server.target().clone(), Duration::from_millis(50));
            rusm_otp::suspend(&context, &target, limit).await.expect("it is suspended");
            let waited = server.call(&context, (), limit).await;
            let suspended = rusm_otp::status(&context, &target, limit).await.expect("it answers");
            rusm_otp::resume(&context, &target, limit).await.expect("it goes on");
            let answer = server.call(&context, (), limit).await;
            let resumed = rusm_otp::status(&context, &target, limit).await.expect("it answers");
            (waited, suspended, answer, resumed)
        });
        let (waited, suspended, answer, resumed) = seen.await;
        assert_eq!((waited, answer), (Err(CallError::Timeout), Ok(Ok(()))));
        assert_eq!((suspended.suspended, resumed.suspended), (true, false));
        assert_eq!(suspended.state, "relays: false");
    });
}
