//! Processes without a body, which another one answers for.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use rusm_otp::{
    CallError, Context, ExitReason, Message, Payload, Pid, Runtime, SendError, SpawnOptions, StandIn,
    first_message,
};

use tokio::sync::oneshot;

use crate::support::{on_virtual_time, run};

const MIB: usize = 1 << 20;

/// A stand-in of a process that does nothing, under a bound of a MiB.
async fn stand_in(context: &Context) -> (Context, StandIn) {
    let options = SpawnOptions::new("owner").host_memory(MIB).mailbox(1000).mailbox_bytes(MIB);
    let (sender, receiver) = oneshot::channel();
    let body = |context: Context| {
        sender.send(context).expect("it is waited for");
        pending()
    };
    context.runtime().spawn(options, body).expect("no name");
    let owner = receiver.await.expect("it begins");
    let stand_in = owner.stand_in("stand-in".into()).expect("there is room");
    (owner, stand_in)
}

#[test]
fn it_receives_calls_and_casts_alone_and_answers() {
    run_with(|context| async move {
        let (_owner, stand_in) = stand_in(&context).await;
        let runtime = context.runtime().clone();
        let to = stand_in.pid().into();
        runtime.send(context.pid(), &to, "mail".into()).expect("it is dropped");
        runtime.cast(context.pid(), &to, 1, Payload::new()).expect("there is room");
        let call = runtime.call(context.pid(), &to, 2, "ping", None, None).expect("it is there");
        assert!(matches!(stand_in.receive().await, Some(Message::Cast { key: 1, .. })));
        let Some(Message::Call(request)) = stand_in.receive().await else { panic!("the call") };
        assert!(stand_in.reply(request.reference, Ok("pong".into())));
        assert!(!stand_in.reply(request.reference, Ok("twice".into())));
        assert_eq!(call.await, Ok("pong".into()));
    });
}

#[test]
fn whoever_waits_for_one_that_ends_hears_that_nobody_is_there() {
    run_with(|context| async move {
        let (_owner, stand_in) = stand_in(&context).await;
        let (runtime, to) = (context.runtime().clone(), stand_in.pid().into());
        let monitor = runtime.monitor(context.pid(), &to);
        let call = || runtime.call(context.pid(), &to, 1, Payload::new(), None, None);
        let (begun, waiting) = (call().expect("it is there"), call().expect("it is there"));
        stand_in.receive().await;
        stand_in.end();
        assert_eq!(begun.await, Err(CallError::NoProc));
        assert_eq!(waiting.await, Err(CallError::NoProc));
        assert_eq!(call().map(drop), Err(CallError::NoProc));
        let Message::Down { monitor: of, reason, .. } = context.receive().await else { panic!("its end") };
        assert_eq!((of, reason), (monitor, ExitReason::NoProc));
    });
}

#[test]
fn once_finished_it_receives_what_came_before_and_no_more() {
    run_with(|context| async move {
        let (_owner, stand_in) = stand_in(&context).await;
        let cast = |key| context.runtime().cast(context.pid(), &stand_in.pid().into(), key, Payload::new());
        cast(1).expect("there is room");
        cast(2).expect("there is room");
        stand_in.finish();
        cast(3).expect("there is room");
        assert!(matches!(stand_in.receive().await, Some(Message::Cast { key: 1, .. })));
        assert!(matches!(stand_in.receive().await, Some(Message::Cast { key: 2, .. })));
        assert!(stand_in.receive().await.is_none());
        assert!(stand_in.receive().await.is_none());
        // One that waits already hears it, too.
        let (_owner, stand_in) = self::stand_in(&context).await;
        let both = async {
            context.yield_now().await;
            stand_in.finish();
        };
        let (received, ()) = tokio::join!(stand_in.receive(), both);
        assert!(received.is_none());
    });
}

#[test]
fn the_first_message_of_several_tells_whose_it_is() {
    run_with(|context| async move {
        let (_owner, first) = stand_in(&context).await;
        let (_owner, second) = stand_in(&context).await;
        context
            .runtime()
            .cast(context.pid(), &second.pid().into(), 7, Payload::new())
            .expect("there is room");
        let both = [Arc::new(first), Arc::new(second)];
        assert!(matches!(first_message(&both).await, (1, Message::Cast { key: 7, .. })));
    });
}

#[test]
fn its_owner_pays_for_what_waits_as_far_as_half_of_its_bound() {
    run_with(|context| async move {
        let (owner, stand_in) = stand_in(&context).await;
        let runtime = context.runtime().clone();
        let cast = |bytes| runtime.cast(context.pid(), &stand_in.pid().into(), 1, vec![0; bytes]);
        let kept = || runtime.info(owner.pid()).expect("it lives").memory;
        let before = kept();
        cast(MIB / 4).expect("there is room");
        assert!(kept() >= before + MIB / 4);
        assert_eq!(cast(MIB / 4), Err(SendError::Overloaded));
        drop(stand_in.receive().await);
        assert_eq!(kept(), before);
        cast(MIB / 4).expect("there is room again");
        drop(stand_in);
        assert!(kept() < before, "what waited, and its place, are given back");
    });
}

#[test]
fn a_process_has_as_many_as_it_can_pay_for_and_each_has_a_bound() {
    run_with(|context| async move {
        let (owner, one) = stand_in(&context).await;
        let more: Vec<_> = std::iter::from_fn(|| owner.stand_in("more".into()).ok()).collect();
        assert!((10..40).contains(&more.len()), "{} in a MiB", more.len());
        let cast = || context.runtime().cast(context.pid(), &one.pid().into(), 1, Payload::new());
        let taken = std::iter::repeat_with(cast).take_while(Result::is_ok).count();
        assert_eq!(taken, 256);
        let call = context.runtime().call(context.pid(), &one.pid().into(), 1, Payload::new(), None, None);
        assert_eq!(call.map(drop), Err(CallError::Overloaded));
    });
}

/// A callee that calls a stand-in of its caller while it handles the caller's call.
#[test]
fn a_call_over_a_stand_in_is_no_circle_unless_it_comes_back_to_its_owner() {
    run_with(|context| async move {
        let runtime = context.runtime().clone();
        let callee = |context: Context| async move {
            context.serves();
            loop {
                let Message::Call(request) = context.receive().await else { continue };
                let (to, _) = request.body.split_at(8);
                let id = u64::from_le_bytes(to.try_into().expect("eight bytes"));
                let to = Pid { node: context.pid().node, id }.into();
                let (first, second) = (
                    context.call(&to, 1, Payload::new(), SECOND).await,
                    context.call(&to, 2, Payload::new(), SECOND).await,
                );
                context.reply(request.reference, Ok(format!("{first:?} {second:?}").into()));
            }
        };
        let callee = runtime.spawn(SpawnOptions::new("callee"), callee).expect("no name").pid;
        context.serves();
        let stand_in = context.stand_in("stand-in".into()).expect("there is room");
        let body = stand_in.pid().id.to_le_bytes();
        let mut pending = context.begin_call(&callee.into(), 1, body, None).expect("it is there");
        stand_in.is_for(pending.reference);
        let stand_ins = [Arc::new(stand_in)];
        let mut answered = 0;
        let reply = loop {
            let (_, message) = tokio::select! {
                biased;
                first = first_message(&stand_ins) => first,
                reply = context.wait_for(&mut pending) => break reply,
            };
            let Message::Call(request) = message else { panic!("a call") };
            answered += 1;
            // The callee waits for the stand-in, whose owner is here.
            let circle = context.call(&callee.into(), 1, body, SECOND).await;
            let names = ["test", "callee", "stand-in", "test"].map(String::from);
            assert_eq!(circle, Err(CallError::Cycle(names.into())));
            stand_ins[0].reply(request.reference, Ok(format!("{answered}").into()));
        };
        assert_eq!(reply, Ok("Ok(b\"1\") Ok(b\"2\")".into()));
    });
}

const SECOND: Duration = Duration::from_secs(1);

fn run_with<F, Body>(body: F)
where
    F: FnOnce(Context) -> Body + Send + 'static,
    Body: Future<Output = ()> + Send + 'static,
{
    on_virtual_time(async move { run(&Runtime::new(), body).await });
}
