//! Figures of hydra 0.1.40: a line of JSON each. Its local messages are boxed values of any type.
#[path = "../../harness.rs"]
mod harness;

use harness::{BATCH, Countdown, LISTENERS, Measures, names, per_item, per_second, resident};
use hydra::{
    ChildSpec, ExitReason, From, GenServer, GenServerOptions, Local, Message, Pid, Process, Reference,
    SupervisionStrategy, Supervisor, SupervisorOptions,
};
use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const UNTAKEN: u64 = 10_000;

static PANICS: AtomicU64 = AtomicU64::new(0);

fn main() {
    // A process that ends on another thread before its spawn has entered it in the table panics: counted, not printed.
    std::panic::set_hook(Box::new(|_| {
        PANICS.fetch_add(1, Ordering::Relaxed);
    }));
    let measures = Measures::new();
    measures.once("idle", 100_000, idle);
    measures.repeat("spawn", 1_000_000, spawns);
    measures.repeat("ping-pong", 300_000, ping_pong);
    measures.repeat("send-1-1", 1_000_000, |count| sends(1, count));
    measures.repeat("send-8-1", 1_000_000, |count| sends(8, count));
    measures.repeat("call", 300_000, call);
    measures.repeat("restart", 300_000, restart);
    measures.repeat("selective", 100_000, selective);
    measures.repeat("broadcast", 20, broadcast);
    measures.repeat("lookup", 200_000, lookup);
    let panics = PANICS.load(Ordering::Relaxed);
    if panics > 0 {
        eprintln!("{panics} processes ended before they were in hydra's table, and panicked");
    }
}

/// Runs `body` in a process; what comes back gives its value. It begins when its spawn is done: before that it may be
/// in no table, and what is sent to it would be lost.
fn inside<T: Send + 'static>(body: impl Future<Output = T> + Send + 'static) -> impl Future<Output = T> {
    let (sender, receiver) = oneshot::channel();
    let (begin, begun) = oneshot::channel();
    Process::spawn(async move {
        let _: Result<(), _> = begun.await;
        let _ = sender.send(body.await);
    });
    let _ = begin.send(());
    async { receiver.await.expect("a process that ends normally") }
}

/// The next message, which is of type `T`.
async fn next<T: hydra::Receivable>() -> T {
    match Process::receive().await {
        Message::User(message) => message,
        Message::System(system) => panic!("{system:?}"),
    }
}

async fn kill(pid: Pid) {
    inside(async move { Process::exit(pid, ExitReason::Kill) }).await;
}

async fn idle(count: u64) -> f64 {
    let before = resident().await;
    for _ in 0..count {
        Process::spawn(next::<()>());
    }
    let after = resident().await;
    let processes = Process::list();
    assert_eq!(processes.len() as u64, count);
    for process in processes {
        Process::send(process, ());
    }
    (after - before) / count as f64
}

async fn spawns(count: u64) -> f64 {
    let start = Instant::now();
    let drivers = [(); 2].map(|()| {
        inside(async move {
            for _ in 0..count / 2 / BATCH {
                let batch = Countdown::of(BATCH);
                for _ in 0..BATCH {
                    let batch = batch.clone();
                    Process::spawn(async move {
                        batch.down();
                    });
                }
                batch.done.notified().await;
            }
        })
    });
    for driver in drivers {
        driver.await;
    }
    per_second(count, start)
}

async fn ping_pong(count: u64) -> f64 {
    let echo = Process::spawn(async {
        loop {
            let (from, number) = next::<(Pid, u64)>().await;
            Process::send(from, number);
        }
    });
    let time = inside(async move {
        let start = Instant::now();
        for sent in 0..count {
            Process::send(echo, (Process::current(), sent));
            assert_eq!(next::<u64>().await, sent);
        }
        per_item(count, start)
    });
    let time = time.await;
    kill(echo).await;
    time
}

async fn sends(senders: u64, count: u64) -> f64 {
    let start = Instant::now();
    let (sender, all_came) = oneshot::channel();
    let receiver = Process::spawn(async move {
        for _ in 0..count {
            next::<[u8; 16]>().await;
        }
        let _ = sender.send(());
    });
    for _ in 0..senders {
        Process::spawn(async move {
            for _ in 0..count / senders {
                Process::send(receiver, [7_u8; 16]);
            }
        });
    }
    all_came.await.expect("a process that ends normally");
    per_item(count, start)
}

struct Echo;

impl GenServer for Echo {
    type Message = u64;

    async fn init(&mut self) -> Result<(), ExitReason> {
        Ok(())
    }

    async fn handle_call(&mut self, number: u64, _: From) -> Result<Option<u64>, ExitReason> {
        Ok(Some(number))
    }
}

async fn call(count: u64) -> f64 {
    let time = inside(async move {
        let echo = Echo.start(GenServerOptions::new()).await.expect("a server");
        let start = Instant::now();
        for number in 0..count {
            assert_eq!(Echo::call(echo, number, None).await.ok(), Some(number));
        }
        let time = per_item(count, start);
        Process::exit(echo, ExitReason::Kill);
        time
    });
    time.await
}

/// A child that ended before its spawn has entered it in the table would not be noticed: it waits for a message first.
async fn restart(count: u64) -> f64 {
    let left = Countdown::of(count + 1);
    let counted = left.clone();
    let start = Instant::now();
    let child = ChildSpec::new("child").start(move || {
        let counted = counted.clone();
        async move {
            let child = Process::spawn_link(async move {
                next::<()>().await;
                if counted.down() {
                    pending::<()>().await;
                }
                Process::exit(Process::current(), ExitReason::Custom(String::new()));
            });
            Process::send(child, ());
            Ok(child)
        }
    });
    // A window of no time: of any other, the supervisor would go through the time of every restart in it.
    let supervisor = Supervisor::with_children([child])
        .strategy(SupervisionStrategy::OneForOne)
        .max_restarts(usize::MAX)
        .max_duration(Duration::ZERO);
    let start_supervisor = async { supervisor.start(SupervisorOptions::new()).await.expect("a supervisor") };
    let supervisor = inside(start_supervisor).await;
    left.done.notified().await;
    let rate = per_second(count, start);
    kill(supervisor).await;
    rate
}

/// What is before the reply in the mailbox is of the reply's type, so that the filter sees it.
async fn selective(count: u64) -> f64 {
    let echo = Process::spawn(async {
        loop {
            let (from, tag, number) = next::<(Pid, Reference, u64)>().await;
            Process::send(from, (tag, number));
        }
    });
    let time = inside(async move {
        for number in 0..UNTAKEN {
            Process::send(Process::current(), (Reference::new(), number));
        }
        let start = Instant::now();
        for sent in 0..count {
            let tag = Reference::new();
            Process::send(echo, (Process::current(), tag, sent));
            let is_reply = |message: &Message<&(Reference, u64)>| match message {
                Message::User((of, _)) => *of == tag,
                Message::System(_) => false,
            };
            let reply = Process::receiver().for_message().select(is_reply).await;
            assert!(matches!(reply, Message::User((_, number)) if number == sent));
        }
        per_item(count, start)
    });
    let time = time.await;
    kill(echo).await;
    time
}

/// A loop of sends of a shared payload, as hydra's documentation advises: a send to many serializes it.
async fn broadcast(rounds: u64) -> f64 {
    let round = Countdown::of(LISTENERS);
    let mut listeners = Vec::new();
    for _ in 0..LISTENERS {
        let round = round.clone();
        listeners.push(Process::spawn(async move {
            loop {
                assert_eq!(next::<Local<Arc<[u8]>>>().await.len(), 1024);
                round.down();
            }
        }));
    }
    let rate = inside(async move {
        let payload: Arc<[u8]> = Arc::from([7; 1024]);
        let start = Instant::now();
        for _ in 0..rounds {
            round.left.store(LISTENERS, Ordering::Release);
            for &listener in &listeners {
                Process::send(listener, Local::new(payload.clone()));
            }
            round.done.notified().await;
        }
        let rate = per_second(rounds * LISTENERS, start);
        for listener in listeners {
            Process::exit(listener, ExitReason::Kill);
        }
        rate
    });
    rate.await
}

async fn lookup(rounds: u64) -> f64 {
    let names = Arc::new(names());
    let mut processes = Vec::new();
    for name in names.iter() {
        let process = Process::spawn(pending());
        Process::register(process, name.clone()).expect("a free name");
        processes.push(process);
    }
    let start = Instant::now();
    let workers = [0, 1].map(|worker| {
        let names = names.clone();
        inside(async move {
            let own = format!("churn-{worker}");
            for eight in names.chunks(8).cycle().skip(62 * worker).take(rounds as usize) {
                for name in eight {
                    assert!(Process::whereis(name).is_some());
                }
                Process::register(Process::current(), own.clone()).expect("a free name");
                Process::unregister(&own);
            }
        })
    });
    for worker in workers {
        worker.await;
    }
    let rate = per_second(2 * rounds * 8, start);
    for process in processes {
        kill(process).await;
    }
    // Names are free again when their processes have gone.
    while !Process::registered().is_empty() {
        tokio::task::yield_now().await;
    }
    rate
}
