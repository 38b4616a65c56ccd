//! Links, monitors and timers while those that they are about end.

use std::time::Duration;

use shuttle::future::block_on;
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::thread;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::runtime::timers::fire;
use crate::support::{Listener, both, end_of};
use crate::{Context, ExitReason, Message, Runtime, SpawnOptions, check};

#[test]
fn a_link_to_a_process_that_ends_meanwhile_fires_once() {
    check(1500, || {
        let runtime = Runtime::new();
        let (lives, ends) = (Listener::start(&runtime), Listener::start(&runtime));
        let (one, other) = (lives.pid, ends.pid);
        let pair = if thread_rng().gen_bool(0.5) { (one, other) } else { (other, one) };
        let gone = end_of(&runtime, other);
        let (linking, killing) = (runtime.clone(), runtime.clone());
        both(move || linking.link(pair.0, pair.1), move || killing.kill(other));
        block_on(gone).expect("it ends");
        assert_eq!(runtime.info(one).expect("it lives").links, []);
        let heard = lives.heard(&runtime);
        assert!(matches!(&heard[..], [Message::Exit { pid, .. }] if *pid == other), "{heard:?}");
    });
}

#[test]
fn a_link_that_is_ended_meanwhile_is_there_or_not() {
    check(1500, || {
        let runtime = Runtime::new();
        let (lives, ends) = (Listener::start(&runtime), Listener::start(&runtime));
        let (one, other) = (lives.pid, ends.pid);
        let (linking, unlinking) = (runtime.clone(), runtime.clone());
        both(move || linking.link(one, other), move || unlinking.unlink(other, one));
        let links = [one, other].map(|pid| runtime.info(pid).expect("it lives").links.len());
        let gone = end_of(&runtime, other);
        runtime.kill(other);
        block_on(gone).expect("it ends");
        // One end alone may be left over: it does nothing.
        assert_eq!(lives.heard(&runtime).len(), links[0] * links[1]);
    });
}

#[test]
fn linked_processes_that_end_at_once_both_end() {
    check(1000, || {
        let runtime = Runtime::new();
        let (one, other) = (Listener::start(&runtime).pid, Listener::start(&runtime).pid);
        let gone = [end_of(&runtime, one), end_of(&runtime, other)];
        runtime.link(one, other);
        let (first, second) = (runtime.clone(), runtime.clone());
        both(move || first.kill(one), move || second.kill(other));
        for gone in gone {
            block_on(gone).expect("it ends");
        }
        let counters = runtime.counters();
        assert_eq!((counters.spawned, counters.ended), (2, 2));
    });
}

#[test]
fn a_monitor_of_a_process_that_ends_meanwhile_fires_once() {
    check(1500, || {
        let runtime = Runtime::new();
        let (lives, ends) = (Listener::start(&runtime), Listener::start(&runtime));
        let (one, other) = (lives.pid, ends.pid);
        let gone = end_of(&runtime, other);
        let (watching, killing) = (runtime.clone(), runtime.clone());
        both(move || _ = watching.monitor(one, &other.into()), move || killing.kill(other));
        block_on(gone).expect("it ends");
        assert_eq!(runtime.info(one).expect("it lives").monitors, []);
        let heard = lives.heard(&runtime);
        assert!(matches!(&heard[..], [Message::Down { pid, .. }] if *pid == other), "{heard:?}");
    });
}

#[test]
fn a_monitor_is_gone_with_the_process_that_has_it() {
    check(1500, || {
        let runtime = Runtime::new();
        let (lives, ends) = (Listener::start(&runtime), Listener::start(&runtime));
        let (one, other) = (lives.pid, ends.pid);
        let gone = end_of(&runtime, other);
        let (watching, killing) = (runtime.clone(), runtime.clone());
        both(move || _ = watching.monitor(other, &one.into()), move || killing.kill(other));
        block_on(gone).expect("it ends");
        assert_eq!(runtime.info(one).expect("it lives").monitored_by, []);
        lives.heard(&runtime);
    });
}

#[test]
fn a_monitor_that_was_ended_is_not_heard_any_more() {
    check(1500, || {
        let runtime = Runtime::new();
        let ends = Listener::start(&runtime).pid;
        let gone = end_of(&runtime, ends);
        let (done, result) = oneshot::channel();
        let body = move |context: Context| async move {
            let (runtime, own) = (context.runtime(), context.pid());
            let monitor = runtime.monitor(own, &ends.into());
            assert!(runtime.demonitor(own, monitor), "it has not been received");
            gone.await.expect("it ends");
            done.send(context.receive_within(Duration::ZERO, |_| true).await).expect("somebody waits");
            ExitReason::Normal
        };
        runtime.spawn(SpawnOptions::new("watcher"), body).expect("no name");
        runtime.kill(ends);
        assert!(block_on(result).expect("it answers").is_none());
    });
}

#[test]
fn the_name_of_a_process_that_is_gone_is_free() {
    check(1500, || {
        let runtime = Runtime::new();
        let body = |context: Context| async move {
            context.receive().await;
            ExitReason::Normal
        };
        let named = || SpawnOptions::new("named").name("name");
        let first = runtime.spawn(named(), body).expect("the name is free").pid;
        runtime.kill(first);
        while runtime.info(first).is_some() {
            thread::yield_now();
        }
        let second = runtime.spawn(named(), body).expect("the name is free again").pid;
        runtime.kill(second);
    });
}

#[test]
fn a_timer_is_cancelled_or_fires() {
    check(1500, || {
        let runtime = Runtime::new();
        let listener = Listener::start(&runtime);
        let timer = runtime.send_after(listener.pid, Duration::from_secs(1), "".into());
        let late = Instant::now() + Duration::from_secs(2);
        let (pid, cancelling, firing) = (listener.pid, runtime.clone(), runtime.clone());
        let (told, cancelled) = std::sync::mpsc::channel();
        both(
            move || told.send(cancelling.cancel_timer(pid, timer).is_some()).expect("somebody waits"),
            move || fire(&firing, late),
        );
        let cancelled = cancelled.recv().expect("it was tried");
        assert_eq!(listener.heard(&runtime).len(), usize::from(!cancelled));
        assert_eq!(runtime.counters().timers, 0);
    });
}

#[test]
fn no_timer_outlives_its_process() {
    check(1500, || {
        let runtime = Runtime::new();
        let process = Listener::start(&runtime).pid;
        let gone = end_of(&runtime, process);
        let late = Instant::now() + Duration::from_secs(2);
        runtime.send_interval(process, Duration::from_secs(1), "".into());
        let (setting, firing) = (runtime.clone(), runtime.clone());
        runtime.kill(process);
        both(
            move || _ = setting.send_after(process, Duration::from_secs(9), "".into()),
            move || fire(&firing, late),
        );
        block_on(gone).expect("it ends");
        assert_eq!(runtime.counters().timers, 0);
    });
}
