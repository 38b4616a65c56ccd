use crate::Encode;

/// Writes the primitive shapes of the wire, one after the other. Up to [`SHORT`] bytes take no memory.
#[derive(Debug, Default, Clone)]
pub struct Writer {
    /// The first bytes; all of them while `long` is empty.
    short: [u8; SHORT],
    /// How many of `short` were written; all, as it were, once `long` has the bytes.
    length: usize,
    /// All bytes, once they are too many.
    long: Vec<u8>,
}

/// How many bytes a [`Writer`] keeps in itself: as many as the imports for short messages take.
pub const SHORT: usize = 16;

impl Writer {
    /// Nothing written yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes of one value.
    pub fn of<T: Encode + ?Sized>(value: &T) -> Self {
        let mut writer = Self::new();
        value.encode(&mut writer);
        writer
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        if self.long.is_empty() { self.as_bytes().to_vec() } else { self.long }
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        if self.long.is_empty() { &self.short[..self.length] } else { &self.long }
    }

    /// What was written with zeros behind it, and how many bytes it is, unless it is more than [`SHORT`].
    pub fn as_short(&self) -> Option<([u8; SHORT], u8)> {
        self.long.is_empty().then_some((self.short, self.length as u8))
    }

    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// One byte as it is: `u8`, `s8`, `bool`, the tag of an option.
    pub fn byte(&mut self, byte: u8) {
        match self.short.get_mut(self.length) {
            Some(place) => {
                *place = byte;
                self.length += 1;
            }
            None => self.long_mut(1).push(byte),
        }
    }

    /// Bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        if self.length + bytes.len() > SHORT {
            self.long_mut(bytes.len()).extend_from_slice(bytes);
            self.length = SHORT;
        } else {
            self.short[self.length..][..bytes.len()].copy_from_slice(bytes);
            self.length += bytes.len();
        }
    }

    /// Where bytes are written from now on, with room for so many more.
    fn long_mut(&mut self, more: usize) -> &mut Vec<u8> {
        if self.long.is_empty() {
            self.long.reserve(self.length + more.max(SHORT));
            self.long.extend_from_slice(&self.short[..self.length]);
        }
        &mut self.long
    }

    /// An unsigned number, seven bits a byte, low bits first.
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    /// A signed number, its sign in the lowest bit.
    pub fn zigzag(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// A length, which the wire limits to 32 bits.
    ///
    /// # Panics
    /// If there are more than `u32::MAX` items: no guest can hold them.
    pub fn length(&mut self, length: usize) {
        assert!(u32::try_from(length).is_ok(), "a list on the wire has at most 2^32 - 1 items, not {length}");
        self.varint(length as u64);
    }

    /// A string: the length of its UTF-8, then that.
    pub fn string(&mut self, text: &str) {
        self.length(text.len());
        self.raw(text.as_bytes());
    }

    /// A character, as the string that holds it.
    pub fn char(&mut self, value: char) {
        self.string(value.encode_utf8(&mut [0; 4]));
    }

    /// A float, with every NaN spelt alike.
    pub fn f32(&mut self, value: f32) {
        let bits = if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() };
        self.raw(&bits.to_le_bytes());
    }

    /// A float, with every NaN spelt alike.
    pub fn f64(&mut self, value: f64) {
        let bits = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() };
        self.raw(&bits.to_le_bytes());
    }

    /// Flags, in the order of their declaration: the first is the low bit of the first byte.
    pub fn flags(&mut self, flags: &[bool]) {
        for byte in flags.chunks(8) {
            let bits = byte.iter().enumerate().map(|(bit, on)| u8::from(*on) << bit);
            self.byte(bits.sum());
        }
    }
}
