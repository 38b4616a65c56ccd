//! Connections as streams of the crate: order, back-pressure, and ends in both directions.

use std::time::Duration;

use bytes::Bytes;
use rusm_otp::{
    Connection, ConnectionError, Context, ExitReason, ListenOptions, Message, Runtime, SpawnOptions,
    StreamEnd, StreamError, StreamReader, StreamWriter, stream,
};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::{LIMIT, dial, on_sockets, pair, rest, run, serve, until};

const MEBIBYTE: usize = 1024 * 1024;
const WINDOW: usize = 256 * 1024;

/// A prime, so that a chunk that is lost or doubled shows.
const PERIOD: usize = 65_537;

/// Two periods of bytes, so that every part of one period is a slice.
fn pattern() -> Bytes {
    let mut number = 1_u32;
    let period = std::iter::repeat_with(move || {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (number >> 24) as u8
    });
    let period: Vec<u8> = period.take(PERIOD).collect();
    period.repeat(2).into()
}

/// What comes at this place of the pattern.
fn at(pattern: &Bytes, place: usize, length: usize) -> Bytes {
    let from = place % PERIOD;
    pattern.slice(from..from + length.min(PERIOD))
}

/// Reads to the end, and compares every byte: how many there were.
async fn check(reader: &StreamReader) -> Result<usize, StreamError> {
    let (pattern, mut place) = (pattern(), 0);
    while let Some(chunk) = reader.read().await? {
        assert!(chunk.len() <= 64 * 1024);
        assert!(at(&pattern, place, chunk.len()) == chunk, "the bytes from {place} on differ");
        place += chunk.len();
    }
    Ok(place)
}

async fn produce(writer: &StreamWriter, bytes: usize) -> Result<(), StreamError> {
    let (pattern, mut place) = (pattern(), 0);
    while place < bytes {
        let chunk = at(&pattern, place, (bytes - place).min(50_000));
        place += chunk.len();
        writer.write(chunk).await?;
    }
    StreamEnd::Writer(writer.clone()).close();
    Ok(())
}

/// A process that keeps a stream's owner alive until it is told.
struct Owner<T> {
    pid: rusm_otp::Pid,
    value: T,
}

/// Makes something of a process that does nothing else until it is ended.
async fn owned<T, F>(runtime: &Runtime, make: F) -> Owner<T>
where
    T: Send + 'static,
    F: FnOnce(&Context) -> T + Send + 'static,
{
    let (done, made) = oneshot::channel();
    let body = |context: Context| async move {
        done.send(make(&context)).ok();
        context.receive_matching(|message| matches!(message, Message::Mail { .. })).await;
        ExitReason::Normal
    };
    let pid = runtime.spawn(SpawnOptions::new("owner"), body).expect("no name").pid;
    Owner { pid, value: made.await.expect("it is made") }
}

impl<T> Owner<T> {
    fn end(&self, runtime: &Runtime) {
        runtime.send(self.pid, &self.pid.into(), "done".into()).expect("no bound");
    }
}

#[test]
fn sixty_four_mebibytes_pass_byte_for_byte() {
    on_sockets(|runtime| async move {
        let (near, far) = pair(&runtime).await;
        let reading = run(&runtime, |context| async move {
            let (reader, _writer) = far.split();
            check(&reader.into_stream(&context, WINDOW)).await
        });
        let writing = run(&runtime, |context| async move {
            let (_reader, writer) = near.split();
            produce(&writer.into_stream(&context, WINDOW), 64 * MEBIBYTE).await
        });
        let (read, written) = tokio::join!(reading, writing);
        assert_eq!((read, written), (Ok(64 * MEBIBYTE), Ok(())));
    });
}

#[test]
fn a_reader_that_stops_holds_the_sender_back() {
    on_sockets(|runtime| async move {
        let (go, mut may_read) = tokio::sync::watch::channel(false);
        may_read.mark_unchanged();
        let (done, read) = tokio::sync::mpsc::channel(1);
        let handler = move |context: Context, connection: Connection| {
            let (mut may_read, done) = (may_read.clone(), done.clone());
            async move {
                let stream = connection.split().0.into_stream(&context, WINDOW);
                may_read.changed().await.expect("the test lives");
                done.send(check(&stream).await).await.expect("the test waits");
                ExitReason::Normal
            }
        };
        let options = ListenOptions::new("slow").receive_buffer(64 * 1024);
        let listening = serve(&runtime, options, handler).await;
        let mut client = dial(&runtime, listening.addr).await;
        let (pattern, mut sent) = (pattern(), 0);
        // What a busy machine takes for a wait makes the number smaller, and the test no weaker.
        while let Ok(written) =
            timeout(Duration::from_millis(500), client.write(&at(&pattern, sent, 50_000))).await
        {
            sent += written.expect("the peer lives");
            assert!(sent < 64 * MEBIBYTE, "nobody reads, and everything is taken");
        }
        // The stream's window, the chunk that waits, and what the system keeps on both sides: 4 MiB on the sender's.
        assert!(sent < 16 * MEBIBYTE, "{sent} bytes are in flight");
        go.send(true).expect("the handler waits");
        while sent < 64 * MEBIBYTE {
            let chunk = at(&pattern, sent, (64 * MEBIBYTE - sent).min(50_000));
            client.write_all(&chunk).await.expect("the peer reads");
            sent += chunk.len();
        }
        drop(client);
        let mut read = read;
        assert_eq!(timeout(LIMIT, read.recv()).await.expect("in time"), Some(Ok(64 * MEBIBYTE)));
    });
}

#[test]
fn a_peer_that_does_not_read_makes_the_streams_writer_wait() {
    on_sockets(|runtime| async move {
        let (near, mut far) = pair(&runtime).await;
        let (sent, peer) = run(&runtime, |context| async move {
            let (reader, writer) = near.split();
            let stream = writer.into_stream(&context, WINDOW);
            let mut sent = 0;
            while timeout(Duration::from_millis(500), stream.write(vec![1; 50_000].into())).await.is_ok() {
                sent += 50_000;
                assert!(sent < 256 * MEBIBYTE, "nobody reads, and everything is taken");
            }
            StreamEnd::Writer(stream).close();
            (sent, reader)
        })
        .await;
        // The process has ended: what it has written leaves all the same.
        assert_eq!(rest(&mut far).await.expect("an end").len(), sent);
        drop(peer);
    });
}

#[test]
fn a_peer_that_never_reads_keeps_nothing_alive() {
    // On one thread, whose clock can be stopped.
    let workers = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    workers.block_on(async {
        let runtime = Runtime::new();
        let (near, mut far) = pair(&runtime).await;
        run(&runtime, |context| async move {
            let stream = near.split().1.into_stream(&context, WINDOW);
            while timeout(Duration::from_millis(200), stream.write(vec![1; 50_000].into())).await.is_ok() {}
            StreamEnd::Writer(stream).close();
        })
        .await;
        tokio::time::pause();
        let before = tokio::time::Instant::now();
        while !runtime.processes().is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let took = before.elapsed();
        tokio::time::resume();
        assert!(took >= Duration::from_secs(29) && took <= Duration::from_secs(32), "{took:?}");
        assert!(matches!(rest(&mut far).await, Err(ConnectionError::Reset(_))));
    });
}

#[test]
fn a_process_that_writes_a_stream_ends_well_when_all_is_written() {
    on_sockets(|runtime| async move {
        let (near, mut far) = pair(&runtime).await;
        let (theirs, ours) = stream(WINDOW);
        let ended = run(&runtime, move |context| async move {
            let (_reader, writer) = near.split();
            let pump = writer.write_stream(&context, ours);
            let monitor = context.runtime().monitor(context.pid(), &pump.into());
            theirs.write("all of it".into()).await.expect("it is drained");
            StreamEnd::Writer(theirs).close();
            let is_down =
                |message: &Message| matches!(message, Message::Down { monitor: of, .. } if *of == monitor);
            context.receive_within(LIMIT, is_down).await
        });
        let Some(Message::Down { reason, .. }) = ended.await else { panic!("it has not ended") };
        assert_eq!(reason, ExitReason::Normal);
        assert_eq!(rest(&mut far).await.expect("an end"), b"all of it");
    });
}

#[test]
fn a_reset_aborts_both_streams() {
    on_sockets(|runtime| async move {
        let (near, far) = pair(&runtime).await;
        let streams = owned(&runtime, |context| {
            let (reader, writer) = near.split();
            (reader.into_stream(context, WINDOW), writer.into_stream(context, WINDOW))
        });
        let streams = streams.await;
        far.abort();
        let (reader, writer) = &streams.value;
        let read = timeout(LIMIT, reader.read()).await.expect("in time");
        assert!(
            matches!(&read, Err(StreamError::Aborted(why)) if why.starts_with("reset by the peer")),
            "{read:?}"
        );
        let writing = async {
            loop {
                if let Err(error) = writer.write("x".into()).await {
                    return error;
                }
                tokio::task::yield_now().await;
            }
        };
        let written = timeout(LIMIT, writing).await.expect("in time");
        assert!(matches!(written, StreamError::Aborted(_)), "{written:?}");
    });
}

#[test]
fn a_stream_that_is_aborted_resets_the_connection() {
    on_sockets(|runtime| async move {
        let (near, mut far) = pair(&runtime).await;
        let (_reader, writer) = near.split();
        let stream = owned(&runtime, |context| writer.into_stream(context, WINDOW)).await;
        StreamEnd::Writer(stream.value.clone()).abort("no more");
        assert!(matches!(rest(&mut far).await, Err(ConnectionError::Reset(_))));
    });
}

#[test]
fn an_owner_that_ends_without_closing_its_stream_resets_the_connection() {
    on_sockets(|runtime| async move {
        let (near, mut far) = pair(&runtime).await;
        let (_reader, writer) = near.split();
        let stream = owned(&runtime, |context| writer.into_stream(context, WINDOW)).await;
        stream.end(&runtime);
        assert!(matches!(rest(&mut far).await, Err(ConnectionError::Reset(_))));
    });
}

#[test]
fn an_owner_that_crashes_resets_what_it_reads() {
    on_sockets(|runtime| async move {
        let (near, mut far) = pair(&runtime).await;
        let (reader, _writer) = near.split();
        let stream = owned(&runtime, |context| reader.into_stream(context, WINDOW)).await;
        runtime.kill(stream.pid);
        assert!(matches!(rest(&mut far).await, Err(ConnectionError::Reset(_))));
    });
}

#[test]
fn a_reader_that_closes_early_leaves_the_other_half_alone() {
    on_sockets(|runtime| async move {
        let (near, mut far) = pair(&runtime).await;
        let (reader, mut writer) = near.split();
        let stream = owned(&runtime, |context| reader.into_stream(context, WINDOW)).await;
        StreamEnd::Reader(stream.value.clone()).close();
        until(|| async { runtime.processes().len() == 1 }).await;
        writer.write_all(b"still here").await.expect("the peer lives");
        writer.close().expect("it was open");
        assert_eq!(rest(&mut far).await.expect("an end"), b"still here");
    });
}

#[test]
fn a_pump_that_is_killed_tells_both_sides() {
    on_sockets(|runtime| async move {
        let (near, mut far) = pair(&runtime).await;
        let (reader, _writer) = near.split();
        let stream = owned(&runtime, |context| reader.into_stream(context, WINDOW)).await;
        let pump = runtime.processes().into_iter().find(|process| &*process.label == "connection reader");
        runtime.kill(pump.expect("it runs").pid);
        let read = timeout(LIMIT, stream.value.read()).await.expect("in time");
        assert_eq!(read, Err(StreamError::Exited(ExitReason::Killed)));
        assert!(matches!(rest(&mut far).await, Err(ConnectionError::Reset(_))));
    });
}

#[test]
fn another_processs_stream_goes_out_and_its_exit_resets() {
    on_sockets(|runtime| async move {
        let (near, mut far) = pair(&runtime).await;
        let (theirs, ours) = stream(WINDOW);
        let producer = owned(&runtime, move |context| {
            context.own_stream(StreamEnd::Writer(theirs.clone()));
            theirs
        });
        let producer = producer.await;
        let (_reader, writer) = near.split();
        let pump = owned(&runtime, |context| writer.write_stream(context, ours)).await;
        producer.value.write("half of it".into()).await.expect("it is drained");
        assert_eq!(far.read_exact(10).await.expect("ten bytes"), "half of it");
        producer.end(&runtime);
        assert!(matches!(rest(&mut far).await, Err(ConnectionError::Reset(_))));
        until(|| async { !runtime.is_alive(pump.value) }).await;
    });
}
