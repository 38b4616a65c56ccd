//! Erlang's semantics of processes: messages, links, monitors, exits, names, timers and calls.

use std::time::Duration;

use crate::support::{idle, on_virtual_time, run};
use rusm_otp::{CallError, ExitReason, Filter, Message, Pid, RegisterError, Runtime, SpawnOptions, Target};
use tokio::time::Instant;

fn mail(message: &Message) -> Option<&[u8]> {
    match message {
        Message::Mail { body, .. } => Some(body),
        _ => None,
    }
}

#[test]
fn messages_of_one_sender_arrive_in_their_order() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let got = run(&runtime, |context| async move {
            for byte in 0..100_u8 {
                let own = context.pid();
                context.runtime().send(own, &own.into(), vec![byte].into()).expect("it is taken");
            }
            let mut got = Vec::new();
            for _ in 0..100 {
                got.extend_from_slice(mail(&context.receive().await).expect("mail"));
            }
            got
        });
        assert_eq!(got.await, (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn a_selective_receive_leaves_the_others_in_their_order() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let got = run(&runtime, |context| async move {
            let own = context.pid();
            for byte in [1, 2, 3_u8] {
                context.runtime().send(own, &own.into(), vec![byte].into()).expect("it is taken");
            }
            let second = context.receive_matching(|message| mail(message) == Some(&[2])).await;
            let rest = [context.receive().await, context.receive().await];
            [&second, &rest[0], &rest[1]].map(|message| mail(message).expect("mail")[0])
        });
        assert_eq!(got.await, [2, 1, 3]);
    });
}

#[test]
fn a_receive_ends_with_its_time_and_loses_nothing() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let got = run(&runtime, |context| async move {
            let own = context.pid();
            let start = Instant::now();
            let none = context.receive_within(Duration::from_millis(50), |_| true).await.is_none();
            let waited = start.elapsed();
            context.runtime().send(own, &own.into(), "late".into()).expect("it is taken");
            let other =
                context.receive_within(Duration::ZERO, |message| Filter::System.admits(message)).await;
            let kept = context.receive_within(Duration::ZERO, |_| true).await;
            (none, waited, other.is_none(), kept.is_some())
        });
        assert_eq!(got.await, (true, Duration::from_millis(50), true, true));
    });
}

#[test]
fn a_full_mailbox_refuses_messages_and_takes_system_events() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let slow = runtime.spawn(SpawnOptions::new("slow").mailbox(1), idle).expect("no name").pid;
        let outcomes = run(&runtime, move |context| async move {
            let runtime = context.runtime();
            let send = || runtime.send(context.pid(), &slow.into(), "x".into());
            let first = send();
            let second = send();
            let call = runtime.call(context.pid(), &slow.into(), 0, "", None, None).map(drop);
            runtime.trap_exit(slow, true);
            runtime.exit(context.pid(), slow, ExitReason::Custom("ping".into()));
            (first, second, call, runtime.info(slow).map(|info| info.mailbox))
        });
        let overloaded = rusm_otp::SendError::Overloaded;
        assert_eq!(outcomes.await, (Ok(()), Err(overloaded), Err(CallError::Overloaded), Some(2)));
    });
}

#[test]
fn a_monitor_tells_the_reason_once_and_noproc_at_once() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let reasons = run(&runtime, |context| async move {
            let runtime = context.runtime();
            let short = |_| async { ExitReason::Custom("why".into()) };
            let pid = runtime.spawn(SpawnOptions::new("short"), short).expect("no name").pid;
            runtime.monitor(context.pid(), &pid.into());
            let Message::Down { reason: first, .. } = context.receive().await else { panic!("a down") };
            runtime.monitor(context.pid(), &pid.into());
            let Message::Down { reason: second, .. } = context.receive().await else { panic!("a down") };
            runtime.monitor(context.pid(), &Target::Name("nobody".into()));
            let Message::Down { reason: third, .. } = context.receive().await else { panic!("a down") };
            [first, second, third]
        });
        assert_eq!(reasons.await, [ExitReason::Custom("why".into()), ExitReason::NoProc, ExitReason::NoProc]);
    });
}

#[test]
fn demonitor_takes_back_what_has_arrived() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let left = run(&runtime, |context| async move {
            let runtime = context.runtime();
            let monitor = runtime.monitor(context.pid(), &Target::Name("nobody".into()));
            let flushed = runtime.demonitor(context.pid(), monitor);
            let again = runtime.demonitor(context.pid(), monitor);
            (flushed, again, runtime.info(context.pid()).map(|info| info.mailbox))
        });
        assert_eq!(left.await, (true, false, Some(0)));
    });
}

#[test]
fn an_abnormal_end_goes_along_links_with_its_own_reason() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let reason = run(&runtime, |context| async move {
            let runtime = context.runtime().clone();
            runtime.trap_exit(context.pid(), true);
            let options = |name| SpawnOptions::new(name).parent(context.pid()).link(true);
            let middle = runtime.spawn(options("middle"), idle).expect("no name").pid;
            let last =
                runtime.spawn(SpawnOptions::new("last").parent(middle).link(true), idle).expect("no name");
            runtime.exit(context.pid(), last.pid, ExitReason::Custom("broken".into()));
            let Message::Exit { pid, reason } = context.receive().await else { panic!("an exit") };
            assert_eq!(pid, middle);
            reason
        });
        assert_eq!(reason.await, ExitReason::Custom("broken".into()));
    });
}

#[test]
fn a_normal_end_does_not_pass_along_links() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let other = runtime.spawn(SpawnOptions::new("other"), idle).expect("no name").pid;
        run(&runtime, move |context| async move { context.runtime().link(context.pid(), other) }).await;
        tokio::task::yield_now().await;
        assert!(runtime.is_alive(other));
        assert_eq!(runtime.info(other).map(|info| info.links), Some(Vec::new()));
    });
}

#[test]
fn kill_cannot_be_trapped_and_links_see_killed() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let reason = run(&runtime, |context| async move {
            let runtime = context.runtime().clone();
            runtime.trap_exit(context.pid(), true);
            let options = SpawnOptions::new("victim").parent(context.pid()).link(true);
            let victim = runtime.spawn(options, idle).expect("no name").pid;
            runtime.trap_exit(victim, true);
            runtime.kill(victim);
            let Message::Exit { reason, .. } = context.receive().await else { panic!("an exit") };
            reason
        });
        assert_eq!(reason.await, ExitReason::Killed);
    });
}

#[test]
fn linking_to_nobody_is_an_exit_of_noproc() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let reason = run(&runtime, |context| async move {
            let nobody = Pid { node: context.pid().node, id: 1 << 40 | 77 };
            context.runtime().trap_exit(context.pid(), true);
            context.runtime().link(context.pid(), nobody);
            let Message::Exit { reason, .. } = context.receive().await else { panic!("an exit") };
            reason
        });
        assert_eq!(reason.await, ExitReason::NoProc);
    });
}

#[test]
fn after_unlink_an_end_has_no_effect() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let alive = run(&runtime, |context| async move {
            let runtime = context.runtime().clone();
            let options = SpawnOptions::new("other").parent(context.pid()).link(true);
            let other = runtime.spawn(options, idle).expect("no name").pid;
            runtime.unlink(context.pid(), other);
            runtime.kill(other);
            context.sleep(Duration::from_millis(1)).await;
            !runtime.is_alive(other)
        });
        assert!(alive.await);
    });
}

#[test]
fn a_panic_is_a_crash_with_its_text() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let reason = run(&runtime, |context| async move {
            let breaks = |_| async { panic!("out of {}", "luck") };
            let options = SpawnOptions::new("breaks").parent(context.pid()).monitor(true);
            context.runtime().spawn(options, breaks).expect("no name");
            let Message::Down { reason, .. } = context.receive().await else { panic!("a down") };
            reason
        });
        let ExitReason::Crash(crash) = reason.await else { panic!("a crash") };
        assert_eq!((&*crash.component, &*crash.text), ("breaks", "out of luck"));
    });
}

#[test]
fn a_name_is_of_one_process_and_free_when_it_ends() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let first = runtime.spawn(SpawnOptions::new("a").name("n"), idle).expect("the name is free").pid;
        assert_eq!(runtime.whereis("n"), Some(first));
        let second = runtime.spawn(SpawnOptions::new("b").name("n"), idle);
        assert_eq!(second.expect_err("the name is taken").0, first);
        let third = runtime.spawn(SpawnOptions::new("c"), idle).expect("no name").pid;
        assert_eq!(runtime.register(third, "n"), Err(RegisterError::Taken(first)));
        assert_eq!(runtime.register(third, "m"), Ok(()));
        assert_eq!(runtime.register(third, "o"), Err(RegisterError::AlreadyNamed));
        runtime.kill(first);
        while runtime.whereis("n").is_some() {
            tokio::task::yield_now().await;
        }
        assert!(runtime.unregister(third, "m"));
        assert_eq!(runtime.register(third, "n"), Ok(()));
    });
}

#[test]
fn a_reused_slot_is_another_process() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let pid = runtime
                .spawn(SpawnOptions::new("short"), |_| async { ExitReason::Normal })
                .expect("no name")
                .pid;
            assert!(seen.insert(pid));
            assert!(pid.id < 1 << 53 && pid.node < 1 << 53);
            while runtime.is_alive(pid) {
                tokio::task::yield_now().await;
            }
        }
        let slots: std::collections::HashSet<_> =
            seen.iter().map(|pid| pid.to_string().split('.').next().map(str::to_owned)).collect();
        assert!(slots.len() < 10, "{} slots for one process at a time", slots.len());
    });
}

#[test]
fn a_pid_is_found_by_what_people_read_and_by_no_other_number() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let pid = runtime.spawn(SpawnOptions::new("idle"), idle).expect("no name").pid;
        let (shown, raw) = (pid.to_string(), pid.id.to_string());
        for text in [&shown, shown.trim_matches(['<', '>']), &raw, &format!("<{raw}>")] {
            assert_eq!(runtime.pid_of_text(text), Some(pid), "{text}");
        }
        for text in
            ["", "<>", "1.", "<1.2.3>", "-1", "<0.0", "18446744073709551616", "99999999.1", "1.4294967295"]
        {
            assert!(runtime.pid_of_text(text).is_none_or(|other| !runtime.is_alive(other)), "{text}");
        }
        // As numbers, neither what people read nor what differs in any one bit is the process.
        let computed = shown.trim_matches(['<', '>']).split_once('.').expect("two numbers");
        let [slot, generation] = [computed.0, computed.1].map(|part| part.parse::<u64>().expect("a number"));
        let near = (0..64).map(|bit| pid.id ^ 1 << bit).chain([generation << 24 | slot, slot, 0, u64::MAX]);
        for id in near.filter(|id| *id != pid.id) {
            assert!(!runtime.is_alive(Pid { id, ..pid }), "{id}");
        }
    });
}

#[test]
fn timers_fire_in_time_and_can_be_cancelled() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let got = run(&runtime, |context| async move {
            let runtime = context.runtime();
            let start = Instant::now();
            let late = runtime.send_after(context.pid(), Duration::from_millis(30), "late".into());
            let stopped = runtime.send_after(context.pid(), Duration::from_millis(20), "never".into());
            runtime.send_after(context.pid(), Duration::from_millis(10), "soon".into());
            let left = runtime.cancel_timer(context.pid(), stopped);
            let mut fired = Vec::new();
            for _ in 0..2 {
                let Message::Timer { timer, body } = context.receive().await else { panic!("a timer") };
                fired.push((timer == late, body, start.elapsed().as_millis()));
            }
            (left, fired, runtime.cancel_timer(context.pid(), late))
        });
        let (left, fired, gone) = got.await;
        assert_eq!(left, Some(Duration::from_millis(20)));
        assert_eq!(gone, None);
        let times: Vec<_> = fired.iter().map(|(is_late, body, _)| (*is_late, body.clone())).collect();
        assert_eq!(times, [(false, "soon".into()), (true, "late".into())]);
        assert!((10..13).contains(&fired[0].2) && (30..33).contains(&fired[1].2), "{fired:?}");
    });
}

#[test]
fn a_call_is_answered_by_reply_end_or_deadline() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let server = |context: rusm_otp::Context| async move {
            loop {
                let Message::Call(request) = context.receive().await else { continue };
                match request.key {
                    1 => drop(context.reply(request.reference, Ok(request.body))),
                    2 => return ExitReason::Custom("done with you".into()),
                    _ => context.sleep(Duration::from_secs(60)).await,
                }
            }
        };
        let server = runtime.spawn(SpawnOptions::new("server"), server).expect("no name").pid;
        let replies = run(&runtime, move |context| async move {
            let call = async |key| context.call(&server.into(), key, "body", Duration::from_secs(1)).await;
            let echo = call(1).await;
            let late = call(3).await;
            // It still sleeps: this one is not begun, and forgotten.
            let expired = call(2).await;
            context.sleep(Duration::from_secs(120)).await;
            let alive = call(1).await;
            let ended = call(2).await;
            let gone = call(1).await;
            (echo, late, expired, alive, ended, gone)
        });
        let (echo, late, expired, alive, ended, gone) = replies.await;
        assert_eq!(echo, Ok("body".into()));
        assert_eq!((late, expired), (Err(CallError::Timeout), Err(CallError::Timeout)));
        assert_eq!(alive, Ok("body".into()));
        assert_eq!(ended, Err(CallError::Exited(ExitReason::Custom("done with you".into()))));
        assert_eq!(gone, Err(CallError::NoProc));
    });
}

#[test]
fn a_call_that_waits_in_the_mailbox_is_answered_by_the_end() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let server = runtime.spawn(SpawnOptions::new("server"), idle).expect("no name").pid;
        let reply = run(&runtime, move |context| async move {
            let pending = context.runtime().call(context.pid(), &server.into(), 0, "", None, None);
            context.runtime().kill(server);
            context.wait(pending.expect("it is sent")).await
        });
        assert_eq!(reply.await, Err(CallError::Exited(ExitReason::Killed)));
    });
}

#[test]
fn another_nodes_process_is_out_of_reach() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let outcome = run(&runtime, |context| async move {
            let far = Pid { node: context.pid().node ^ 1, id: context.pid().id };
            let runtime = context.runtime();
            let sent = runtime.send(context.pid(), &far.into(), "x".into());
            let called = context.call(&far.into(), 0, "", Duration::from_secs(1)).await;
            (sent, called, runtime.is_alive(far))
        });
        let (sent, called, alive) = outcome.await;
        assert_eq!(sent, Err(rusm_otp::SendError::NoConnection));
        assert_eq!(called, Err(CallError::NoConnection));
        assert!(!alive, "a pid of another node is no process here");
    });
}
