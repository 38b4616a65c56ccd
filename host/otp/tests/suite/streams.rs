//! Streams between processes: order, back-pressure, early ends from either side.

use std::time::Duration;

use crate::support::{on_virtual_time, run};
use bytes::Bytes;
use rusm_otp::{ExitReason, Message, Runtime, SpawnOptions, StreamEnd, StreamError, TryWrite, stream};

fn chunk(bytes: usize) -> Bytes {
    vec![7; bytes].into()
}

#[test]
fn a_stream_keeps_its_order_and_ends_when_it_is_closed() {
    on_virtual_time(async {
        let (writer, reader) = stream(4);
        let writing = async {
            for number in 0..100_u8 {
                writer.write(vec![number].into()).await.expect("somebody reads");
            }
            StreamEnd::Writer(writer.clone()).close();
        };
        let reading = async {
            let mut all = Vec::new();
            while let Some(chunk) = reader.read().await.expect("nobody gives up") {
                all.extend_from_slice(&chunk);
            }
            all
        };
        let ((), all) = tokio::join!(writing, reading);
        assert_eq!(all, (0..100).collect::<Vec<u8>>());
    });
}

#[test]
fn a_writer_waits_for_room_and_one_large_chunk_still_passes() {
    on_virtual_time(async {
        let (writer, reader) = stream(10);
        assert_eq!(writer.try_write(chunk(100)), TryWrite::Taken);
        assert_eq!(writer.try_write(chunk(1)), TryWrite::Full(chunk(1)));
        let waiting = tokio::time::timeout(Duration::from_secs(1), writer.write(chunk(1)));
        assert!(waiting.await.is_err());
        assert_eq!(reader.read().await, Ok(Some(chunk(100))));
        assert_eq!(writer.write(chunk(1)).await, Ok(()));
    });
}

#[test]
fn what_was_written_before_an_abort_is_read_first() {
    on_virtual_time(async {
        let (writer, reader) = stream(10);
        writer.write(chunk(1)).await.expect("there is room");
        StreamEnd::Writer(writer).abort("no more");
        assert_eq!(reader.read().await, Ok(Some(chunk(1))));
        assert_eq!(reader.read().await, Err(StreamError::Aborted("no more".into())));
    });
}

#[test]
fn a_reader_that_closes_ends_a_writer_that_waits() {
    on_virtual_time(async {
        let (writer, reader) = stream(1);
        writer.write(chunk(1)).await.expect("there is room");
        let writing = writer.write(chunk(1));
        let closing = async {
            tokio::task::yield_now().await;
            StreamEnd::Reader(reader).close();
        };
        let (written, ()) = tokio::join!(writing, closing);
        assert_eq!(written, Err(StreamError::Closed));
    });
}

#[test]
fn the_end_of_a_process_ends_its_streams_with_its_reason() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let (writer, reader) = stream(10);
        let body = move |context: rusm_otp::Context| async move {
            context.own_stream(StreamEnd::Writer(writer));
            ExitReason::Custom("gone".into())
        };
        runtime.spawn(SpawnOptions::new("writer"), body).expect("no name");
        assert_eq!(reader.read().await, Err(StreamError::Exited(ExitReason::Custom("gone".into()))));
    });
}

#[test]
fn an_owner_is_told_of_demand_when_it_asks_and_of_the_readers_end() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let (writer, reader) = stream(10);
        let events = run(&runtime, move |context| async move {
            let handle = context.own_stream(StreamEnd::Writer(writer.clone()));
            writer.demand();
            let at_once = matches!(context.receive().await, Message::Demand { handle: of } if of == handle);
            assert_eq!(writer.try_write(chunk(10)), TryWrite::Taken);
            writer.demand();
            let nothing = context.receive_within(Duration::from_secs(1), |_| true).await.is_none();
            reader.read().await.expect("a chunk");
            let later = matches!(context.receive().await, Message::Demand { .. });
            StreamEnd::Reader(reader).abort("enough");
            let Message::StreamEnd { reason, .. } = context.receive().await else { panic!("the end") };
            (at_once, nothing, later, reason)
        });
        assert_eq!(events.await, (true, true, true, StreamError::Aborted("enough".into())));
    });
}

#[test]
fn a_writer_whose_reader_is_gone_already_hears_it_when_it_gets_the_end() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let heard = run(&runtime, |context| async move {
            let (writer, reader) = stream(10);
            StreamEnd::Reader(reader).close();
            let handle = context.own_stream(StreamEnd::Writer(writer));
            let message = context.receive().await;
            matches!(message, Message::StreamEnd { handle: of, reason: StreamError::Closed } if of == handle)
        });
        assert!(heard.await);
    });
}
