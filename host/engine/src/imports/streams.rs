//! Streams: what both lanes do for them, apart from how each waits.

use bytes::Bytes;
use rusm_otp::{StreamEnd, StreamReader, StreamWriter};
use tokio::time::timeout;

use super::arguments::limit;
use crate::guest::Guest;
use crate::types::StreamError;

/// The end that writes, if it is one.
pub(super) fn writer(end: Option<StreamEnd>) -> Result<StreamWriter, StreamError> {
    match end {
        Some(StreamEnd::Writer(writer)) => Ok(writer),
        _ => Err(StreamError::BadHandle),
    }
}

/// Whether a chunk can be written, or may wait until it can: a deadline of 0 does not wait, and the writer hears of room.
pub(super) fn may_write(writer: &StreamWriter, deadline_ms: u32) -> Result<(), StreamError> {
    if writer.has_room()? || deadline_ms > 0 {
        return Ok(());
    }
    writer.demand();
    Err(StreamError::Timeout)
}

/// Waits until there is room for a chunk, at most so long.
pub(super) async fn room(writer: &StreamWriter, deadline_ms: u32) -> Result<(), StreamError> {
    may_write(writer, deadline_ms)?;
    match timeout(limit(deadline_ms), writer.room()).await {
        Ok(room) => room.map_err(StreamError::from),
        Err(_) => Err(StreamError::Timeout),
    }
}

/// Writes a chunk as soon as there is room, waiting for it at most so long.
pub(super) async fn write(writer: StreamWriter, chunk: Bytes, deadline_ms: u32) -> Result<(), StreamError> {
    match timeout(limit(deadline_ms), writer.write(chunk)).await {
        Ok(written) => written.map_err(StreamError::from),
        Err(_) => Err(StreamError::Timeout),
    }
}

/// The next chunk, waiting at most so long; a deadline of 0 waits for as long as it takes.
pub(super) async fn read(end: Option<StreamEnd>, deadline_ms: u32) -> Result<Option<Bytes>, StreamError> {
    let Some(StreamEnd::Reader(reader)) = end else { return Err(StreamError::BadHandle) };
    let read = |reader: StreamReader| async move { reader.read().await.map_err(StreamError::from) };
    if deadline_ms == 0 {
        return read(reader).await;
    }
    timeout(limit(deadline_ms), read(reader)).await.unwrap_or(Err(StreamError::Timeout))
}

pub(super) fn demand(guest: &Guest, handle: u64) {
    match guest.context.stream(handle) {
        Some(StreamEnd::Writer(writer)) => writer.demand(),
        Some(StreamEnd::Reader(reader)) => reader.demand(),
        _ => {}
    }
}

pub(super) fn close(guest: &Guest, handle: u64) {
    if let Some(end) = guest.context.take_stream(handle) {
        end.close();
    }
}

pub(super) fn abort(guest: &Guest, handle: u64, why: String) {
    if let Some(end) = guest.context.take_stream(handle) {
        end.abort(why);
    }
}
