//! Process groups, registries and names of the application's own.

use std::sync::Arc;

use rusm_otp::{
    ExitReason, GroupChange, Keys, Message, NameRegistry, Payload, Pid, RegisterError, Registry, Runtime,
    SpawnOptions, Target, Via,
};

use crate::support::{idle, on_virtual_time, run};

fn spawn_idle(runtime: &Runtime) -> Pid {
    runtime.spawn(SpawnOptions::new("idle"), idle).expect("no name").pid
}

/// Ends a process and waits until everybody knows.
async fn end(runtime: &Runtime, pid: Pid) {
    run(runtime, move |context| async move {
        context.runtime().monitor(context.pid(), &pid.into());
        context.runtime().kill(pid);
        context.receive().await;
    })
    .await;
    // A monitor is told before what the process had is given back.
    while runtime.counters().alive > 0 && runtime.info(pid).is_some() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_group_has_its_members_in_their_order_until_they_leave_or_end() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let [one, two, three] = [(); 3].map(|()| spawn_idle(&runtime));
        for pid in [one, two, three, one] {
            assert!(runtime.join("workers", pid));
        }
        assert_eq!(*runtime.members("workers"), [one, two, three, one]);
        assert!(runtime.leave("workers", one));
        assert_eq!(*runtime.members("workers"), [one, two, three]);
        end(&runtime, two).await;
        assert_eq!(*runtime.members("workers"), [one, three]);
        assert!(!runtime.join("workers", two) && !runtime.leave("workers", two));
        assert_eq!(runtime.groups(), ["workers".into()]);
        runtime.leave("workers", one);
        runtime.leave("workers", three);
        assert!(runtime.groups().is_empty() && runtime.members("workers").is_empty());
    });
}

#[test]
fn a_broadcast_reaches_each_member_with_the_same_bytes() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let members: Vec<Pid> = (0..5).map(|_| spawn_idle(&runtime)).collect();
        members.iter().for_each(|pid| assert!(runtime.join("news", *pid)));
        let body = Payload::from(vec![7; 1024]);
        assert_eq!(runtime.broadcast(members[0], "news", &body), 5);
        assert_eq!(runtime.broadcast(members[0], "nobody", &body), 0);
        assert!(members.iter().all(|pid| runtime.info(*pid).expect("it lives").mailbox == 1));
    });
}

#[test]
fn a_monitor_of_a_group_tells_who_comes_and_goes() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let [old, new] = [(); 2].map(|()| spawn_idle(&runtime));
        runtime.join("team", old);
        let far = runtime.clone();
        let seen = run(&runtime, move |context| async move {
            let (monitor, members) = far.monitor_group(context.pid(), "team");
            assert_eq!(members, [old]);
            far.join("team", new);
            far.leave("team", new);
            far.kill(old);
            let mut seen = Vec::new();
            for _ in 0..3 {
                let Message::Group { monitor: of, pid, change, .. } = context.receive().await else {
                    panic!("a change of the group")
                };
                assert_eq!(of, monitor);
                seen.push((pid, change));
            }
            assert!(far.demonitor_group(context.pid(), monitor));
            assert!(!far.demonitor_group(context.pid(), monitor));
            far.join("team", new);
            (seen, far.info(context.pid()).expect("it lives").mailbox)
        });
        let (seen, left) = seen.await;
        assert_eq!(seen, [(new, GroupChange::Joined), (new, GroupChange::Left), (old, GroupChange::Left)]);
        assert_eq!(left, 0);
    });
}

#[test]
fn a_unique_key_belongs_to_one_process_until_it_ends() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let carts = Registry::<u64, &str>::new(&runtime, Keys::Unique);
        let [one, two] = [(); 2].map(|()| spawn_idle(&runtime));
        assert_eq!(carts.register(one, 7, "full"), Ok(()));
        assert_eq!(carts.register(two, 7, "empty"), Err(RegisterError::Taken(one)));
        assert_eq!(carts.register(two, 8, "empty"), Ok(()));
        assert_eq!((carts.lookup(&7), carts.count()), (vec![(one, "full")], 2));
        end(&runtime, one).await;
        assert_eq!((carts.lookup(&7), carts.count()), (vec![], 1));
        assert_eq!(carts.register(one, 9, "late"), Err(RegisterError::NoProc));
        assert_eq!((carts.unregister(two, &8), carts.unregister(two, &8), carts.count()), (1, 0, 0));
    });
}

#[test]
fn a_duplicate_key_is_dispatched_to_all() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let topics = Registry::<&str, u8>::new(&runtime, Keys::Duplicate);
        let [one, two] = [(); 2].map(|()| spawn_idle(&runtime));
        for (pid, value) in [(one, 1), (two, 2), (one, 3)] {
            assert_eq!(topics.register(pid, "news", value), Ok(()));
        }
        assert_eq!(topics.dispatch(&"news", |pid, value| (pid, value)), [(one, 1), (two, 2), (one, 3)]);
        assert_eq!(topics.keys(one), ["news", "news"]);
        assert_eq!(topics.unregister(one, &"news"), 2);
        assert_eq!(topics.dispatch(&"news", |pid, _| pid), [two]);
    });
}

#[test]
fn a_message_finds_its_way_by_a_registry_of_the_applications_own() {
    struct Fixed(Pid);
    impl NameRegistry for Fixed {
        fn whereis(&self, name: &str) -> Option<Pid> {
            (name == "known").then_some(self.0)
        }
    }
    on_virtual_time(async {
        let runtime = Runtime::new();
        let pid = spawn_idle(&runtime);
        let names = Registry::<Arc<str>, ()>::new(&runtime, Keys::Unique);
        names.register(pid, "cart".into(), ()).expect("a free name");
        let fixed: Arc<dyn NameRegistry> = Arc::new(Fixed(pid));
        let vias =
            [names.via("cart"), names.via("nobody"), Via::new(fixed.clone(), "known"), Via::new(fixed, "x")];
        let found = vias.map(|via| runtime.resolve(&Target::from(via)));
        assert_eq!(found, [Some(pid), None, Some(pid), None]);
        let via = Target::from(names.via("cart"));
        assert_eq!(runtime.send(pid, &via, "by name".into()), Ok(()));
        assert_eq!(runtime.info(pid).expect("it lives").mailbox, 1);
        let reason = run(&runtime, move |context| async move {
            context.runtime().monitor(context.pid(), &via);
            context.runtime().kill(pid);
            context.receive().await
        });
        assert!(matches!(reason.await, Message::Down { reason: ExitReason::Killed, .. }));
    });
}

#[test]
fn a_process_with_very_many_monitors_and_places_takes_them_with_it() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        const MANY: usize = 300_000;
        let [busy, other] = [(); 2].map(|()| spawn_idle(&runtime));
        let monitors: Vec<_> = (0..MANY).map(|_| runtime.monitor_group(busy, "watched").0).collect();
        for number in 0..MANY {
            runtime.join("joined", busy);
            runtime.join(&format!("group {number}"), busy);
        }
        runtime.join("joined", other);
        for monitor in &monitors[MANY / 2..] {
            assert!(runtime.demonitor_group(busy, *monitor));
        }
        end(&runtime, busy).await;
        assert_eq!(*runtime.members("joined"), [other]);
        assert_eq!(runtime.groups(), ["joined".into()]);
    });
}
