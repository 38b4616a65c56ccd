//! Guests that others have built from the published WIT, without the SDK.

use rusm_engine::{Kind, Lane, Spawn, SpawnError};
use rusm_otp::{CallError, Context, ExitReason, Message, SpawnOptions};

use crate::support::TestNode;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_plain_wit_bindgen_is_a_service() {
    let node = TestNode::boot().await;
    for name in ["foreign-rust", "foreign-core"] {
        let engine = node.node().engine();
        let component = engine.component(name).expect("it is loaded");
        assert_eq!((component.kind(), component.lane()), (Kind::Service, Lane::Sync));
        assert_eq!(node.raw_call(name, 1, b"echo".to_vec()).await, Ok(b"echo".to_vec()));
        assert_eq!(node.raw_call(name, 2, Vec::new()).await, Ok(vec![2]));
        assert_eq!(node.raw_call(name, 3, Vec::new()).await, Ok(b"later".to_vec()));
        let unknown = node.raw_call(name, 9, Vec::new()).await;
        assert!(matches!(&unknown, Err(CallError::UnknownFunction(_))), "{unknown:?}");
        let crash = node.raw_call(name, 4, Vec::new()).await;
        let Err(CallError::Exited(ExitReason::Crash(crash))) = &crash else { panic!("{crash:?}") };
        assert!(crash.backtrace.contains("foreign-rust/src/lib.rs:"), "{}", crash.backtrace);

        let refused = engine.spawn(Spawn::new(name).init(None, b"ab".as_slice().into())).await;
        let refused = refused.map(|spawned| spawned.pid);
        assert_eq!(refused, Err(SpawnError::Refused(b"too many".as_slice().into())));
        let started = engine.spawn(Spawn::new(name).init(None, b"\x07".as_slice().into())).await;
        let pid = started.expect("it starts").pid;
        assert_eq!(node.raw_call(pid, 2, Vec::new()).await, Ok(vec![8]));

        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mail = move |context: Context| async move {
            context.runtime().send(context.pid(), &pid.into(), b"mail".as_slice().into()).expect("it lives");
            let Message::Mail { body, .. } = context.receive().await else { panic!("another message") };
            sender.send(body.as_ref().to_vec()).expect("it is waited for");
            ExitReason::Normal
        };
        engine.runtime().spawn(SpawnOptions::new("test"), mail).expect("it has no name");
        assert_eq!(receiver.await, Ok(b"mail".to_vec()));
        engine.runtime().kill(pid);
    }
    node.stop().await;
}
