//! What the runtime keeps for a process has a bound, and is given back.

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use rusm_otp::{
    CallError, Context, ExitReason, Message, Payload, Pid, Runtime, SendError, SpawnOptions, StreamEnd,
    StreamError, Target, TryWrite, stream,
};

use crate::support::{idle, on_virtual_time, run};

const MIB: usize = 1 << 20;

/// Runs a body under a bound of a MiB until it ends; why it did.
async fn ends<F, Body>(runtime: &Runtime, options: SpawnOptions, body: F) -> ExitReason
where
    F: FnOnce(Context) -> Body + Send + 'static,
    Body: Future<Output = ()> + Send + 'static,
{
    let body = move |context: Context| async move {
        body(context).await;
        ExitReason::Normal
    };
    let runtime = runtime.clone();
    let options = options.host_memory(MIB).mailbox_bytes(MIB);
    run(&runtime.clone(), move |context| async move {
        let options = options.parent(context.pid()).monitor(true);
        runtime.spawn(options, body).expect("no name");
        let Message::Down { reason, .. } = context.receive().await else { panic!("its end") };
        reason
    })
    .await
}

fn is_overdrawn(reason: &ExitReason) -> bool {
    matches!(reason, ExitReason::Crash(crash) if crash.text.contains("`host-memory` of 1048576 bytes"))
}

/// Does something again and again, and lets the runtime look now and then.
async fn flood(context: &Context, mut act: impl FnMut(usize)) {
    for number in 0..100_000 {
        act(number);
        if number % 64 == 0 {
            context.yield_now().await;
        }
    }
}

#[test]
fn whoever_has_too_much_kept_for_it_ends_and_hears_why() {
    type Act = fn(&Context, Pid, usize);
    let acts: [(&str, Act); 9] = [
        ("links of the dead", |context, _, number| {
            context.runtime().trap_exit(context.pid(), true);
            context
                .runtime()
                .link(context.pid(), Pid { node: context.pid().node, id: 1 << 40 | number as u64 });
        }),
        ("monitors of the dead", |context, _, _| {
            let dead = Pid { node: context.pid().node, id: 1 << 40 };
            context.runtime().monitor(context.pid(), &dead.into());
        }),
        ("monitors of nobody", |context, _, _| {
            context.runtime().monitor(context.pid(), &Target::Name("nobody".into()));
        }),
        ("monitors of the living", |context, other, _| {
            context.runtime().monitor(context.pid(), &other.into());
        }),
        ("places in one group", |context, _, _| {
            context.runtime().join("crowd", context.pid());
        }),
        ("monitors of a group", |context, _, _| {
            context.runtime().monitor_group(context.pid(), "crowd");
        }),
        ("timers", |context, _, _| {
            context.runtime().send_after(context.pid(), Duration::from_secs(3600), Bytes::new());
        }),
        ("bodies of timers", |context, _, _| {
            let body = Bytes::from(vec![7; 64 << 10]);
            context.runtime().send_after(context.pid(), Duration::from_secs(3600), body);
        }),
        ("timers that have fired", |context, _, _| {
            context.runtime().send_after(context.pid(), Duration::ZERO, Bytes::from(vec![7; 4 << 10]));
        }),
    ];
    on_virtual_time(async {
        for (what, act) in acts {
            let runtime = Runtime::new();
            let other = runtime.spawn(SpawnOptions::new("other"), idle).expect("no name").pid;
            let reason = ends(&runtime, SpawnOptions::new("greedy"), move |context| async move {
                flood(&context, |number| act(&context, other, number)).await;
                context.sleep(Duration::from_secs(1)).await;
            });
            let reason = reason.await;
            assert!(is_overdrawn(&reason), "{what}: {reason}");
            assert_eq!(runtime.info(other).expect("it lives").monitored_by, [], "{what}");
            assert_eq!((runtime.groups().len(), runtime.counters().timers), (0, 0), "{what}");
        }
    });
}

#[test]
fn what_is_given_back_can_be_had_again() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let other = runtime.spawn(SpawnOptions::new("other"), idle).expect("no name").pid;
        let reason = ends(&runtime, SpawnOptions::new("tidy"), move |context| async move {
            let (runtime, own) = (context.runtime().clone(), context.pid());
            let dead = Pid { node: own.node, id: 1 << 40 };
            runtime.trap_exit(own, true);
            let before = runtime.info(own).expect("it lives").memory;
            for _ in 0..20_000 {
                let monitor = runtime.monitor(own, &other.into());
                assert!(runtime.demonitor(own, monitor));
                runtime.monitor(own, &dead.into());
                runtime.link(own, dead);
                for _ in 0..2 {
                    context.receive().await;
                }
                runtime.join("crowd", own);
                let (monitor, _) = runtime.monitor_group(own, "crowd");
                assert!(runtime.demonitor_group(own, monitor));
                assert!(runtime.leave("crowd", own));
                let timer = runtime.send_after(own, Duration::from_secs(60), Bytes::from(vec![7; 4 << 10]));
                assert!(runtime.cancel_timer(own, timer).is_some());
                runtime.send_after(own, Duration::ZERO, Bytes::from(vec![7; 4 << 10]));
                context.receive().await;
                runtime.charge(own, 1000).expect("there is room");
                runtime.discharge(own, 1000);
                runtime.send(own, &own.into(), vec![7; 100_000].into()).expect("there is room");
                context.receive().await;
            }
            let after = runtime.info(own).expect("it lives").memory;
            assert!(after < before + 100_000, "{before} bytes have become {after}");
        });
        assert_eq!(reason.await, ExitReason::Normal);
    });
}

#[test]
fn senders_hear_of_a_mailbox_whose_bytes_are_full() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let options = SpawnOptions::new("slow").mailbox_bytes(MIB);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let slow = move |context: Context| async move {
            let wanted = |message: &Message| matches!(message, Message::Mail { body, .. } if body.len() == 1);
            context.receive_matching(wanted).await;
            // What it has looked at and left counts too.
            let left = context.runtime().send(context.pid(), &context.pid().into(), vec![7; MIB / 2].into());
            while context.receive_within(Duration::ZERO, |_| true).await.is_some() {}
            let emptied =
                context.runtime().send(context.pid(), &context.pid().into(), vec![7; 3 * MIB].into());
            let _ = sender.send((left, emptied));
            ExitReason::Normal
        };
        let slow = runtime.spawn(options, slow).expect("no name").pid;
        let nobody = Pid { node: slow.node, id: 0 };
        let send = |bytes: usize| runtime.send(nobody, &slow.into(), Payload::from(vec![7; bytes]));
        assert_eq!((send(MIB / 2), send(MIB / 2)), (Ok(()), Ok(())));
        assert_eq!(send(100), Err(SendError::Overloaded));
        assert!(!runtime.has_room(&slow.into(), 100));
        let called = runtime.call(nobody, &slow.into(), 1, vec![7; 100], None, None);
        assert!(matches!(called, Err(CallError::Overloaded)));
        // What lies in its place whole takes no bytes.
        assert_eq!(send(1), Ok(()));
        let (left, emptied) = receiver.await.expect("it answers");
        assert_eq!(left, Err(SendError::Overloaded), "what was left in the inbox waits still");
        assert_eq!(emptied, Ok(()), "one message that waits alone may be larger");
    });
}

#[test]
fn the_number_of_messages_has_a_bound_wherever_they_lie() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let options = SpawnOptions::new("picky").mailbox(10);
        let picky = move |context: Context| async move {
            // Each look takes what has come to the inbox, and leaves it.
            let wanted = |message: &Message| matches!(message, Message::Timer { .. });
            context.receive_matching(wanted).await;
            ExitReason::Normal
        };
        let picky = runtime.spawn(options, picky).expect("no name").pid;
        let nobody = Pid { node: picky.node, id: 0 };
        let mut taken = 0;
        for _ in 0..100 {
            taken += usize::from(runtime.send(nobody, &picky.into(), "x".into()).is_ok());
            tokio::task::yield_now().await;
        }
        assert_eq!(taken, 10);
        assert_eq!(runtime.info(picky).expect("it lives").mailbox, 10);
    });
}

#[test]
fn chunks_without_bytes_fill_a_stream_too() {
    on_virtual_time(async {
        let (writer, reader) = stream(64 << 10);
        let taken = (0..100_000).take_while(|_| writer.try_write(Bytes::new()) == TryWrite::Taken).count();
        assert!((100..1000).contains(&taken), "{taken}");
        assert_eq!(writer.has_room(), Ok(false));
        for _ in 0..taken {
            assert_eq!(reader.read().await, Ok(Some(Bytes::new())));
        }
        assert_eq!(writer.has_room(), Ok(true));
        StreamEnd::Reader(reader).close();
        assert!(writer.has_room().is_err());
    });
}

/// Answers every call with so many bytes.
async fn answering(context: Context, bytes: usize) -> ExitReason {
    loop {
        if let Message::Call(request) = context.receive().await {
            context.reply(request.reference, Ok(Payload::from(vec![7; bytes])));
        }
    }
}

#[test]
fn replies_that_nobody_has_waited_for_are_the_callers() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let options = SpawnOptions::new("big");
        let big = runtime.spawn(options, |context| answering(context, 64 << 10)).expect("no name").pid;
        let reason = ends(&runtime, SpawnOptions::new("greedy"), move |context| async move {
            let (runtime, own) = (context.runtime().clone(), context.pid());
            let memory = || runtime.info(own).expect("it lives").memory;
            let before = memory();
            for _ in 0..3 {
                let call =
                    |_| runtime.call(own, &big.into(), 1, Payload::new(), None, None).expect("it is sent");
                let calls: Vec<_> = (0..100).map(call).collect();
                context.sleep(Duration::from_secs(1)).await;
                assert!(memory() > before + MIB / 2, "the replies count");
                assert!(memory() < before + 2 * MIB, "and have a bound");
                let mut kept = 0;
                for call in calls {
                    match context.wait(call).await {
                        Ok(reply) => kept += usize::from(reply.len() == 64 << 10),
                        Err(error) => assert_eq!(error, CallError::Overloaded),
                    }
                }
                assert_eq!(kept, 16, "as many as have room in a MiB");
                // One that is waited for takes nothing of it.
                for _ in 0..100 {
                    let call = context.begin_call(&big.into(), 1, Payload::new(), None).expect("it is sent");
                    assert!(context.wait(call).await.is_ok());
                }
                assert!(memory() < before + 10_000, "all is given back");
                // Given up before the reply, and after it.
                let calls: Vec<_> = (0..10).map(call).collect();
                context.sleep(Duration::from_secs(1)).await;
                assert!(memory() > before + MIB / 2);
                drop(calls);
                (0..10).map(call).for_each(drop);
                context.sleep(Duration::from_secs(1)).await;
                assert!(memory() < before + 10_000, "what is given up, too");
            }
        });
        assert_eq!(reason.await, ExitReason::Normal);
    });
}

#[test]
fn what_streams_hold_is_their_writers_and_then_their_readers() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let (readers, mut read) = tokio::sync::mpsc::unbounded_channel();
        let reason = ends(&runtime, SpawnOptions::new("writer"), move |context| async move {
            let chunk = Bytes::from(vec![7; 32 << 10]);
            let mut taken = 0;
            for _ in 0..4 {
                let (writer, reader) = stream(256 << 10);
                context.own_stream(StreamEnd::Writer(writer.clone()));
                while writer.try_write(chunk.clone()) == TryWrite::Taken {
                    taken += 1;
                }
                // There is room for less than before, and some for each as long as there is any.
                assert_eq!(writer.has_room(), Ok(false));
                let _ = readers.send(reader);
            }
            assert!((24..=32).contains(&taken), "a MiB in all: {taken}");
            // The last ones have nothing at all, and say so.
            let (writer, _reader) = stream(256 << 10);
            context.own_stream(StreamEnd::Writer(writer.clone()));
            let TryWrite::Ended(StreamError::Aborted(why)) = writer.try_write(Bytes::from(vec![7; MIB]))
            else {
                panic!("there is no room for a MiB")
            };
            assert!(
                why.contains("`host-memory` of 1048576 bytes") && why.contains("a chunk of a stream"),
                "{why}"
            );
        });
        assert_eq!(reason.await, ExitReason::Normal);
        // What the writer has left is its readers', who have room for half of what they may keep.
        let reason = ends(&runtime, SpawnOptions::new("reader"), move |context| async move {
            let (runtime, own) = (context.runtime().clone(), context.pid());
            let (mut whole, mut cut) = (0, 0);
            let mut all = Vec::new();
            while let Ok(reader) = read.try_recv() {
                context.own_stream(StreamEnd::Reader(reader.clone()));
                all.push(reader);
            }
            assert!(runtime.info(own).expect("it lives").memory > MIB / 4, "it counts");
            for reader in all {
                let first = reader.read().await;
                match first {
                    Ok(chunk) => whole += usize::from(chunk.is_some()),
                    Err(StreamError::Aborted(why)) if why.contains("nobody has read") => cut += 1,
                    // Nothing was left in it.
                    Err(error) => assert!(matches!(error, StreamError::Exited(_)), "{error}"),
                }
            }
            assert!(whole >= 1 && cut >= 1, "{whole} are whole, {cut} cut");
            runtime.charge(own, MIB / 4).expect("the rest is for its own");
        });
        assert_eq!(reason.await, ExitReason::Normal);
        assert!(runtime.memory().kept() < 100_000, "{} bytes are kept", runtime.memory().kept());
    });
}

#[test]
fn what_is_kept_for_all_counts_for_the_node_and_is_given_back() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let bounded = |label: &'static str| {
            let options = SpawnOptions::new(label).host_memory(100 * MIB).mailbox_bytes(100 * MIB);
            runtime.spawn(options, idle).expect("no name").pid
        };
        let (one, other) = (bounded("one"), bounded("other"));
        let memory = runtime.memory();
        memory.limit(8 * MIB);
        assert!(memory.take(4 * MIB));
        assert!(!memory.take(5 * MIB), "guests have a bound");
        let mail = || Payload::from(vec![7; MIB]);
        let took = (0..8).filter(|_| runtime.send(one, &other.into(), mail()).is_ok()).count();
        assert!((3..=4).contains(&took), "mail counts, within what was not told yet: {took}");
        assert_eq!(runtime.send(one, &other.into(), mail()), Err(SendError::Overloaded));
        assert_eq!(runtime.send(one, &other.into(), Payload::from("short")), Ok(()));
        let refused = runtime.charge(one, 2 * MIB).expect_err("it is full");
        assert!(refused.to_string().contains("the node is full") && refused.to_string().contains("`memory`"));
        assert!(!memory.take(2 * MIB), "and guests have what is left");
        runtime.kill(other);
        idle_for_a_moment().await;
        assert_eq!(memory.kept(), 0);
        runtime.charge(one, 2 * MIB).expect("there is room");
        assert_eq!(memory.kept(), 2 * MIB);
        runtime.discharge(one, 2 * MIB);
        assert_eq!(memory.kept(), 0);
        memory.give_back(4 * MIB);
        assert_eq!(memory.guests(), 0);
    });
}

#[test]
fn more_may_be_granted_than_is_resident_and_no_more_than_that_may_be_in_use() {
    thread_local! {
        static RESIDENT: Cell<usize> = const { Cell::new(0) };
        static LOOKS: Cell<usize> = const { Cell::new(0) };
    }
    const UNKNOWN: usize = usize::MAX;
    let measure = || {
        LOOKS.set(LOOKS.get() + 1);
        Some(RESIDENT.get()).filter(|bytes| *bytes != UNKNOWN)
    };
    on_virtual_time(async {
        let runtime = Runtime::new();
        let memory = runtime.memory();
        memory.limit_resident(1000, measure);
        assert_eq!((memory.most(), LOOKS.get()), (1000, 1));
        assert!((0..10).all(|_| memory.take(100)), "so much cannot be too much");
        assert_eq!(LOOKS.get(), 1, "and nothing is measured again");
        // They use a tenth of it: each look allows as much again as is left.
        RESIDENT.set(100);
        assert!((0..90).all(|_| memory.take(100)));
        assert_eq!((memory.guests(), LOOKS.get()), (10_000, 11));
        assert!(memory.has_room(900) && !memory.has_room(901));
        // What they touch is seen when it is looked at.
        RESIDENT.set(950);
        memory.look();
        RESIDENT.set(UNKNOWN);
        assert!(memory.take(50) && !memory.take(1), "what cannot be measured is what it was");
        RESIDENT.set(1000);
        assert!(!memory.take(1) && !memory.has_room(1));
        assert_eq!(memory.guests(), 10_050, "what was refused is not granted");
        RESIDENT.set(500);
        assert!(memory.take(1), "it looks again before it refuses");
        // What may be granted is exact beside it.
        memory.limit(10_100);
        assert!(memory.take(49) && !memory.take(1) && !memory.has_room(1));
        memory.limit(500);
        assert_eq!(memory.most(), 500);
        memory.give_back(9700);
        assert!(memory.take(100) && !memory.take(1));
    });
}

#[test]
fn mail_that_was_taken_counts_no_longer() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let taking = |context: Context| async move {
            loop {
                context.receive().await;
            }
        };
        let options = SpawnOptions::new("taking").mailbox_bytes(100 * MIB);
        let taking = runtime.spawn(options, taking).expect("no name").pid;
        let nobody = Pid { node: taking.node, id: 0 };
        for round in 0..100 {
            for _ in 0..=round % 7 {
                runtime.send(nobody, &taking.into(), vec![7; 10_000].into()).expect("there is room");
            }
            idle_for_a_moment().await;
            assert_eq!(runtime.memory().kept(), 0, "after round {round}");
        }
    });
}

async fn idle_for_a_moment() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}
