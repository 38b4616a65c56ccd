//! The bytes are postcard's: its own crate is the oracle. Where the wire is stricter, that is asserted too.

use postcard::{from_bytes, to_stdvec};
use proptest::prelude::*;
use rusm_wire::{Decode, DecodeError, Encode, Reader, Writer, decode, encode};
use serde::{Deserialize, Serialize};

fn same<T>(value: &T)
where
    T: Encode + Decode + Serialize + for<'a> Deserialize<'a> + PartialEq + std::fmt::Debug,
{
    let bytes = encode(value);
    assert_eq!(bytes, to_stdvec(value).expect("postcard writes it"));
    assert_eq!(decode::<T>(&bytes).as_ref(), Ok(value));
    assert_eq!(&from_bytes::<T>(&bytes).expect("postcard reads it"), value);
}

type Nested = (Option<Vec<String>>, Result<(i32, char), Vec<Option<u64>>>, Vec<(bool, i8, f64)>);

proptest! {
    #[test]
    fn unsigned_numbers(value: (u8, u16, u32, u64)) { same(&value); }

    #[test]
    fn signed_numbers(value: (i8, i16, i32, i64)) { same(&value); }

    #[test]
    fn text(value: (String, char, bool)) { same(&value); }

    #[test]
    fn bytes(value: Vec<u8>) { same(&value); }

    #[test]
    fn nested(value in nested_values()) { same(&value); }

    #[test]
    fn any_bytes_give_a_value_or_an_error_and_what_is_read_is_written_back_shorter(bytes: Vec<u8>) {
        if let Ok(value) = decode::<Nested>(&bytes) {
            // Padding of varints is dropped, so the canonical form is never longer.
            prop_assert!(encode(&value).len() <= bytes.len());
        }
    }

    #[test]
    fn every_prefix_is_truncated(value in nested_values()) {
        let bytes = encode(&value);
        for end in 0..bytes.len() {
            prop_assert_eq!(decode::<Nested>(&bytes[..end]), Err(DecodeError::Truncated));
        }
    }
}

fn nested_values() -> impl Strategy<Value = Nested> {
    let number = any::<f64>().prop_filter("a NaN is equal to nothing", |value| !value.is_nan());
    let items = proptest::collection::vec((any::<bool>(), any::<i8>(), number), 0..20);
    (any::<Option<Vec<String>>>(), any::<Result<(i32, char), Vec<Option<u64>>>>(), items)
}

#[test]
fn a_length_past_the_input_is_refused_before_anything_is_reserved() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2];
    assert_eq!(decode::<Vec<u64>>(&huge), Err(DecodeError::Truncated));
    assert_eq!(decode::<String>(&huge), Err(DecodeError::Truncated));
}

#[test]
fn a_varint_may_be_padded_to_its_longest_form_and_no_further() {
    assert_eq!(decode::<u16>(&[0x81, 0x80, 0x00]), Ok(1));
    assert_eq!(decode::<u16>(&[0x81, 0x80, 0x80, 0x00]), Err(DecodeError::Varint));
    assert_eq!(decode::<u16>(&[0xff, 0xff, 0x04]), Err(DecodeError::Varint));
    assert_eq!(decode::<u64>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), Ok(u64::MAX));
    assert_eq!(
        decode::<u64>(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
        Err(DecodeError::Varint)
    );
}

#[test]
fn a_nan_has_one_spelling() {
    assert_eq!(encode(&f32::from_bits(0xffc0_0001)), [0, 0, 0xc0, 0x7f]);
    assert_eq!(encode(&[f64::from_bits(0xfff8_0000_0000_0001)][..])[1..], [0, 0, 0, 0, 0, 0, 0xf8, 0x7f]);
}

#[test]
fn flags_fill_bytes_from_the_low_bit() {
    let mut writer = Writer::new();
    let mut nine = [false; 9];
    (nine[0], nine[8]) = (true, true);
    writer.flags(&nine);
    assert_eq!(writer.into_bytes(), [1, 1]);
    let mut read = [false; 9];
    assert_eq!(Reader::new(&[1, 1]).flags(&mut read), Ok(()));
    assert_eq!(read, nine);
    assert_eq!(Reader::new(&[1, 2]).flags(&mut read), Err(DecodeError::Flags));
}

/// Why the SDK has its own decoder: what postcard answers with serde does not tell these mistakes apart, and a length
/// is as long as the machine's `usize`.
#[test]
fn postcard_alone_cannot_give_the_error_kinds() {
    #[derive(Debug, Deserialize)]
    enum Two {
        _A,
        _B,
    }
    let tag = from_bytes::<Two>(&[2]).unwrap_err();
    let custom = from_bytes::<std::num::NonZeroU8>(&[0]).unwrap_err();
    assert_eq!(tag, custom, "an unknown case and a refused flag byte are one error");
    let padded = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
    assert!(from_bytes::<Vec<u8>>(&padded).is_ok() || cfg!(target_pointer_width = "32"));
    assert_eq!(decode::<Vec<u8>>(&padded), Err(DecodeError::Varint));
}
