//! The bytes of a value on RUSM's wire.
//!
//! The format is [postcard's](https://postcard.jamesmunns.com/wire-format) with what it leaves open fixed: a list's or
//! string's length is a `u32`, flags are ⌈n/8⌉ bytes with the low bit first and no unknown bit, a NaN has one spelling
//! (`7fc00000`, `7ff8000000000000`), a varint may be padded up to its type's longest form and no further, and nothing
//! may follow the value. The same bytes are written and read by the TypeScript SDK and by the host's tools; the test
//! vectors in `codegen/tests/vectors` are the arbiter.
//!
//! Decoding never allocates more than the input can hold: a length beyond what is left is [`DecodeError::Truncated`]
//! before anything is reserved.
//!
//! ```
//! use rusm_wire::{Decode, Encode, decode, encode};
//!
//! let bytes = encode(&("a", 300u16));
//! assert_eq!(bytes, [1, b'a', 0xac, 0x02]);
//! assert_eq!(decode::<(String, u16)>(&bytes), Ok(("a".to_owned(), 300)));
//! ```

mod reader;
mod value;
mod writer;

pub use reader::{DecodeError, Reader};
pub use value::{Decode, Encode, decode, encode};
pub use writer::{SHORT, Writer};
