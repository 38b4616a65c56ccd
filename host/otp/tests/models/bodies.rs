//! Turns and wakes of one process.

use std::sync::Arc;
use std::task::Wake as _;

use shuttle::future::block_on;
use shuttle::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use shuttle::thread;
use tokio::sync::oneshot;

use crate::body::Body;
use crate::support::both;
use crate::{ExitReason, Pid, Runtime, check};

/// Known to the scheduler alone.
const NOBODY: Pid = Pid { node: 0, id: 0 };

#[test]
fn no_wake_is_lost_and_one_runner_runs_it_at_a_time() {
    check(2000, || {
        let runtime = Runtime::new();
        let (woken, inside) = (Arc::new(AtomicU32::new(0)), AtomicBool::new(false));
        let (done, ran) = oneshot::channel();
        let seen = woken.clone();
        let future = async move {
            std::future::poll_fn(|_| {
                assert!(!inside.swap(true, Ordering::SeqCst), "two run it");
                let all = seen.load(Ordering::SeqCst) == 3;
                inside.store(false, Ordering::SeqCst);
                if all { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
            done.send(()).expect("somebody waits");
            ExitReason::Normal
        };
        let body = Body::new(runtime.clone(), NOBODY, true, future);
        runtime.scheduler().admit(body.clone());
        let waking = (0..3).map(|_| {
            let (woken, body) = (woken.clone(), body.clone());
            thread::spawn(move || {
                woken.fetch_add(1, Ordering::SeqCst);
                body.wake();
            })
        });
        let waking: Vec<_> = waking.collect();
        waking.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
        block_on(ran).expect("its last wake is seen");
    });
}

#[test]
fn a_future_that_is_given_up_is_dropped_wherever_it_is() {
    check(2000, || {
        let runtime = Runtime::new();
        let (held, dropped) = oneshot::channel::<()>();
        let future = async move {
            std::future::pending::<()>().await;
            drop(held);
            ExitReason::Normal
        };
        let body = Body::new(runtime.clone(), NOBODY, true, future);
        runtime.scheduler().admit(body.clone());
        let (woken, abandoned) = (body.clone(), body.clone());
        both(move || woken.wake(), move || abandoned.abandon());
        // The body is still there, and so would be what it keeps.
        block_on(dropped).expect_err("it is dropped, and nothing sent");
        drop(body);
    });
}
