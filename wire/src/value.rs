use crate::{DecodeError, Reader, Writer};

/// A value that the wire can carry, to be written.
pub trait Encode {
    /// Writes the value.
    fn encode(&self, writer: &mut Writer);

    /// Writes several without a length between them. Bytes do it at once.
    #[doc(hidden)]
    fn encode_all(items: &[Self], writer: &mut Writer)
    where
        Self: Sized,
    {
        for item in items {
            item.encode(writer);
        }
    }
}

/// A value that the wire can carry, to be read.
pub trait Decode: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are none.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads so many. Bytes do it at once.
    #[doc(hidden)]
    fn decode_all(length: usize, reader: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        // Each item takes a byte of the input at least, but may take many of memory.
        let mut items = Vec::with_capacity(length.min(reader.remaining() / size_of::<Self>().max(1)));
        for _ in 0..length {
            items.push(Self::decode(reader)?);
        }
        Ok(items)
    }
}

/// The bytes of one value.
pub fn encode<T: Encode + ?Sized>(value: &T) -> Vec<u8> {
    Writer::of(value).into_bytes()
}

/// The value that these bytes are, all of them.
///
/// # Errors
/// [`DecodeError`] if they are none, or more than one.
pub fn decode<T: Decode>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = T::decode(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

impl Encode for bool {
    fn encode(&self, writer: &mut Writer) {
        writer.byte(u8::from(*self));
    }
}

impl Decode for bool {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.bool()
    }
}

impl Encode for u8 {
    fn encode(&self, writer: &mut Writer) {
        writer.byte(*self);
    }

    fn encode_all(items: &[Self], writer: &mut Writer) {
        writer.raw(items);
    }
}

impl Decode for u8 {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.byte()
    }

    fn decode_all(length: usize, reader: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        reader.raw(length).map(<[u8]>::to_vec)
    }
}

impl Encode for i8 {
    fn encode(&self, writer: &mut Writer) {
        writer.byte(*self as u8);
    }
}

impl Decode for i8 {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.byte().map(|byte| byte as i8)
    }
}

macro_rules! unsigned {
    ($($type:ident)*) => {$(
        impl Encode for $type {
            fn encode(&self, writer: &mut Writer) {
                writer.varint(u64::from(*self));
            }
        }

        impl Decode for $type {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                // The reader keeps the value within these bits.
                reader.varint($type::BITS).map(|value| value as $type)
            }
        }
    )*};
}

macro_rules! signed {
    ($($type:ident)*) => {$(
        impl Encode for $type {
            fn encode(&self, writer: &mut Writer) {
                writer.zigzag(i64::from(*self));
            }
        }

        impl Decode for $type {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                reader.zigzag($type::BITS).map(|value| value as $type)
            }
        }
    )*};
}

macro_rules! direct {
    ($($type:ident)*) => {$(
        impl Encode for $type {
            fn encode(&self, writer: &mut Writer) {
                writer.$type(*self);
            }
        }

        impl Decode for $type {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                reader.$type()
            }
        }
    )*};
}

unsigned!(u16 u32 u64);
signed!(i16 i32 i64);
direct!(f32 f64 char);

impl Encode for str {
    fn encode(&self, writer: &mut Writer) {
        writer.string(self);
    }
}

impl Encode for String {
    fn encode(&self, writer: &mut Writer) {
        writer.string(self);
    }
}

impl Decode for String {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.string().map(str::to_owned)
    }
}

impl<T: Encode> Encode for [T] {
    fn encode(&self, writer: &mut Writer) {
        writer.length(self.len());
        T::encode_all(self, writer);
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, writer: &mut Writer) {
        self.as_slice().encode(writer);
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = reader.length()?;
        T::decode_all(length, reader)
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, writer: &mut Writer) {
        writer.byte(u8::from(self.is_some()));
        if let Some(value) = self {
            value.encode(writer);
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.bool()? { T::decode(reader).map(Some) } else { Ok(None) }
    }
}

impl<T: Encode, E: Encode> Encode for Result<T, E> {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Ok(value) => {
                writer.varint(0);
                value.encode(writer);
            }
            Err(error) => {
                writer.varint(1);
                error.encode(writer);
            }
        }
    }
}

impl<T: Decode, E: Decode> Decode for Result<T, E> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag(2)? {
            0 => T::decode(reader).map(Ok),
            _ => E::decode(reader).map(Err),
        }
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, writer: &mut Writer) {
        (**self).encode(writer);
    }
}

impl Encode for () {
    fn encode(&self, _: &mut Writer) {}
}

impl Decode for () {
    fn decode(_: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(())
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt)+))*) => {$(
        impl<$($name: Encode),+> Encode for ($($name,)+) {
            fn encode(&self, writer: &mut Writer) {
                $(self.$index.encode(writer);)+
            }
        }

        impl<$($name: Decode),+> Decode for ($($name,)+) {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(($($name::decode(reader)?,)+))
            }
        }
    )*};
}

tuples! {
    (A 0)
    (A 0 B 1)
    (A 0 B 1 C 2)
    (A 0 B 1 C 2 D 3)
    (A 0 B 1 C 2 D 3 E 4)
    (A 0 B 1 C 2 D 3 E 4 F 5)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14)
    (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14 P 15)
}
