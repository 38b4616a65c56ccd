//! Runners: whoever is woken runs, and none sleeps while there is work.

use shuttle::future::block_on;
use shuttle::thread;
use tokio::sync::oneshot;

use crate::body::Body;
use crate::{ExitReason, Pid, Runtime, SpawnOptions, check};

#[test]
fn processes_of_many_threads_all_run() {
    check(2000, || {
        let runtime = Runtime::new();
        let spawning = (0..3).map(|_| {
            let runtime = runtime.clone();
            thread::spawn(move || {
                let (done, ran) = oneshot::channel();
                let body = |_| async move {
                    done.send(()).expect("somebody waits");
                    ExitReason::Normal
                };
                runtime.spawn(SpawnOptions::new("one"), body).expect("no name");
                block_on(ran).expect("it runs");
            })
        });
        let spawning: Vec<_> = spawning.collect();
        spawning.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    });
}

#[test]
fn work_from_outside_is_found() {
    check(8000, || {
        let runtime = Runtime::new();
        let threads = (0..3).map(|id| {
            let runtime = runtime.clone();
            let (done, ran) = oneshot::channel();
            let future = async move {
                done.send(()).expect("somebody waits");
                ExitReason::Normal
            };
            // Known to nobody: only the scheduler has a part in it.
            let body = Body::new(runtime.clone(), Pid { node: 0, id }, true, future);
            thread::spawn(move || {
                runtime.scheduler().admit(body);
                drop(runtime);
                block_on(ran).expect("it runs");
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    });
}

#[test]
fn the_runners_of_a_node_end_with_it() {
    check(4000, || drop(Runtime::new()));
}
