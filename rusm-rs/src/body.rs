use std::ops::Deref;

use rusm_wire::{SHORT, Writer};

use crate::bindings::callbacks::MessageBody;
use crate::bindings::types::ShortBody;

/// The bytes of a message; short ones take no memory.
#[doc(hidden)]
#[derive(Debug)]
pub enum Body {
    Short([u8; SHORT], u8),
    Long(Vec<u8>),
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Short(bytes, length) => &bytes[..usize::from(*length).min(bytes.len())],
            Self::Long(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Long(bytes)
    }
}

impl From<ShortBody> for Body {
    fn from(body: ShortBody) -> Self {
        let all = u128::from(body.high) << 64 | u128::from(body.low);
        Self::Short(all.to_le_bytes(), body.length)
    }
}

impl From<MessageBody> for Body {
    fn from(body: MessageBody) -> Self {
        match body {
            MessageBody::Short(body) => body.into(),
            MessageBody::Long(body) => body.into(),
        }
    }
}

/// As numbers, if it is short enough.
pub(crate) fn short(body: &Writer) -> Option<ShortBody> {
    let (bytes, length) = body.as_short()?;
    let all = u128::from_le_bytes(bytes);
    Some(ShortBody { length, low: all as u64, high: (all >> 64) as u64 })
}
