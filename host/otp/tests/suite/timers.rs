//! Timers: many of them, again and again, and those of processes that have ended.

use std::time::Duration;

use bytes::Bytes;
use rusm_otp::{ExitReason, Message, Runtime, SpawnOptions};
use tokio::time::Instant;

use crate::support::{idle, on_virtual_time, run};

#[test]
fn a_million_timers_fire_each_at_its_time() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let fired = run(&runtime, |context| async move {
            let runtime = context.runtime();
            for number in 0..1_000_000_u32 {
                let after = Duration::from_millis(u64::from(number % 1000) + 1);
                runtime.send_after(context.pid(), after, Bytes::new());
            }
            assert_eq!(runtime.counters().timers, 1_000_000);
            let start = Instant::now();
            let mut last = Duration::ZERO;
            for _ in 0..1_000_000 {
                let Message::Timer { .. } = context.receive().await else { panic!("a timer") };
                last = start.elapsed();
            }
            (last, runtime.counters().timers)
        });
        let (last, left) = fired.await;
        assert!(last >= Duration::from_millis(999) && last < Duration::from_millis(1100), "{last:?}");
        assert_eq!(left, 0);
    });
}

#[test]
fn the_timers_of_a_process_end_with_it_and_leave_the_others() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let stays = runtime.spawn(SpawnOptions::new("stays"), idle).expect("no name").pid;
        let goes = runtime.spawn(SpawnOptions::new("goes"), idle).expect("no name").pid;
        for _ in 0..1000 {
            runtime.send_after(stays, Duration::from_secs(1), Bytes::new());
            runtime.send_after(goes, Duration::from_secs(1), Bytes::new());
            runtime.send_interval(goes, Duration::from_secs(1), Bytes::new());
        }
        assert_eq!(runtime.counters().timers, 3000);
        runtime.kill(goes);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(runtime.counters().timers, 1000);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(runtime.info(stays).expect("it lives").mailbox, 1000);
    });
}

#[test]
fn an_interval_does_not_drift() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let times = run(&runtime, |context| async move {
            let start = Instant::now();
            let timer =
                context.runtime().send_interval(context.pid(), Duration::from_millis(100), Bytes::new());
            let mut times = Vec::new();
            for _ in 0..3 {
                context.receive().await;
                times.push(start.elapsed().as_millis() / 10 * 10);
                context.sleep(Duration::from_millis(30)).await;
            }
            // It comes late to the next two, and has both at once.
            context.sleep(Duration::from_millis(250)).await;
            for _ in 0..2 {
                context.receive_within(Duration::ZERO, |_| true).await.expect("it was due");
            }
            let left = context.runtime().cancel_timer(context.pid(), timer);
            assert!(left.is_some_and(|left| left <= Duration::from_millis(100)));
            assert_eq!(context.runtime().cancel_timer(context.pid(), timer), None);
            times
        });
        assert_eq!(times.await, [100, 200, 300]);
    });
}

#[test]
fn a_time_beyond_all_clocks_is_no_error() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let ended = run(&runtime, |context| async move {
            context.runtime().send_after(context.pid(), Duration::MAX, Bytes::new());
            let own = context.pid();
            context.runtime().send(own, &own.into(), "now".into()).expect("it is taken");
            context.receive_within(Duration::MAX, |_| true).await.is_some()
        });
        assert!(ended.await);
        let sleeper = |context: rusm_otp::Context| async move {
            context.sleep(Duration::MAX).await;
            ExitReason::Normal
        };
        let sleeper = runtime.spawn(SpawnOptions::new("sleeper"), sleeper).expect("no name").pid;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(runtime.is_alive(sleeper));
    });
}

#[test]
fn a_timer_is_its_owners_alone() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let owner = runtime.spawn(SpawnOptions::new("owner"), idle).expect("no name").pid;
        let stranger = runtime.spawn(SpawnOptions::new("stranger"), idle).expect("no name").pid;
        let timer = runtime.send_after(owner, Duration::from_secs(1), "rings".into());
        let interval = runtime.send_interval(owner, Duration::from_secs(1), Bytes::new());
        for foreign in [timer, interval] {
            assert_eq!(runtime.cancel_timer(stranger, foreign), None);
        }
        assert_eq!(runtime.timers(owner), 2);
        tokio::time::sleep(Duration::from_millis(1001)).await;
        assert_eq!(runtime.info(owner).expect("it lives").mailbox, 2);
        assert!(runtime.cancel_timer(owner, interval).is_some());
    });
}
