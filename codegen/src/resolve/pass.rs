use rusm_wire::{DecodeError, Reader, Writer};

use super::error::{Fall, Fault, Party};
use super::operation::{Case, Flags, Integer, Operation, Record, Step};

/// One pass over the bytes of a message.
///
/// Input that is to go out as it is is not touched: it is copied in one run as soon as something else has to be written.
pub(super) struct Pass<'a> {
    input: &'a [u8],
    /// Reads the input, from where the pass is.
    source: Reader<'a>,
    /// Where the run begins that is not in `out` yet. It ends where the pass is.
    run: usize,
    out: Vec<u8>,
    /// How long `out` may become.
    limit: usize,
    /// Where the steps end in `out`, of all records whose fields are being put into another order.
    ends: Vec<usize>,
    /// The fields of one such record, in the reader's order.
    ordered: Vec<u8>,
    reader: Party,
}

type Passed<T = ()> = Result<T, Box<Fall>>;

impl<'a> Pass<'a> {
    pub(super) fn new(input: &'a [u8], reader: Party) -> Self {
        Self {
            input,
            source: Reader::new(input),
            run: 0,
            out: Vec::with_capacity(input.len() + ROOM),
            limit: input.len().saturating_mul(MOST_GROWTH).max(SMALL),
            ends: Vec::new(),
            ordered: Vec::new(),
            reader,
        }
    }

    /// What came out; all of the input has to be read.
    pub(super) fn finish(mut self) -> Passed<Vec<u8>> {
        self.settle(self.at())?;
        self.source.finish()?;
        Ok(self.out)
    }

    /// Values of one type, one after the other.
    pub(super) fn items(&mut self, operation: &Operation) -> Passed {
        let mut count = 0;
        while self.source.remaining() > 0 {
            let from = self.at();
            self.value(operation).map_err(|fall| fall.within(format!("[{count}]")))?;
            // A type without bytes has no items that could be told from what follows them.
            if self.at() == from {
                return Err(DecodeError::Trailing.into());
            }
            count += 1;
        }
        Ok(())
    }

    pub(super) fn value(&mut self, operation: &Operation) -> Passed {
        let from = self.at();
        match operation {
            Operation::Bool => self.source.bool().map(drop)?,
            Operation::Byte => self.source.byte().map(drop)?,
            Operation::Varint(bits) => self.number(*bits)?,
            Operation::Integer { from, to } => self.integer(*from, *to)?,
            Operation::F32 => {
                let value = self.source.f32()?;
                self.respell(from, |writer| writer.f32(value))?;
            }
            Operation::F64 => {
                let value = self.source.f64()?;
                self.respell(from, |writer| writer.f64(value))?;
            }
            Operation::Widen => {
                let value = self.source.f32()?;
                self.respell(from, |writer| writer.f64(value.into()))?;
            }
            Operation::Narrow => self.narrow()?,
            Operation::Char => {
                let value = self.source.char()?;
                self.respell(from, |writer| writer.char(value))?;
            }
            Operation::String => {
                let length = self.length()?;
                std::str::from_utf8(self.source.raw(length)?).map_err(|_| DecodeError::Utf8)?;
            }
            Operation::Pid => {
                self.number(64)?;
                self.number(64)?;
            }
            Operation::Bytes => {
                let length = self.length()?;
                self.source.raw(length)?;
            }
            Operation::List(of) => {
                for place in 0..self.length()? {
                    self.value(of).map_err(|fall| fall.within(format!("[{place}]")))?;
                }
            }
            Operation::Option(of) => {
                if self.source.bool()? {
                    self.value(of)?;
                }
            }
            Operation::Cases(cases) => self.case(cases)?,
            Operation::Flags(flags) => self.flags(flags)?,
            Operation::Record(record) => self.record(record)?,
        }
        Ok(())
    }

    fn number(&mut self, bits: u32) -> Passed {
        let from = self.at();
        let value = self.source.varint(bits)?;
        self.unpad(from, value)
    }

    fn length(&mut self) -> Passed<usize> {
        let from = self.at();
        let length = self.source.length()?;
        self.unpad(from, length as u64)?;
        Ok(length)
    }

    fn integer(&mut self, from: Integer, to: Integer) -> Passed {
        let start = self.at();
        let value = from.read(&mut self.source)?;
        if !to.holds(value) {
            let value = value.to_string();
            return Err(Fault::OutOfRange { reader: self.reader, ty: to.name(), value }.into());
        }
        self.respell(start, |writer| to.write(value, writer))
    }

    fn narrow(&mut self) -> Passed {
        let from = self.at();
        let wide = self.source.f64()?;
        let value = wide as f32;
        if wide.is_finite() && value.is_infinite() {
            let value = format!("{wide:?}");
            return Err(Fault::OutOfRange { reader: self.reader, ty: "f32", value }.into());
        }
        self.respell(from, |writer| writer.f32(value))
    }

    fn case(&mut self, cases: &[Case]) -> Passed {
        let from = self.at();
        let tag = self.source.varint(32)?;
        let case = cases.get(tag as usize).ok_or(DecodeError::Tag)?;
        match case.tag.map(u64::from) {
            Some(same) if same == tag => self.unpad(from, tag)?,
            Some(other) => self.respell(from, |writer| writer.varint(other))?,
            None => return Err(Fault::NoCase { reader: self.reader, case: case.name.clone() }.into()),
        }
        match &case.payload {
            None => Ok(()),
            Some(of) => self.value(of).map_err(|fall| fall.within(format!(".{}", case.name))),
        }
    }

    fn flags(&mut self, flags: &Flags) -> Passed {
        let from = self.at();
        let bytes = self.source.raw(flags.flags.len().div_ceil(8))?;
        let unused = flags.flags.len().wrapping_neg() % 8;
        if bytes.last().is_some_and(|last| last.leading_zeros() < unused as u32) {
            return Err(DecodeError::Flags.into());
        }
        if flags.same {
            return Ok(());
        }
        self.settle(from)?;
        let start = self.out.len();
        self.grow(flags.length)?;
        self.out.resize(start + flags.length, 0);
        for (place, (name, to)) in flags.flags.iter().enumerate() {
            if bytes[place / 8] >> (place % 8) & 1 == 0 {
                continue;
            }
            let Some(to) = to else {
                return Err(Fault::NoFlag { reader: self.reader, flag: name.clone() }.into());
            };
            self.out[start + to / 8] |= 1 << (to % 8);
        }
        self.run = self.at();
        Ok(())
    }

    fn record(&mut self, record: &Record) -> Passed {
        let Some(order) = &record.order else {
            return record.steps.iter().try_for_each(|step| self.step(step));
        };
        self.settle(self.at())?;
        let (start, first) = (self.out.len(), self.ends.len());
        self.ends.push(start);
        for step in &record.steps {
            self.step(step)?;
            self.settle(self.at())?;
            self.ends.push(self.out.len());
        }
        self.ordered.clear();
        for step in order {
            let field = self.ends[first + step]..self.ends[first + step + 1];
            self.ordered.extend_from_slice(&self.out[field]);
        }
        self.ends.truncate(first);
        self.out.truncate(start);
        self.out.extend_from_slice(&self.ordered);
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Passed {
        match step {
            Step::Keep(name, of) => self.value(of).map_err(|fall| fall.within(format!(".{name}"))),
            Step::Drop(name, of) => {
                self.settle(self.at())?;
                let end = self.out.len();
                self.value(of).map_err(|fall| fall.within(format!(".{name}")))?;
                self.out.truncate(end);
                self.run = self.at();
                Ok(())
            }
            Step::Fill(bytes) => {
                self.settle(self.at())?;
                self.write(bytes)
            }
        }
    }

    /// Where the pass is.
    fn at(&self) -> usize {
        self.input.len() - self.source.remaining()
    }

    /// Spells a number that was read since `from` in as few bytes as it takes.
    fn unpad(&mut self, from: usize, value: u64) -> Passed {
        match self.input[from..self.at()] {
            [_, .., 0] => self.respell(from, |writer| writer.varint(value)),
            _ => Ok(()),
        }
    }

    /// Spells what was read since `from` in these bytes, unless it is already.
    fn respell(&mut self, from: usize, write: impl FnOnce(&mut Writer)) -> Passed {
        let mut writer = Writer::new();
        write(&mut writer);
        if writer.as_bytes() != &self.input[from..self.at()] {
            self.settle(from)?;
            self.write(writer.as_bytes())?;
            self.run = self.at();
        }
        Ok(())
    }

    /// Ends the run at `end`.
    fn settle(&mut self, end: usize) -> Passed {
        let run = &self.input[self.run..end];
        self.run = end;
        self.write(run)
    }

    fn write(&mut self, bytes: &[u8]) -> Passed {
        self.grow(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Answers whether so many bytes more may be written.
    fn grow(&self, more: usize) -> Passed {
        if self.out.len().saturating_add(more) <= self.limit {
            return Ok(());
        }
        Err(Fault::TooLong { reader: self.reader, limit: self.limit }.into())
    }
}

/// How many times as long as the input the output may be. What fills a field takes few bytes, and what takes many is absent from few values.
const MOST_GROWTH: usize = 64;

/// Room for a few fields more than the input has, so that most messages take memory once.
const ROOM: usize = 32;

/// How long the output of any input may be: a single page for guests.
const SMALL: usize = 64 << 10;
