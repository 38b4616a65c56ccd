use std::sync::Arc;

use rusm_wire::{DecodeError, Reader, Writer};

use crate::Type;

/// How a value of a type of the writer's contract becomes one of the reader's. What is the same on both sides is read and checked,
/// and stays as it is.
#[derive(Debug)]
pub(super) enum Operation {
    /// A `bool`.
    Bool,
    /// A `u8` or `s8`.
    Byte,
    /// An integer of so many bits, which the reader's type can always hold in the same bytes.
    Varint(u32),
    /// An integer that becomes one of another type, if it fits.
    Integer {
        /// The writer's.
        from: Integer,
        /// The reader's.
        to: Integer,
    },
    /// An `f32`.
    F32,
    /// An `f64`.
    F64,
    /// An `f32` that becomes an `f64`.
    Widen,
    /// An `f64` that becomes the nearest `f32`.
    Narrow,
    /// A `char`.
    Char,
    /// A `string`.
    String,
    /// A pid.
    Pid,
    /// A list of `u8` or `s8`.
    Bytes,
    /// Any other list.
    List(Arc<Operation>),
    /// An option.
    Option(Arc<Operation>),
    /// A variant, enum or result: what becomes of each of the writer's cases.
    Cases(Box<[Case]>),
    /// Flags.
    Flags(Flags),
    /// A record, a tuple or the arguments.
    Record(Record),
}

/// What becomes of a case.
#[derive(Debug)]
pub(super) struct Case {
    /// Its name.
    pub(super) name: String,
    /// Its tag for the reader; none if the reader does not have it.
    pub(super) tag: Option<u32>,
    /// Its value.
    pub(super) payload: Option<Arc<Operation>>,
}

/// What becomes of flags.
#[derive(Debug)]
pub(super) struct Flags {
    /// Each of the writer's flags, and its place among the reader's.
    pub(super) flags: Box<[(String, Option<usize>)]>,
    /// In how many bytes the reader has its own.
    pub(super) length: usize,
    /// Whether both have the same flags at the same places.
    pub(super) same: bool,
}

/// What becomes of a record.
#[derive(Debug)]
pub(super) struct Record {
    /// The writer's fields in its order, and between them what only the reader has.
    pub(super) steps: Box<[Step]>,
    /// Which step makes each of the reader's fields, if that is not their order.
    pub(super) order: Option<Box<[usize]>>,
}

/// What becomes of a field.
#[derive(Debug)]
pub(super) enum Step {
    /// Both have it.
    Keep(String, Arc<Operation>),
    /// Only the writer has it: it is read and left out.
    Drop(String, Arc<Operation>),
    /// Only the reader has it: the bytes of what is absent or empty.
    Fill(Box<[u8]>),
}

impl Operation {
    /// For types that are not made of others; none if the one cannot become the other.
    pub(super) fn plain(from: &Type, to: &Type) -> Option<Self> {
        Some(match (from, to) {
            (Type::Bool, Type::Bool) => Self::Bool,
            (Type::F32, Type::F32) => Self::F32,
            (Type::F64, Type::F64) => Self::F64,
            (Type::F32, Type::F64) => Self::Widen,
            (Type::F64, Type::F32) => Self::Narrow,
            (Type::Char, Type::Char) => Self::Char,
            (Type::String, Type::String) => Self::String,
            (Type::Pid | Type::Ref(_), Type::Pid | Type::Ref(_)) => Self::Pid,
            _ => Self::integer(Integer::of(from)?, Integer::of(to)?)?,
        })
    }

    fn integer(from: Integer, to: Integer) -> Option<Self> {
        let same_bytes = from.signed == to.signed && from.bits > 8;
        match () {
            () if from == to && from.bits == 8 => Some(Self::Byte),
            () if from == to || (same_bytes && to.is_wider(from)) => Some(Self::Varint(from.bits)),
            () if from.is_wider(to) || to.is_wider(from) => Some(Self::Integer { from, to }),
            () => None,
        }
    }

    pub(super) fn list(of: Arc<Self>) -> Self {
        if matches!(*of, Self::Byte) { Self::Bytes } else { Self::List(of) }
    }
}

/// A type of integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Integer {
    bits: u32,
    signed: bool,
}

impl Integer {
    fn of(ty: &Type) -> Option<Self> {
        let (bits, signed) = match ty {
            Type::U8 => (8, false),
            Type::U16 => (16, false),
            Type::U32 => (32, false),
            Type::U64 => (64, false),
            Type::S8 => (8, true),
            Type::S16 => (16, true),
            Type::S32 => (32, true),
            Type::S64 => (64, true),
            _ => return None,
        };
        Some(Self { bits, signed })
    }

    /// Whether it holds all numbers of the other, and more.
    fn is_wider(self, other: Self) -> bool {
        self.bits > other.bits && (self.signed || !other.signed)
    }

    pub(super) fn holds(self, value: i128) -> bool {
        let magnitude = self.bits - u32::from(self.signed);
        let least = if self.signed { -(1 << magnitude) } else { 0 };
        (least..1 << magnitude).contains(&value)
    }

    pub(super) fn read(self, reader: &mut Reader<'_>) -> Result<i128, DecodeError> {
        Ok(match (self.bits, self.signed) {
            (8, false) => reader.byte()?.into(),
            (8, true) => (reader.byte()? as i8).into(),
            (bits, false) => reader.varint(bits)?.into(),
            (bits, true) => reader.zigzag(bits)?.into(),
        })
    }

    /// Writes a number that it holds.
    pub(super) fn write(self, value: i128, writer: &mut Writer) {
        match (self.bits, self.signed) {
            (8, _) => writer.byte(value as u8),
            (_, false) => writer.varint(value as u64),
            (_, true) => writer.zigzag(value as i64),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match (self.bits, self.signed) {
            (8, false) => "u8",
            (16, false) => "u16",
            (32, false) => "u32",
            (_, false) => "u64",
            (8, true) => "s8",
            (16, true) => "s16",
            (32, true) => "s32",
            (_, true) => "s64",
        }
    }
}
