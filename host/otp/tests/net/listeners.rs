//! Listeners: a process each, limits, how they stop, and supervision.

use std::collections::HashSet;
use std::time::Duration;

use rusm_otp::{
    ChildSpec, ConnectError, ExitReason, ListenError, ListenOptions, Listening, Runtime, SpawnOptions,
    StartCause, Supervisor, connect, listen, resume, suspend,
};
use tokio::time::timeout;

use crate::support::{ANYWHERE, LIMIT, dial, echo, on_sockets, polite, rest, run, serve, until};

#[test]
fn a_hundred_connections_have_a_process_each() {
    on_sockets(|runtime| async move {
        let handler = |context: rusm_otp::Context, mut connection: rusm_otp::Connection| async move {
            let pid = context.pid().id.to_be_bytes();
            connection.write_all(&pid).await.expect("the client lives");
            echo(context, connection).await
        };
        let listening = serve(&runtime, ListenOptions::new("echo"), handler).await;
        let mut clients = Vec::new();
        for _ in 0..100 {
            clients.push(dial(&runtime, listening.addr).await);
        }
        let mut pids = HashSet::new();
        for (number, client) in clients.iter_mut().enumerate() {
            pids.insert(client.read_exact(8).await.expect("its process's id"));
            let text = format!("hello {number}");
            client.write_all(text.as_bytes()).await.expect("it listens");
            assert_eq!(client.read_exact(text.len()).await.expect("an echo"), text);
        }
        assert_eq!(pids.len(), 100);
        let info = listening.info().await.expect("it runs");
        assert_eq!((info.connections, info.accepted), (100, 100));
        drop(clients);
        until(|| async { listening.info().await.is_some_and(|info| info.connections == 0) }).await;
    });
}

#[test]
fn a_crash_of_one_connection_harms_nobody_else() {
    on_sockets(|runtime| async move {
        let listening = serve(&runtime, ListenOptions::new("echo"), echo).await;
        let mut other = dial(&runtime, listening.addr).await;
        let mut crashing = dial(&runtime, listening.addr).await;
        crashing.write_all(b"!").await.expect("it listens");
        assert_eq!(rest(&mut crashing).await.expect("an end"), b"");
        other.write_all(b"still here").await.expect("it listens");
        assert_eq!(other.read_exact(10).await.expect("an echo"), "still here");
        let mut new = dial(&runtime, listening.addr).await;
        new.write_all(b"me too").await.expect("it listens");
        assert_eq!(new.read_exact(6).await.expect("an echo"), "me too");
    });
}

#[test]
fn at_the_most_connections_the_next_one_waits_its_turn() {
    on_sockets(|runtime| async move {
        let listening = serve(&runtime, ListenOptions::new("echo").most_connections(2), echo).await;
        let first = dial(&runtime, listening.addr).await;
        let _second = dial(&runtime, listening.addr).await;
        until(|| async { listening.info().await.is_some_and(|info| info.connections == 2) }).await;
        let mut third = dial(&runtime, listening.addr).await;
        third.write_all(b"x").await.expect("the backlog takes it");
        assert!(timeout(Duration::from_millis(50), third.read(1)).await.is_err());
        assert_eq!(listening.info().await.expect("it runs").accepted, 2);
        drop(first);
        assert_eq!(third.read_exact(1).await.expect("an echo"), "x");
    });
}

#[test]
fn a_listener_stops_accepting_then_asks_then_kills() {
    on_sockets(|runtime| async move {
        let stays = |context, mut connection: rusm_otp::Connection| async move {
            let first = connection.read_exact(1).await.expect("the client lives");
            match &first[..] {
                b"p" => polite(context, connection, false).await,
                b"s" => polite(context, connection, true).await,
                _ => {
                    connection.write_all(b"ready").await.expect("the client lives");
                    std::future::pending().await
                }
            }
        };
        let options = ListenOptions::new("polite").grace(Duration::from_millis(300));
        let listening = serve(&runtime, options, stays).await;
        let mut clients = Vec::new();
        for kind in [b"p", b"s", b"i"] {
            let mut client = dial(&runtime, listening.addr).await;
            client.write_all(kind).await.expect("it listens");
            assert_eq!(client.read_exact(5).await.expect("it runs"), "ready");
            clients.push(client);
        }
        let [polite, stays, idle] = &mut clients[..] else { panic!("three clients") };
        let addr = listening.addr;
        let refused = async {
            assert_eq!(stays.read_exact(3).await.expect("it was asked"), "bye");
            // It is asked after the port is closed.
            let again = move |context| async move { connect(&context, addr, LIMIT).await };
            run(&runtime, again).await.expect_err("nobody listens")
        };
        let (report, refused) = tokio::join!(listening.stop(), refused);
        assert!(matches!(refused, ConnectError::Refused(_)));
        assert_eq!((report.stopped, report.killed.len(), report.stuck.len()), (2, 1, 0));
        assert_eq!(&*report.killed[0].label, "polite");
        assert_eq!(rest(polite).await.expect("an end"), b"bye");
        assert_eq!(rest(stays).await.expect("an end"), b"");
        assert_eq!(rest(idle).await.expect("an end"), b"");
        assert!(listening.info().await.is_none());
    });
}

#[test]
fn a_supervisor_stops_a_listener_with_its_connections() {
    on_sockets(|runtime| async move {
        let handler = |context, connection| polite(context, connection, false);
        let child = ChildSpec::listener("web", ANYWHERE, ListenOptions::new("web"), handler);
        let root = Supervisor::new("root").child(child).start(&runtime, None).await.expect("it starts");
        let listening = Listening::of(&runtime, &"web".into()).await.expect("it has its id as a name");
        let mut client = dial(&runtime, listening.addr).await;
        assert_eq!(client.read_exact(5).await.expect("it runs"), "ready");
        root.stop().await;
        assert_eq!(rest(&mut client).await.expect("an end"), b"bye");
        // The one that has dialled may still be about to end.
        until(async || runtime.processes().is_empty()).await;
    });
}

#[test]
fn a_killed_listener_ends_its_connections_and_restarts_on_its_port() {
    on_sockets(|runtime| async move {
        let child = ChildSpec::listener("echo", ANYWHERE, ListenOptions::new("echo"), echo);
        let root = Supervisor::new("root").child(child).start(&runtime, None).await.expect("it starts");
        let before = Listening::of(&runtime, &"echo".into()).await.expect("it runs");
        let mut old = dial(&runtime, before.addr).await;
        old.write_all(b"x").await.expect("it listens");
        old.read_exact(1).await.expect("an echo");
        runtime.kill(before.pid);
        assert_eq!(rest(&mut old).await.expect("an end"), b"");
        until(|| async { root.restarts() == 1 && Listening::of(&runtime, &"echo".into()).await.is_some() })
            .await;
        let after = Listening::of(&runtime, &"echo".into()).await.expect("it runs again");
        assert_eq!(after.addr, before.addr);
        assert_ne!(after.pid, before.pid);
        let mut new = dial(&runtime, before.addr).await;
        new.write_all(b"y").await.expect("it listens");
        assert_eq!(new.read_exact(1).await.expect("an echo"), "y");
    });
}

#[test]
fn one_specification_serves_two_supervisors() {
    on_sockets(|runtime| async move {
        let child = ChildSpec::listener("echo", ANYWHERE, ListenOptions::new("echo"), echo);
        let first = Supervisor::new("first").child(child.clone()).start(&runtime, None).await;
        let one = Listening::of(&runtime, &"echo".into()).await.expect("it runs");
        runtime.unregister(one.pid, "echo");
        let second = Supervisor::new("second").child(child).start(&runtime, None).await;
        let two = Listening::of(&runtime, &"echo".into()).await.expect("it runs, too");
        assert_ne!(one.addr.port(), two.addr.port());
        first.expect("it runs").stop().await;
        second.expect("it runs").stop().await;
    });
}

#[test]
fn a_listener_that_does_not_start_says_why() {
    on_sockets(|runtime| async move {
        let first = serve(&runtime, ListenOptions::new("first").name("web"), echo).await;
        let taken = listen(&runtime, first.addr, ListenOptions::new("second"), echo).await;
        assert!(matches!(taken, Err(ListenError::InUse(_))), "{taken:?}");
        let named = listen(&runtime, ANYWHERE, ListenOptions::new("third").name("web"), echo).await;
        assert!(matches!(named, Err(ListenError::AlreadyRegistered(_))), "{named:?}");
        // Reserved for documentation: no machine has it.
        let foreign = "192.0.2.1:0".parse().expect("an address");
        let absent = listen(&runtime, foreign, ListenOptions::new("fourth").name("absent"), echo).await;
        assert!(matches!(absent, Err(ListenError::NotAvailable(_))), "{absent:?}");
        assert_eq!(runtime.whereis("absent"), None);
        let child = ChildSpec::listener("child", first.addr, ListenOptions::new("child"), echo);
        let root = Supervisor::new("root").child(child).start(&runtime, None).await;
        let StartCause::Failed(cause) = root.expect_err("the port is taken").cause else {
            panic!("it fails")
        };
        assert!(matches!(cause.downcast_ref(), Some(ListenError::InUse(_))), "{cause}");
    });
}

#[test]
fn without_sockets_a_listener_does_not_start() {
    let workers = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    workers.block_on(async {
        let ended = listen(&Runtime::new(), ANYWHERE, ListenOptions::new("none"), echo).await;
        assert!(matches!(ended, Err(ListenError::Ended)), "{ended:?}");
    });
}

#[test]
fn a_suspended_listener_accepts_nothing_until_it_is_resumed() {
    on_sockets(|runtime| async move {
        let listening = serve(&runtime, ListenOptions::new("echo"), echo).await;
        let target = listening.pid.into();
        run(&runtime, move |context| async move { suspend(&context, &target, LIMIT).await })
            .await
            .expect("it hears");
        let mut client = dial(&runtime, listening.addr).await;
        client.write_all(b"x").await.expect("the backlog takes it");
        assert!(timeout(Duration::from_millis(50), client.read(1)).await.is_err());
        let info = listening.info().await.expect("it runs");
        assert_eq!((info.accepted, info.suspended), (0, true));
        let target = listening.pid.into();
        run(&runtime, move |context| async move { resume(&context, &target, LIMIT).await })
            .await
            .expect("it hears");
        assert_eq!(client.read_exact(1).await.expect("an echo"), "x");
    });
}

#[test]
fn a_listener_ends_with_the_process_it_is_linked_to() {
    on_sockets(|runtime| async move {
        let parent =
            runtime.spawn(SpawnOptions::new("parent"), |_| std::future::pending()).expect("no name").pid;
        let options = ListenOptions::new("echo").parent(parent).link(true);
        let listening = serve(&runtime, options, echo).await;
        let mut client = dial(&runtime, listening.addr).await;
        client.write_all(b"x").await.expect("it listens");
        client.read_exact(1).await.expect("an echo");
        runtime.exit(parent, parent, ExitReason::Custom("enough".into()));
        assert_eq!(rest(&mut client).await.expect("an end"), b"");
        until(|| async { !runtime.is_alive(listening.pid) }).await;
    });
}
