//! RUSM's own figures of the group `otp`: a line of JSON each, `{ "measure", "value" }`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusm_otp::{
    CallFrom, ChildSpec, Context, ExitReason, GenServer, Message, Next, Payload, Pid, Runtime, ServerRef,
    SpawnOptions, Supervisor, Target, start_server,
};
use tokio::sync::oneshot;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let only = std::env::args().nth(1);
    let wanted = |measure: &str| only.as_deref().is_none_or(|only| only == measure);
    // First of all: places that others have used before are resident already.
    if wanted("idle") {
        row("idle", idle().await);
    }
    let runtime = Runtime::new();
    macro_rules! rows {
        ($name:literal, $run:expr) => {
            if wanted($name) {
                for _ in 0..3 {
                    row($name, $run.await);
                }
            }
        };
    }
    rows!("spawn", spawn(&runtime));
    rows!("ping-pong", ping_pong(&runtime));
    rows!("send-1-1", send(&runtime, 1));
    rows!("send-8-1", send(&runtime, 8));
    rows!("call", call(&runtime));
    rows!("restart", restart(&runtime));
    rows!("selective", selective(&runtime));
    rows!("broadcast", broadcast(&runtime));
    rows!("lookup", lookup(&runtime));
    rows!("event-in-flood", event_in_flood(&runtime));
}

fn row(measure: &str, value: f64) {
    println!("{{\"measure\": \"{measure}\", \"value\": {value:.1}}}");
}

/// Runs a process and waits for what it answers.
async fn within<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    runtime: &Runtime,
    body: impl FnOnce(Context) -> F + Send + 'static,
) -> T {
    let (done, result) = oneshot::channel();
    let body = move |context: Context| async move {
        let _ = done.send(body(context).await);
        ExitReason::Normal
    };
    runtime.spawn(SpawnOptions::default(), body).expect("no name");
    result.await.expect("an answer")
}

fn spawn_plain<F: Future<Output = ()> + Send + 'static>(
    runtime: &Runtime,
    body: impl FnOnce(Context) -> F + Send + 'static,
) -> Pid {
    let body = move |context: Context| async move {
        body(context).await;
        ExitReason::Normal
    };
    runtime.spawn(SpawnOptions::default(), body).expect("no name").pid
}

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap_or(0.0) * 1024.0
}

/// Resident bytes of a process that waits.
async fn idle() -> f64 {
    let runtime = Runtime::new();
    let before = resident();
    for _ in 0..100_000 {
        spawn_plain(&runtime, async |context| drop(context.receive().await));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    (resident() - before) / 100_000.0
}

/// Processes a second, spawned by two processes at once, run and gone.
async fn spawn(runtime: &Runtime) -> f64 {
    let start = Instant::now();
    let drivers = [(); 2].map(|()| {
        tokio::spawn({
            let runtime = runtime.clone();
            async move {
                within(&runtime, |context| async move {
                    for _ in 0..500 {
                        let left = Arc::new(AtomicU64::new(1000));
                        let driver = context.pid();
                        for _ in 0..1000 {
                            let left = left.clone();
                            spawn_plain(context.runtime(), async move |context| {
                                if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                                    let _ =
                                        context.runtime().send(context.pid(), &driver.into(), Payload::new());
                                }
                            });
                        }
                        context.receive().await;
                    }
                })
                .await
            }
        })
    });
    for driver in drivers {
        driver.await.expect("a driver");
    }
    1_000_000.0 / start.elapsed().as_secs_f64()
}

fn number(message: &Message) -> Option<u64> {
    let Message::Mail { body, .. } = message else { return None };
    body.as_ref().try_into().ok().map(u64::from_le_bytes)
}

fn mail(number: u64) -> Payload {
    number.to_le_bytes().into()
}

fn echo(runtime: &Runtime) -> Pid {
    spawn_plain(runtime, async |context| {
        while let Message::Mail { sender, body } = context.receive().await {
            let _ = context.send(&sender.into(), body).await;
        }
    })
}

/// Nanoseconds of a round trip between two processes.
async fn ping_pong(runtime: &Runtime) -> f64 {
    let echo = echo(runtime);
    let time = within(runtime, move |context| async move {
        let echo = Target::from(echo);
        let start = Instant::now();
        for round in 0..300_000 {
            let _ = context.send(&echo, mail(round)).await;
            assert_eq!(number(&context.receive().await), Some(round));
        }
        start.elapsed()
    });
    let time = time.await;
    runtime.kill(echo);
    time.as_secs_f64() * 1e9 / 300_000.0
}

/// Nanoseconds of a message of 16 bytes, until all have come.
async fn send(runtime: &Runtime, senders: u64) -> f64 {
    const MESSAGES: u64 = 1_000_000;
    let time = within(runtime, move |context| async move {
        let own = Target::from(context.pid());
        let start = Instant::now();
        for _ in 0..senders {
            let own = own.clone();
            spawn_plain(context.runtime(), async move |context| {
                for _ in 0..MESSAGES / senders {
                    let _ = context.send(&own, [7; 16]).await;
                }
            });
        }
        for _ in 0..MESSAGES {
            context.receive().await;
        }
        start.elapsed()
    });
    time.await.as_secs_f64() * 1e9 / MESSAGES as f64
}

struct Echo;

impl GenServer for Echo {
    type Args = ();
    type Call = u64;
    type Reply = u64;
    type Cast = ();

    async fn init((): (), _: &Context) -> Result<(Self, Next), ExitReason> {
        Ok((Self, Next::Wait))
    }

    async fn handle_call(&mut self, number: u64, from: CallFrom<u64>, _: &Context) -> Next {
        from.reply(number);
        Next::Wait
    }
}

/// Nanoseconds of a call of a server.
async fn call(runtime: &Runtime) -> f64 {
    let server: ServerRef<Echo> =
        start_server(runtime, SpawnOptions::new("echo"), ()).await.expect("a server");
    let Target::Process(pid) = *server.target() else { panic!("a pid") };
    let time = within(runtime, |context| async move {
        let start = Instant::now();
        for number in 0..300_000 {
            assert_eq!(server.call(&context, number, Duration::from_secs(5)).await, Ok(number));
        }
        start.elapsed()
    });
    let time = time.await;
    runtime.kill(pid);
    time.as_secs_f64() * 1e9 / 300_000.0
}

/// Restarts a second of a child that crashes as soon as it runs.
async fn restart(runtime: &Runtime) -> f64 {
    const RESTARTS: u64 = 1_000_000;
    let child = ChildSpec::process("crashing", async |_| ExitReason::Custom(Bytes::from_static(b"crash")));
    let supervisor = Supervisor::new("bench").intensity(usize::MAX, Duration::from_secs(1)).child(child);
    let start = Instant::now();
    let supervision = supervisor.start(runtime, None).await.expect("a supervisor");
    while supervision.restarts() < RESTARTS {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let rate = supervision.restarts() as f64 / start.elapsed().as_secs_f64();
    supervision.stop().await;
    rate
}

/// Nanoseconds of a round trip while 10,000 messages stay in the mailbox.
async fn selective(runtime: &Runtime) -> f64 {
    const ROUNDS: u64 = 100_000;
    let echo = echo(runtime);
    let time = within(runtime, move |context| async move {
        for _ in 0..10_000 {
            let _ = context.runtime().send(context.pid(), &context.pid().into(), Payload::new());
        }
        let echo = Target::from(echo);
        let start = Instant::now();
        for round in 0..ROUNDS {
            let mark = context.mark();
            let _ = context.send(&echo, mail(round)).await;
            context.receive_since(mark, |message| number(message) == Some(round)).await;
        }
        start.elapsed()
    });
    let time = time.await;
    runtime.kill(echo);
    time.as_secs_f64() * 1e9 / ROUNDS as f64
}

/// Messages a second of 1 KiB that 10,000 processes get.
async fn broadcast(runtime: &Runtime) -> f64 {
    const MEMBERS: u64 = 10_000;
    const ROUNDS: u64 = 20;
    let left = Arc::new(AtomicU64::new(0));
    let time = within(runtime, move |context| async move {
        let sender = context.pid();
        // Members of an earlier run may be about to leave theirs.
        let group = format!("group of {}", sender.id);
        let member = |_| {
            let left = left.clone();
            spawn_plain(context.runtime(), async move |context| {
                for _ in 0..ROUNDS {
                    let _ = context.receive().await;
                    if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                        let _ = context.runtime().send(context.pid(), &sender.into(), Payload::new());
                    }
                }
            })
        };
        let members: Vec<Pid> = (0..MEMBERS).map(member).collect();
        for member in members {
            context.runtime().join(&group, member);
        }
        let start = Instant::now();
        for _ in 0..ROUNDS {
            left.store(MEMBERS, Ordering::Release);
            context.runtime().broadcast(sender, &group, &vec![7; 1024].into());
            context.receive().await;
        }
        start.elapsed()
    });
    (MEMBERS * ROUNDS) as f64 / time.await.as_secs_f64()
}

/// Nanoseconds from the end of a monitored process to its message, for a process that takes what comes from the runtime
/// first and has 100,000 other messages to go through.
async fn event_in_flood(runtime: &Runtime) -> f64 {
    let (done, took) = oneshot::channel();
    let flooded = async move |context: Context| {
        let runtime = context.runtime();
        let victim = spawn_plain(runtime, async |context| drop(context.receive().await));
        runtime.monitor(context.pid(), &victim.into());
        for number in 0..100_000 {
            let _ = runtime.send(context.pid(), &context.pid().into(), mail(number));
        }
        let killed = Arc::new(OnceLock::new());
        let at = killed.clone();
        spawn_plain(runtime, async move |context| {
            let _ = at.set(Instant::now());
            context.runtime().kill(victim);
        });
        while let Message::Mail { .. } = context.receive().await {}
        let _ = done.send(killed.get().map_or(f64::NAN, |at| at.elapsed().as_secs_f64() * 1e9));
        ExitReason::Normal
    };
    runtime.spawn(SpawnOptions::default().system_first(true), flooded).expect("no name");
    took.await.expect("an answer")
}

/// Names looked up a second by two processes, which register and unregister some of their own.
async fn lookup(runtime: &Runtime) -> f64 {
    const ROUNDS: usize = 200_000;
    let names: Arc<Vec<String>> = Arc::new((0..1000).map(|number| format!("name-{number}")).collect());
    let mut holders = Vec::new();
    for name in names.iter() {
        let options = SpawnOptions::default().name(name.as_str());
        let body = async |context: Context| {
            context.receive().await;
            ExitReason::Normal
        };
        holders.push(runtime.spawn(options, body).expect("a free name").pid);
    }
    let start = Instant::now();
    let workers = ["churn-0", "churn-1"].map(|own| {
        let (names, runtime) = (names.clone(), runtime.clone());
        tokio::spawn(async move {
            within(&runtime, move |context| async move {
                let runtime = context.runtime();
                let mut place = 0;
                for _ in 0..ROUNDS {
                    for _ in 0..8 {
                        assert!(runtime.whereis(&names[place]).is_some());
                        place = (place + 1) % names.len();
                    }
                    runtime.register(context.pid(), own).expect("a free name");
                    runtime.unregister(context.pid(), own);
                }
            })
            .await
        })
    });
    for worker in workers {
        worker.await.expect("a worker");
    }
    let time = start.elapsed();
    for pid in holders {
        runtime.kill(pid);
    }
    // Their names are free again when they are gone.
    while names.iter().any(|name| runtime.whereis(name).is_some()) {
        tokio::task::yield_now().await;
    }
    (2 * ROUNDS * 8) as f64 / time.as_secs_f64()
}
