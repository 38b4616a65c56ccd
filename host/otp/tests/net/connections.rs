//! Connections: how they are made, read, written, and how they end.

use std::time::Duration;

use rusm_otp::{
    CloseError, ConnectError, Connection, ConnectionError, Context, ExitReason, ListenOptions, MOST_EXACT,
    ReadExactError, SpawnOptions, connect,
};
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::{ANYWHERE, LIMIT, echo, on_sockets, pair, rest, run, serve};

#[test]
fn nobody_listens_is_refused() {
    on_sockets(|runtime| async move {
        let listening = serve(&runtime, ListenOptions::new("echo"), echo).await;
        let addr = listening.addr;
        listening.stop().await;
        let refused = run(&runtime, move |context| async move { connect(&context, addr, LIMIT).await }).await;
        assert!(matches!(refused, Err(ConnectError::Refused(_))), "{refused:?}");
    });
}

#[test]
fn nobody_answers_is_a_timeout() {
    on_sockets(|runtime| async move {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(ANYWHERE).expect("a port");
        // Linux keeps one more than the backlog, and then answers nothing.
        let listener = socket.listen(1).expect("it listens");
        let addr = listener.local_addr().expect("its port");
        let late = run(&runtime, move |context| async move {
            let mut connected = Vec::new();
            loop {
                match connect(&context, addr, Duration::from_millis(200)).await {
                    Ok(connection) if connected.len() < 64 => connected.push(connection),
                    outcome => return outcome,
                }
            }
        });
        let late = late.await;
        assert!(matches!(late, Err(ConnectError::Timeout)), "{late:?}");
    });
}

#[test]
fn both_sides_know_their_addresses() {
    on_sockets(|runtime| async move {
        let (near, far) = pair(&runtime).await;
        assert_eq!((near.peer(), near.local()), (far.local(), far.peer()));
        near.set_nodelay(true).expect("it is open");
        let (reader, writer) = near.split();
        assert_eq!((reader.peer(), writer.local()), (far.local(), far.peer()));
    });
}

#[test]
fn a_close_is_seen_as_an_end_after_everything() {
    on_sockets(|runtime| async move {
        let (mut near, mut far) = pair(&runtime).await;
        let bytes = vec![7; 1_000_000];
        let writing = async {
            near.write_all(&bytes).await.expect("the peer reads");
            near.flush().expect("all is well");
            near.close(LIMIT).await.expect("the peer ends, too");
        };
        let reading = async {
            let all = rest(&mut far).await.expect("an end");
            drop(far);
            all
        };
        let ((), all) = tokio::join!(writing, reading);
        assert!(all == bytes);
    });
}

#[test]
fn an_abort_is_seen_as_a_reset() {
    on_sockets(|runtime| async move {
        let (near, mut far) = pair(&runtime).await;
        near.abort();
        assert!(matches!(rest(&mut far).await, Err(ConnectionError::Reset(_))));
    });
}

#[test]
fn a_reset_that_a_write_has_met_is_no_end_for_the_reader() {
    on_sockets(|runtime| async move {
        let (near, far) = pair(&runtime).await;
        far.abort();
        let (mut reader, mut writer) = near.split();
        let failing = async {
            loop {
                if let Err(error) = writer.write(b"x").await {
                    return error;
                }
                tokio::task::yield_now().await;
            }
        };
        let failed = timeout(LIMIT, failing).await.expect("in time");
        assert!(matches!(failed, ConnectionError::Reset(_)), "{failed:?}");
        for _ in 0..2 {
            let read = timeout(LIMIT, reader.read(1)).await.expect("in time");
            assert!(matches!(read, Err(ConnectionError::Reset(_))), "{read:?}");
        }
    });
}

#[test]
fn an_end_stays_an_end_when_a_later_write_fails() {
    on_sockets(|runtime| async move {
        let (near, mut far) = pair(&runtime).await;
        far.write_all(b"all of it").await.expect("the peer lives");
        drop(far);
        let (mut reader, mut writer) = near.split();
        let failing = async {
            while writer.write(b"x").await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, failing).await.expect("in time");
        assert_eq!(reader.read_exact(9).await.expect("it was sent"), "all of it");
        assert_eq!(reader.read(1).await.expect("an end"), None);
    });
}

#[test]
fn a_close_that_the_peer_does_not_answer_is_a_reset() {
    on_sockets(|runtime| async move {
        let (near, mut far) = pair(&runtime).await;
        let closed = near.close(Duration::from_millis(20)).await;
        assert!(matches!(closed, Err(CloseError::Timeout)), "{closed:?}");
        // It has seen the end, and finds the reset behind it.
        let written = async {
            while far.write(b"x").await.is_ok() {
                tokio::task::yield_now().await;
            }
            far.write(b"x").await
        };
        let written = timeout(LIMIT, written).await.expect("in time");
        assert!(matches!(written, Err(ConnectionError::Reset(_))), "{written:?}");
    });
}

#[test]
fn a_read_that_is_given_up_loses_nothing() {
    on_sockets(|runtime| async move {
        let (mut near, mut far) = pair(&runtime).await;
        near.write_all(b"hel").await.expect("the peer lives");
        assert!(timeout(Duration::from_millis(20), far.read_exact(5)).await.is_err());
        near.write_all(b"lo!").await.expect("the peer lives");
        assert_eq!(far.read_exact(5).await.expect("five bytes"), "hello");
        assert_eq!(far.read(10).await.expect("one more"), Some("!".into()));
    });
}

#[test]
fn too_few_bytes_and_too_many_are_told_apart() {
    on_sockets(|runtime| async move {
        let (mut near, mut far) = pair(&runtime).await;
        near.write_all(b"hel").await.expect("the peer lives");
        drop(near);
        let long = far.read_exact(MOST_EXACT + 1).await;
        assert!(matches!(long, Err(ReadExactError::TooLong { .. })), "{long:?}");
        let short = far.read_exact(5).await;
        assert!(matches!(short, Err(ReadExactError::Ended { came: 3, wanted: 5 })), "{short:?}");
        assert_eq!(far.read(2).await.expect("it was kept"), Some("he".into()));
        assert_eq!(far.read(0).await.expect("it was kept"), Some("l".into()));
        assert_eq!(far.read(2).await.expect("an end"), None);
        assert_eq!(far.read(2).await.expect("the same end"), None);
    });
}

#[test]
fn the_halves_serve_two_processes() {
    on_sockets(|runtime| async move {
        let (near, mut far) = pair(&runtime).await;
        let (mut reader, mut writer) = near.split();
        let (done, read) = oneshot::channel();
        let reading = move |_: Context| async move {
            done.send(reader.read_exact(4).await.expect("four bytes")).ok();
            ExitReason::Normal
        };
        let writing = move |_: Context| async move {
            writer.write_all(b"ping").await.expect("the peer lives");
            writer.close().expect("it was open");
            ExitReason::Normal
        };
        runtime.spawn(SpawnOptions::new("reader"), reading).expect("no name");
        runtime.spawn(SpawnOptions::new("writer"), writing).expect("no name");
        assert_eq!(rest(&mut far).await.expect("the writer's end"), b"ping");
        far.write_all(b"pong").await.expect("the reader lives");
        assert_eq!(timeout(LIMIT, read).await.expect("in time").expect("it reads"), "pong");
    });
}

#[test]
fn a_half_that_aborts_ends_the_other_one_at_once() {
    on_sockets(|runtime| async move {
        let (near, mut far) = pair(&runtime).await;
        let (mut reader, writer) = near.split();
        let waiting = tokio::spawn(async move { (reader.read(1).await, reader) });
        far.write_all(b"").await.expect("nothing to write");
        tokio::task::yield_now().await;
        writer.abort();
        let (read, _reader) = timeout(LIMIT, waiting).await.expect("in time").expect("no panic");
        assert!(matches!(read, Err(ConnectionError::Aborted)), "{read:?}");
        assert!(matches!(rest(&mut far).await, Err(ConnectionError::Reset(_))));
    });
}

#[test]
fn a_connection_goes_with_its_process() {
    on_sockets(|runtime| async move {
        let (mut near, far) = pair(&runtime).await;
        let keeping = move |_: Context| async move {
            let _kept: Connection = far;
            std::future::pending().await
        };
        let keeper = runtime.spawn(SpawnOptions::new("keeper"), keeping).expect("no name").pid;
        near.write_all(b"").await.expect("it is open");
        runtime.kill(keeper);
        assert_eq!(rest(&mut near).await.expect("an end"), b"");
    });
}
