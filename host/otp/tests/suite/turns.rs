//! Who runs when: a callee within its caller's turn, and a flooded process beside others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rusm_otp::{
    CallError, Context, ExitReason, Message, Payload, Pid, Runtime, SendError, SpawnOptions, Target,
};

use crate::support::{on_virtual_time, run};

/// Answers each call with its own bytes.
async fn echo(context: Context) -> ExitReason {
    loop {
        if let Message::Call(request) = context.receive().await {
            context.reply(request.reference, Ok(request.body));
        }
    }
}

const LIMIT: Duration = Duration::from_secs(5);

/// Calls, and tells whether the answer was there without a wait.
async fn call(context: &Context, callee: Pid, body: &'static str) -> (Payload, bool) {
    let to = Target::Process(callee);
    let pending = context.runtime().call(context.pid(), &to, 1, body, None, None);
    let mut pending = pending.expect("the callee lives");
    match context.try_wait(&mut pending) {
        Some(reply) => (reply.expect("it answers"), true),
        None => (context.wait(pending).await.expect("it answers"), false),
    }
}

#[test]
fn an_idle_callee_answers_within_its_callers_turn() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let callee = runtime.spawn(SpawnOptions::new("echo"), echo).expect("no name").pid;
        let answered = run(&runtime, move |context| async move {
            // Its first turn is its start, of which nobody knows how long it takes.
            call(&context, callee, "first").await;
            let mut at_once = 0;
            for _ in 0..100 {
                let (reply, now) = call(&context, callee, "again").await;
                assert_eq!(reply, "again");
                at_once += usize::from(now);
            }
            at_once
        });
        // A busy machine may make a turn look long.
        assert!(answered.await > 50);
    });
}

#[test]
fn a_callee_with_turns_of_its_own_answers_all_the_same() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let options = SpawnOptions::new("echo").own_turns(true);
        let callee = runtime.spawn(options, echo).expect("no name").pid;
        let answered = run(&runtime, move |context| async move {
            let mut at_once = false;
            for _ in 0..10 {
                at_once |= call(&context, callee, "own").await.1;
            }
            at_once
        });
        assert!(!answered.await);
    });
}

#[test]
fn a_callee_may_begin_to_share_its_callers_turns() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let sharing = |context: Context| async move {
            context.receive().await;
            context.share_turns();
            echo(context).await
        };
        let options = SpawnOptions::new("echo").own_turns(true);
        let callee = runtime.spawn(options, sharing).expect("no name").pid;
        let answered = run(&runtime, move |context| async move {
            context.send(&callee.into(), "share").await.expect("it has no bound");
            let mut at_once = 0;
            for _ in 0..100 {
                at_once += usize::from(call(&context, callee, "shared").await.1);
            }
            at_once
        });
        // A busy machine may make a turn look long.
        assert!(answered.await > 50);
    });
}

#[test]
fn a_chain_of_calls_may_be_longer_than_turns_nest() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let mut last = runtime.spawn(SpawnOptions::new("echo"), echo).expect("no name").pid;
        for _ in 0..40 {
            let next = last;
            let relay = move |context: Context| async move {
                loop {
                    if let Message::Call(request) = context.receive().await {
                        let reply = context.call(&next.into(), 1, request.body, LIMIT).await;
                        context.reply(request.reference, reply);
                    }
                }
            };
            last = runtime.spawn(SpawnOptions::new("relay"), relay).expect("no name").pid;
        }
        let replies = run(&runtime, move |context| async move {
            let mut replies = Vec::new();
            for _ in 0..3 {
                replies.push(context.call(&last.into(), 1, "through", LIMIT).await);
            }
            replies
        });
        assert!(replies.await.iter().all(|reply| reply == &Ok("through".into())));
    });
}

#[test]
fn a_call_to_oneself_is_answered_at_once() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let to_self =
            run(&runtime, |context| async move { context.call(&context.pid().into(), 1, "me", LIMIT).await });
        let chain = vec!["test".to_owned(), "test".to_owned()];
        assert_eq!(to_self.await, Err(CallError::Cycle(chain)));
    });
}

#[test]
fn a_call_to_oneself_is_a_circle_even_if_the_mailbox_is_full() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let full = move |context: Context| async move {
            let own = context.pid().into();
            let mail = context.send(&own, "one").await;
            let refused = context.send(&own, "another").await;
            let called = context.call(&own, 1, "me", LIMIT).await;
            sender.send((mail, refused, called)).expect("the test waits");
            ExitReason::Normal
        };
        runtime.spawn(SpawnOptions::new("full").mailbox(1), full).expect("no name");
        let chain = vec!["full".to_owned(), "full".to_owned()];
        let expected = (Ok(()), Err(SendError::Overloaded), Err(CallError::Cycle(chain)));
        assert_eq!(receiver.await, Ok(expected));
    });
}

#[test]
fn calls_of_many_to_one_are_answered_in_each_callers_order() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let callee = runtime.spawn(SpawnOptions::new("echo"), echo).expect("no name").pid;
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..8 {
            let done = done.clone();
            let client = move |context: Context| async move {
                for number in 0..200_u32 {
                    let body = Bytes::copy_from_slice(&number.to_le_bytes());
                    let reply = context.call(&callee.into(), 1, body.clone(), LIMIT).await;
                    assert_eq!(reply, Ok(body.into()));
                }
                done.fetch_add(1, Ordering::Relaxed);
                ExitReason::Normal
            };
            runtime.spawn(SpawnOptions::new("client"), client).expect("no name");
        }
        while done.load(Ordering::Relaxed) < 8 {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn a_process_that_is_flooded_lets_others_run() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        // It never runs out of mail: it sends itself the next one before it takes the last.
        let flooded = move |context: Context| async move {
            let own = context.pid();
            while !stopped.load(Ordering::Relaxed) {
                context.runtime().send(own, &own.into(), "".into()).expect("it is taken");
                context.receive().await;
            }
            ExitReason::Normal
        };
        let flooded = runtime.spawn(SpawnOptions::new("flooded"), flooded).expect("no name").pid;
        let stopper = move |_: Context| async move {
            stop.store(true, Ordering::Relaxed);
            ExitReason::Normal
        };
        runtime.spawn(SpawnOptions::new("stopper"), stopper).expect("no name");
        while runtime.is_alive(flooded) {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn a_process_that_takes_messages_while_it_waits_is_no_part_of_a_circle() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        // Calls whoever asks it back, before it answers.
        let back = |context: Context| async move {
            context.serves();
            loop {
                if let Message::Call(request) = context.receive().await {
                    let answer = context.call(&request.sender.into(), 1, "back", LIMIT).await;
                    context.reply(request.reference, answer);
                }
            }
        };
        let back = runtime.spawn(SpawnOptions::new("back"), back).expect("no name").pid;
        let answer = run(&runtime, move |context| async move {
            context.serves();
            context.takes_several();
            let serve = async {
                loop {
                    if let Message::Call(request) = context.receive().await {
                        context.reply(request.reference, Ok(request.body));
                    }
                }
            };
            let back = Target::from(back);
            tokio::select! {
                () = serve => unreachable!("it serves for ever"),
                answer = context.call(&back, 1, "there", LIMIT) => answer,
            }
        });
        assert_eq!(answer.await, Ok("back".into()));
    });
}

#[test]
fn whoever_was_answered_can_be_called_by_its_callee() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        // It answers, and calls back before it takes its next message: its caller has not run meanwhile.
        let answers = move |context: Context| async move {
            context.serves();
            let Message::Call(request) = context.receive().await else { panic!("a call") };
            context.reply(request.reference, Ok("answered".into()));
            let back = context.call(&request.sender.into(), 2, "back", LIMIT).await;
            let Message::Call(request) = context.receive().await else { panic!("a call") };
            context.reply(request.reference, back);
            ExitReason::Normal
        };
        // In a turn of its own, and within its caller's.
        for own_turns in [true, false] {
            let options = SpawnOptions::new("answers").own_turns(own_turns);
            let answers = runtime.spawn(options, answers).expect("no name").pid;
            let back = run(&runtime, move |context| async move {
                context.serves();
                let first = context.call(&answers.into(), 1, "first", LIMIT).await;
                assert_eq!(first, Ok("answered".into()));
                let Message::Call(request) = context.receive().await else { panic!("a call") };
                context.reply(request.reference, Ok("called back".into()));
                context.call(&answers.into(), 3, "what came back", LIMIT).await
            });
            assert_eq!(back.await, Ok("called back".into()));
        }
    });
}

#[test]
fn a_process_with_very_many_open_calls_answers_each() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        const CALLS: usize = 200_000;
        let keeps = |context: Context| async move {
            let mut open = Vec::new();
            while let Message::Call(request) = context.receive().await {
                open.push(request.reference);
                if open.len() == CALLS {
                    // In an order that suits no search.
                    let (even, odd): (Vec<_>, Vec<_>) =
                        open.iter().partition(|reference| *reference % 2 == 0);
                    for reference in odd.into_iter().rev().chain(even) {
                        assert!(context.reply(reference, Ok("kept".into())));
                    }
                    break;
                }
            }
            ExitReason::Normal
        };
        let keeps = runtime.spawn(SpawnOptions::new("keeps"), keeps).expect("no name").pid;
        let caller = Pid { node: keeps.node, id: 0 };
        let calls = (0..CALLS).map(|_| runtime.call(caller, &keeps.into(), 1, "", None, None));
        let calls: Vec<_> = calls.map(|call| call.expect("it is taken")).collect();
        for call in calls {
            assert_eq!(call.await, Ok("kept".into()));
        }
    });
}
