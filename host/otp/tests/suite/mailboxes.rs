//! Bounds, policies, marks, aliases, and what a flood does not delay.

use std::time::Duration;

use rusm_otp::{ExitReason, Message, Overflow, Runtime, SendError, SpawnOptions, Target};

use crate::support::{idle, on_virtual_time, run};

fn text(message: &Message) -> &str {
    match message {
        Message::Mail { body, .. } => std::str::from_utf8(body).expect("text"),
        _ => "from the runtime",
    }
}

#[test]
fn a_full_mailbox_may_drop_the_newest_and_counts_them() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let options = SpawnOptions::new("slow").mailbox(2).overflow(Overflow::DropNewest);
        let slow = runtime.spawn(options, idle).expect("no name").pid;
        for text in ["one", "two", "three", "four"] {
            assert_eq!(runtime.send(slow, &slow.into(), text.into()), Ok(()));
        }
        let call = runtime.call(slow, &slow.into(), 0, "", None, None);
        assert!(call.is_err_and(|error| error == rusm_otp::CallError::Overloaded));
        let info = runtime.info(slow).expect("it lives");
        assert_eq!((info.mailbox, info.dropped), (2, 2));
    });
}

#[test]
fn a_bounded_mailbox_takes_as_many_as_were_received() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let (done, result) = tokio::sync::oneshot::channel();
        let body = |context: rusm_otp::Context| async move {
            let own = context.pid().into();
            let send = |text: &'static str| context.runtime().send(context.pid(), &own, text.into());
            let mut seen = vec![send("one").is_ok(), send("two").is_ok(), send("three").is_ok()];
            let second = context.receive_matching(|message| text(message) == "two").await;
            seen.extend([text(&second) == "two", send("four").is_ok(), send("five").is_ok()]);
            let rest = [context.receive().await, context.receive().await];
            done.send((seen, rest.map(|message| text(&message).to_owned()))).ok();
            ExitReason::Normal
        };
        runtime.spawn(SpawnOptions::new("bounded").mailbox(2), body).expect("no name");
        let (seen, rest) = result.await.expect("it answers");
        assert_eq!(seen, [true, true, false, true, true, false]);
        assert_eq!(rest, ["one", "four"]);
    });
}

#[test]
fn a_receive_that_only_tries_takes_what_is_there_and_leaves_nobody_waiting() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let seen = run(&runtime, |context| async move {
            let own = context.pid().into();
            let mut seen = vec![context.try_receive_matching(|_| true).is_none()];
            for text in ["one", "two"] {
                context.send(&own, text).await.expect("it has no bound");
            }
            let second = context.try_receive_matching(|message| text(message) == "two");
            seen.push(second.is_some_and(|message| text(&message) == "two"));
            seen.push(context.try_receive_matching(|message| text(message) == "two").is_none());
            seen.push(text(&context.receive().await) == "one");
            seen
        });
        assert_eq!(seen.await, [true; 4]);
    });
}

#[test]
fn a_process_that_only_tries_lets_others_run_after_many_messages() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let taken = run(&runtime, |context| async move {
            let own = context.pid().into();
            for _ in 0..1_000 {
                context.runtime().send(context.pid(), &own, "one".into()).expect("it has no bound");
            }
            let mut taken = 0;
            while context.try_receive_matching(|_| true).is_some() {
                // A turn that has taken long is over.
                std::thread::sleep(Duration::from_micros(10));
                taken += 1;
            }
            taken
        });
        assert_eq!(taken.await, 64);
    });
}

#[test]
fn a_flood_does_not_delay_what_comes_from_the_runtime() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let (done, result) = tokio::sync::oneshot::channel();
        let body = |context: rusm_otp::Context| async move {
            let runtime = context.runtime();
            for _ in 0..10_000 {
                runtime.send(context.pid(), &context.pid().into(), "flood".into()).expect("it is taken");
            }
            let flooded = text(&context.receive().await).to_owned();
            runtime.monitor(context.pid(), &Target::from("nobody"));
            runtime.send(context.pid(), &context.pid().into(), "later".into()).expect("it is taken");
            let next = [context.receive().await, context.receive().await];
            done.send((flooded, next.map(|message| text(&message).to_owned()))).ok();
            ExitReason::Normal
        };
        runtime.spawn(SpawnOptions::new("flooded").system_first(true), body).expect("no name");
        let (flooded, next) = result.await.expect("it answers");
        assert_eq!(flooded, "flood");
        assert_eq!(next, ["from the runtime", "flood"]);
    });
}

#[test]
fn a_receive_since_a_mark_leaves_what_was_there() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let got = run(&runtime, |context| async move {
            let send = |text: &'static str| {
                let own = context.pid();
                context.runtime().send(own, &own.into(), text.into()).expect("it is taken");
            };
            send("old");
            let first = context.mark();
            send("between");
            let second = context.mark();
            send("new");
            let newest = context.receive_since(second, |_| true).await;
            let between = context.receive_since(first, |_| true).await;
            let left = context.receive().await;
            [newest, between, left].map(|message| text(&message).to_owned())
        });
        assert_eq!(got.await, ["new", "between", "old"]);
    });
}

#[test]
fn mail_to_an_alias_that_was_taken_back_is_dropped() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let got = run(&runtime, |context| async move {
            let runtime = context.runtime();
            let (kept, gone) = (runtime.alias(context.pid()), runtime.alias(context.pid()));
            let once = runtime.reply_alias(context.pid());
            let taken_back = [runtime.unalias(gone), runtime.unalias(gone)];
            for (alias, text) in
                [(gone, "late"), (once, "reply"), (once, "second reply"), (kept, "one"), (kept, "two")]
            {
                runtime.send(context.pid(), &alias.into(), text.into()).expect("it is taken or dropped");
            }
            let mut got = Vec::new();
            while let Some(message) = context.receive_within(Duration::ZERO, |_| true).await {
                got.push(text(&message).to_owned());
            }
            (taken_back, got)
        });
        let (taken_back, got) = got.await;
        assert_eq!(taken_back, [true, false]);
        assert_eq!(got, ["reply", "one", "two"]);
    });
}

#[test]
fn a_pid_of_a_slot_that_is_used_again_or_of_another_node_is_nobody() {
    on_virtual_time(async {
        let (runtime, other) = (Runtime::new(), Runtime::new());
        let foreign = other.spawn(SpawnOptions::new("foreign"), idle).expect("no name").pid;
        let gone = run(&runtime, |context| async move { context.pid() }).await;
        // Slots are used again: one of so many has the place of the one that is gone.
        let idle: Vec<_> =
            (0..100).map(|_| runtime.spawn(SpawnOptions::new("new"), idle).expect("no name").pid).collect();
        assert!(idle.iter().all(|pid| *pid != gone));
        assert_eq!(runtime.send(gone, &gone.into(), "hello".into()), Ok(()));
        assert!(idle.iter().all(|pid| runtime.info(*pid).expect("it lives").mailbox == 0));
        assert_eq!(runtime.send(gone, &foreign.into(), "hello".into()), Err(SendError::NoConnection));
        assert!(!runtime.is_alive(foreign) && other.is_alive(foreign));
        let heard = run(&runtime, move |context| async move {
            context.runtime().monitor(context.pid(), &foreign.into());
            context.receive().await
        });
        assert!(matches!(heard.await, Message::Down { reason: ExitReason::NoConnection, .. }));
    });
}

#[test]
fn a_receive_within_a_race_is_woken_all_the_same() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let got = run(&runtime, |context| async move {
            context.runtime().send_after(context.pid(), Duration::from_millis(5), "tick".into());
            // Each future of the set has a waker of its own.
            let mut races = tokio::task::JoinSet::new();
            races.spawn({
                let context = context.clone();
                async move { matches!(context.receive().await, Message::Timer { .. }) }
            });
            races.join_next().await.is_some_and(|won| won.expect("it does not panic"))
        });
        assert!(got.await);
    });
}
