//! Runners: whoever is woken runs, and none sleeps while there is work.

use shuttle::future::block_on;
use shuttle::thread;

use crate::{ExitReason, Runtime, SpawnOptions, check};

#[test]
fn processes_of_many_threads_all_run() {
    check(20000, || {
        let runtime = Runtime::new();
        let spawning = (0..3).map(|_| {
            let runtime = runtime.clone();
            thread::spawn(move || {
                let (done, ran) = tokio::sync::oneshot::channel();
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
fn the_runners_of_a_node_end_with_it() {
    check(20000, || drop(Runtime::new()));
}
