use std::fmt;

/// Why bytes are no value of the expected type. The TypeScript SDK has the same kinds under the same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecodeError {
    /// The input ends inside the value, or a length says more than is left.
    Truncated,
    /// A number is longer than its type allows, or too large for it.
    Varint,
    /// A bool, option, result, variant or enum has no such case.
    Tag,
    /// A string is not UTF-8.
    Utf8,
    /// A char is not exactly one Unicode scalar value.
    Char,
    /// A flag is set that the type does not have.
    Flags,
    /// Something follows the value.
    Trailing,
}

impl DecodeError {
    /// The kind's name, as users and the other SDK see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Varint => "varint",
            Self::Tag => "tag",
            Self::Utf8 => "utf8",
            Self::Char => "char",
            Self::Flags => "flags",
            Self::Trailing => "trailing",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for DecodeError {}

/// Reads the primitive shapes of the wire, one after the other.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Ends reading.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] if bytes are left.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }

    /// One byte as it is.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    #[inline]
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    /// So many bytes as they are.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// An unsigned number of a type with so many bits: 16, 32 or 64.
    ///
    /// # Errors
    /// [`DecodeError::Varint`] past the type's longest form or largest value, [`DecodeError::Truncated`].
    #[inline]
    pub fn varint(&mut self, bits: u32) -> Result<u64, DecodeError> {
        let mut value = 0;
        for shift in (0..bits).step_by(7) {
            let byte = self.byte()?;
            let low = u64::from(byte & 0x7f);
            // What is left of the type in the last byte of its longest form.
            if bits - shift < 7 && low >> (bits - shift) != 0 {
                return Err(DecodeError::Varint);
            }
            value |= low << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::Varint)
    }

    /// A signed number of a type with so many bits.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    pub fn zigzag(&mut self, bits: u32) -> Result<i64, DecodeError> {
        let value = self.varint(bits)?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The number of items of a list whose items take at least one byte each.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if more are announced than bytes are left, [`DecodeError::Varint`].
    pub fn length(&mut self) -> Result<usize, DecodeError> {
        let length = self.varint(32)? as usize;
        if length > self.rest.len() { Err(DecodeError::Truncated) } else { Ok(length) }
    }

    /// A byte that says yes or no: a `bool`, or whether an option has a value.
    ///
    /// # Errors
    /// [`DecodeError::Tag`], [`DecodeError::Truncated`].
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Tag),
        }
    }

    /// Which of so many cases.
    ///
    /// # Errors
    /// [`DecodeError::Tag`] if there is no such case, [`DecodeError::Varint`], [`DecodeError::Truncated`].
    pub fn tag(&mut self, cases: u32) -> Result<u32, DecodeError> {
        let tag = self.varint(32)? as u32;
        if tag < cases { Ok(tag) } else { Err(DecodeError::Tag) }
    }

    /// A string.
    ///
    /// # Errors
    /// [`DecodeError::Utf8`], [`DecodeError::Varint`], [`DecodeError::Truncated`].
    pub fn string(&mut self) -> Result<&'a str, DecodeError> {
        let length = self.length()?;
        std::str::from_utf8(self.raw(length)?).map_err(|_| DecodeError::Utf8)
    }

    /// A character.
    ///
    /// # Errors
    /// [`DecodeError::Char`] unless there is exactly one, [`DecodeError::Varint`], [`DecodeError::Truncated`].
    pub fn char(&mut self) -> Result<char, DecodeError> {
        let length = self.length()?;
        if length > 4 {
            return Err(DecodeError::Char);
        }
        let text = std::str::from_utf8(self.raw(length)?).map_err(|_| DecodeError::Char)?;
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(DecodeError::Char),
        }
    }

    /// A float.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn f32(&mut self) -> Result<f32, DecodeError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(f32::from_le_bytes(*head))
    }

    /// A float.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn f64(&mut self) -> Result<f64, DecodeError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(f64::from_le_bytes(*head))
    }

    /// Flags, in the order of their declaration.
    ///
    /// # Errors
    /// [`DecodeError::Flags`] if one is set past the last, [`DecodeError::Truncated`].
    pub fn flags(&mut self, flags: &mut [bool]) -> Result<(), DecodeError> {
        for group in flags.chunks_mut(8) {
            let byte = self.byte()?;
            if group.len() < 8 && byte >> group.len() != 0 {
                return Err(DecodeError::Flags);
            }
            for (bit, flag) in group.iter_mut().enumerate() {
                *flag = byte >> bit & 1 == 1;
            }
        }
        Ok(())
    }
}
