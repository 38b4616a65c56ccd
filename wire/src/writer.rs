/// Writes the primitive shapes of the wire, one after the other.
#[derive(Debug, Default, Clone)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Nothing written yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many bytes were written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// One byte as it is: `u8`, `s8`, `bool`, the tag of an option.
    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// An unsigned number, seven bits a byte, low bits first.
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
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
            self.bytes.push(bits.sum());
        }
    }
}
