use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

/// The bytes of a message: up to 23 of them lie in the message itself, more are shared between all who hold them.
#[derive(Clone)]
pub struct Payload(Kept);

#[derive(Clone)]
enum Kept {
    Inline { len: u8, bytes: [u8; INLINE] },
    Shared(Bytes),
}

/// How many bytes [`Payload::short`] has.
const SHORT: usize = 16;

/// What fits beside a length where a [`Bytes`] would be, which leaves its pointer to functions as the mark of the case.
const INLINE: usize = 23;

impl Payload {
    /// No bytes.
    pub const fn new() -> Self {
        Self(Kept::Inline { len: 0, bytes: [0; INLINE] })
    }
}

impl Payload {
    /// So many of these bytes, of which the others are forgotten; none if there are not so many.
    pub fn from_short(short: [u8; SHORT], len: u8) -> Option<Self> {
        let behind = SHORT.checked_sub(usize::from(len))? as u32 * 8;
        let kept = u128::MAX.checked_shr(behind).unwrap_or(0);
        let short = u128::from_le_bytes(short) & kept;
        let mut bytes = [0; INLINE];
        bytes[..SHORT].copy_from_slice(&short.to_le_bytes());
        Some(Self(Kept::Inline { len, bytes }))
    }

    /// The bytes with zeros behind them, if they are few: copied faster than as many as they are.
    pub fn short(&self) -> Option<[u8; SHORT]> {
        match &self.0 {
            Kept::Inline { len, bytes } if usize::from(*len) <= SHORT => bytes.first_chunk().copied(),
            Kept::Inline { .. } => None,
            Kept::Shared(bytes) => {
                let mut short = [0; SHORT];
                short.get_mut(..bytes.len())?.copy_from_slice(bytes);
                Some(short)
            }
        }
    }

    /// Bytes of memory outside of the message.
    pub(crate) fn heap(&self) -> usize {
        match &self.0 {
            Kept::Inline { .. } => 0,
            Kept::Shared(bytes) => bytes.len(),
        }
    }

    /// The same bytes, and what is given back when the last holder of them is gone.
    pub(crate) fn with(self, kept: impl Send + 'static) -> Self {
        match self.0 {
            Kept::Shared(bytes) => Self(Kept::Shared(Bytes::from_owner(With(bytes, kept)))),
            Kept::Inline { .. } => self,
        }
    }

    /// The same bytes, whose holders are counted apart: many threads that count at one place hinder each other.
    pub(crate) fn counted_apart(&self) -> Self {
        match &self.0 {
            Kept::Shared(bytes) => Self(Kept::Shared(Bytes::from_owner(bytes.clone()))),
            Kept::Inline { .. } => self.clone(),
        }
    }
}

/// Bytes, and what goes with them.
struct With<T>(Bytes, T);

impl<T> AsRef<[u8]> for With<T> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kept::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Kept::Shared(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<&[u8]> for Payload {
    fn from(slice: &[u8]) -> Self {
        if slice.len() > INLINE {
            return Self(Kept::Shared(Bytes::copy_from_slice(slice)));
        }
        let mut bytes = [0; INLINE];
        bytes[..slice.len()].copy_from_slice(slice);
        Self(Kept::Inline { len: slice.len() as u8, bytes })
    }
}

impl<const N: usize> From<[u8; N]> for Payload {
    fn from(bytes: [u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() <= INLINE { Self::from(bytes.as_slice()) } else { Self(Kept::Shared(bytes.into())) }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(Kept::Shared(bytes))
    }
}

impl From<Payload> for Bytes {
    fn from(payload: Payload) -> Self {
        match payload.0 {
            Kept::Inline { len, bytes } => Self::copy_from_slice(&bytes[..usize::from(len)]),
            Kept::Shared(bytes) => bytes,
        }
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload {}

impl PartialEq<&str> for Payload {
    fn eq(&self, other: &&str) -> bool {
        **self == *other.as_bytes()
    }
}

impl PartialEq<Bytes> for Payload {
    fn eq(&self, other: &Bytes) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_and_shared_bytes_are_the_same_to_their_holder() {
        for len in [0, 1, INLINE, INLINE + 1, 1000] {
            let bytes: Vec<u8> = (0..len).map(|place| place as u8).collect();
            let payload = Payload::from(bytes.as_slice());
            assert_eq!(*payload, *bytes);
            assert_eq!(payload, Payload::from(bytes.clone()));
            assert_eq!(Bytes::from(payload), bytes);
        }
    }

    #[test]
    fn few_bytes_are_copied_with_zeros_behind_them() {
        for len in 0..=u8::MAX {
            let bytes: Vec<u8> = (1..=len).collect();
            let inline = Payload::from(bytes.as_slice());
            let shared = Payload::from(Bytes::from(bytes.clone()));
            for payload in [&inline, &shared] {
                let padded = payload.short().map(|short| short.to_vec());
                let expected = (bytes.len() <= SHORT).then(|| {
                    let mut expected = bytes.clone();
                    expected.resize(SHORT, 0);
                    expected
                });
                assert_eq!(padded, expected);
            }
            let made = Payload::from_short([7; SHORT], len);
            assert_eq!(made, (bytes.len() <= SHORT).then(|| Payload::from(vec![7; bytes.len()])));
            let behind = made
                .and_then(|made| made.short())
                .is_none_or(|short| short[bytes.len()..].iter().all(|byte| *byte == 0));
            assert!(behind);
        }
    }

    #[test]
    fn a_payload_is_as_small_as_a_reference_to_bytes() {
        assert_eq!(size_of::<Payload>(), size_of::<Bytes>());
    }
}
