//! Figures of rusm-otp 0.7.0: a line of JSON each. Its messages are bytes (`Vec<u8>`), which the receiver owns.
//! `restart` uses its supervisor, `selective` its `recv_match`.
#[path = "../../harness.rs"]
mod harness;

use harness::{BATCH, Countdown, LISTENERS, Measures, names, per_item, per_second, resident};
use rusm_otp::{Context, ExitReason, Pid, Received, Runtime, Strategy};
use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::oneshot;

const UNTAKEN: u64 = 10_000;

fn main() {
    let measures = Measures::new();
    measures.once("idle", 100_000, idle);
    measures.repeat("spawn", 1_000_000, spawns);
    measures.repeat("ping-pong", 300_000, ping_pong);
    measures.repeat("send-1-1", 1_000_000, |count| sends(1, count));
    measures.repeat("send-8-1", 1_000_000, |count| sends(8, count));
    measures.repeat("call", 300_000, call);
    measures.repeat("restart", 500_000, restart);
    measures.repeat("selective", 100_000, selective);
    measures.repeat("broadcast", 20, broadcast);
    measures.repeat("lookup", 200_000, lookup);
}

/// Runs `body` in a process and waits for its value.
async fn inside<T, F>(otp: &Runtime, body: impl FnOnce(Context) -> F) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    otp.spawn(|context| {
        let body = body(context);
        async move {
            let _ = sender.send(body.await);
        }
    });
    receiver.await.expect("a process that ends normally")
}

async fn bytes(context: &mut Context) -> Vec<u8> {
    context.recv().await.message().expect("a message")
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn message<const N: usize>(numbers: [u64; N]) -> Vec<u8> {
    numbers.map(u64::to_le_bytes).concat()
}

async fn idle(count: u64) -> f64 {
    let otp = Runtime::new();
    let before = resident().await;
    for _ in 0..count {
        otp.spawn(|mut context| async move {
            context.recv().await;
        });
    }
    let after = resident().await;
    assert_eq!(otp.process_count() as u64, count);
    (after - before) / count as f64
}

async fn spawns(count: u64) -> f64 {
    let otp = Runtime::new();
    let start = Instant::now();
    let drivers = [(); 2].map(|()| {
        let inner = otp.clone();
        otp.spawn(move |_| async move {
            for _ in 0..count / 2 / BATCH {
                let batch = Countdown::of(BATCH);
                for _ in 0..BATCH {
                    let batch = batch.clone();
                    inner.spawn(move |_| async move {
                        batch.down();
                    });
                }
                batch.done.notified().await;
            }
        })
    });
    for driver in drivers {
        driver.join().await;
    }
    per_second(count, start)
}

async fn ping_pong(count: u64) -> f64 {
    let otp = Runtime::new();
    let inner = otp.clone();
    let echo = otp.spawn(move |mut context| async move {
        loop {
            let ping = bytes(&mut context).await;
            inner.send(Pid::from_raw(number(&ping, 0)), message([number(&ping, 8)]));
        }
    });
    let (inner, to) = (otp.clone(), echo.pid());
    let time = inside(&otp, move |mut context| async move {
        let start = Instant::now();
        for sent in 0..count {
            inner.send(to, message([context.pid().raw(), sent]));
            assert_eq!(number(&bytes(&mut context).await, 0), sent);
        }
        per_item(count, start)
    });
    let time = time.await;
    echo.kill();
    time
}

async fn sends(senders: u64, count: u64) -> f64 {
    let otp = Runtime::new();
    let start = Instant::now();
    let receiver = otp.spawn(move |mut context| async move {
        for _ in 0..count {
            bytes(&mut context).await;
        }
    });
    for _ in 0..senders {
        let (inner, to) = (otp.clone(), receiver.pid());
        otp.spawn(move |_| async move {
            for _ in 0..count / senders {
                inner.send(to, vec![7; 16]);
            }
        });
    }
    receiver.join().await;
    per_item(count, start)
}

/// Answers with a tag and a number what comes as a pid, a tag and a number.
async fn answer(otp: Runtime, mut context: Context) {
    loop {
        let mut request = bytes(&mut context).await;
        let caller = Pid::from_raw(number(&request, 0));
        otp.send(caller, request.split_off(8));
    }
}

/// `count` requests with a tag of their own, each answered before the next; there are `untaken` messages before them.
async fn requests(untaken: u64, count: u64) -> f64 {
    let otp = Runtime::new();
    let inner = otp.clone();
    let server = otp.spawn(move |context| answer(inner, context));
    let (inner, to) = (otp.clone(), server.pid());
    let time = inside(&otp, move |mut context| async move {
        for tag in 0..untaken {
            inner.send(context.pid(), message([u64::MAX - tag, 0]));
        }
        let start = Instant::now();
        for tag in 0..count {
            inner.send(to, message([context.pid().raw(), tag, tag]));
            let is_reply =
                |item: &Received| matches!(item, Received::Message(body) if number(body, 0) == tag);
            let reply = context.recv_match(is_reply).await.message().expect("a message");
            assert_eq!(number(&reply, 8), tag);
        }
        per_item(count, start)
    });
    let time = time.await;
    server.kill();
    time
}

/// The crate has no call and no demonitor: a request and a reply with the same tag, without a monitor of the server.
async fn call(count: u64) -> f64 {
    requests(0, count).await
}

async fn selective(count: u64) -> f64 {
    requests(UNTAKEN, count).await
}

async fn restart(count: u64) -> f64 {
    let otp = Runtime::new();
    let left = Countdown::of(count + 1);
    let counted = left.clone();
    let start = Instant::now();
    let child = move |otp: &Runtime| {
        let (inner, counted) = (otp.clone(), counted.clone());
        otp.spawn(move |context| async move {
            if counted.down() {
                pending::<()>().await;
            }
            inner.exit(context.pid(), ExitReason::Crashed);
        })
    };
    // Counted over its lifetime: a window would keep the time of every restart.
    let supervisor = otp.supervisor(Strategy::OneForOne).max_restarts(0).over_lifetime().child(child).start();
    left.done.notified().await;
    let rate = per_second(count, start);
    supervisor.kill();
    otp.shutdown();
    rate
}

/// A message is its receiver's own, so each gets a copy. (Its tags have no broadcast: a loop of sends.)
async fn broadcast(rounds: u64) -> f64 {
    let otp = Runtime::new();
    let round = Countdown::of(LISTENERS);
    let mut listeners = Vec::new();
    for _ in 0..LISTENERS {
        let round = round.clone();
        let listener = otp.spawn(move |mut context| async move {
            loop {
                assert_eq!(bytes(&mut context).await.len(), 1024);
                round.down();
            }
        });
        listeners.push(listener.pid());
    }
    let inner = otp.clone();
    let rate = inside(&otp, move |_| async move {
        let payload = vec![7; 1024];
        let start = Instant::now();
        for _ in 0..rounds {
            round.left.store(LISTENERS, Ordering::Release);
            for &listener in &listeners {
                inner.send(listener, payload.clone());
            }
            round.done.notified().await;
        }
        per_second(rounds * LISTENERS, start)
    });
    let rate = rate.await;
    otp.shutdown();
    rate
}

async fn lookup(rounds: u64) -> f64 {
    let otp = Runtime::new();
    let names = Arc::new(names());
    for name in names.iter() {
        let process = otp.spawn(|_| pending());
        assert!(otp.register(name.clone(), process.pid()));
    }
    let start = Instant::now();
    let workers = [0, 1].map(|worker| {
        let (inner, names) = (otp.clone(), names.clone());
        otp.spawn(move |context| async move {
            let own = format!("churn-{worker}");
            for eight in names.chunks(8).cycle().skip(62 * worker).take(rounds as usize) {
                for name in eight {
                    assert!(inner.whereis(name).is_some());
                }
                assert!(inner.register(own.clone(), context.pid()));
                inner.unregister(&own);
            }
        })
    });
    for worker in workers {
        worker.join().await;
    }
    let rate = per_second(2 * rounds * 8, start);
    otp.shutdown();
    rate
}
