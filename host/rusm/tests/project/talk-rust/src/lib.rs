use std::cell::Cell;
use std::io::{self, BufRead, Read, Write};
use std::rc::Rc;
use std::time::Instant;

use rusm_rs::{ByteReader, ByteStream, CallError, Stream, StreamError, StreamReader};

#[rusm_rs::service("test:probe/talk", "test:probe/talker")]
#[derive(Default)]
struct Talk {
    going_on: Rc<Cell<u32>>,
}

/// Counts what goes on.
struct GoingOn(Rc<Cell<u32>>);

impl Drop for GoingOn {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl talk::Service for Talk {
    fn init() -> Self {
        Self::default()
    }

    fn echo(&mut self, lines: StreamReader<String>) -> Stream<String> {
        self.going_on.set(self.going_on.get() + 1);
        let going_on = GoingOn(self.going_on.clone());
        Stream::try_iter(lines.map(move |line| {
            let _counted = &going_on;
            line.map(|line| line.to_uppercase())
        }))
    }

    fn copy(&mut self, bytes: ByteReader) -> ByteStream {
        ByteStream::try_chunks(bytes.into_chunks())
    }

    fn open(
        &mut self,
        title: String,
        mut lines: StreamReader<String>,
    ) -> Result<(String, Stream<String>), String> {
        if title.is_empty() {
            return Err("no title".into());
        }
        let first = lines.next().transpose().map_err(|error| error.to_string())?.unwrap_or_default();
        Ok((format!("{title}: {first}"), Stream::try_iter(lines)))
    }

    fn count(&mut self, to: u32) -> (u32, Stream<u32>) {
        (to, Stream::iter(0..to))
    }

    fn weigh(&mut self, bytes: ByteReader) -> (u64, u64) {
        let (mut count, mut sum) = (0, 0);
        // What ends early is weighed as far as it came.
        for chunk in bytes.into_chunks().map_while(Result::ok) {
            count += chunk.len() as u64;
            sum += chunk.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        }
        (count, sum)
    }

    fn fill(&mut self, count: u64) -> Result<ByteStream, String> {
        if count == 0 {
            return Err("nothing to fill".into());
        }
        Ok(ByteStream::read(Rising(0).take(count)))
    }

    fn first(&mut self, count: u32, lines: StreamReader<String>) -> Stream<String> {
        Stream::try_iter(lines.take(count as usize))
    }

    fn deaf(&mut self, count: u32, _: StreamReader<String>) -> Stream<String> {
        Stream::iter((0..count).map(|line| line.to_string()))
    }

    fn hear(&mut self, lines: StreamReader<String>) -> Stream<String> {
        let mut heard = Some(lines);
        Stream::iter(std::iter::from_fn(move || {
            let mut count = 0;
            for line in heard.take()? {
                match line {
                    Ok(_) => count += 1,
                    Err(error) => return Some(format!("{count}, {error}")),
                }
            }
            Some(format!("{count}, the end"))
        }))
    }

    fn crash(&mut self, after: u32, lines: StreamReader<String>) -> Stream<String> {
        Stream::try_iter((0..).zip(lines).map(move |(place, line)| {
            assert!(place < after, "told to");
            line
        }))
    }

    fn going_on(&mut self) -> u32 {
        self.going_on.get()
    }
}

/// Bytes that count up.
struct Rising(u8);

impl Read for Rising {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        for byte in &mut *into {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
        Ok(into.len())
    }
}

/// Some bytes, and then an error.
struct Breaks(&'static [u8]);

impl Read for Breaks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::Error::other("no more paper")),
            read => Ok(read),
        }
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn all<T, C: FromIterator<T>>(items: impl Iterator<Item = Result<T, StreamError>>) -> C {
    items.map(|item| item.expect("an item")).collect()
}

impl talker::Service for Talk {
    fn try_all(&mut self, other: String) -> Vec<String> {
        let talk = talk::Client::named(&other).expect("it serves it");
        let echoed: Vec<String> = all(talk.echo(texts(&["a", "b", "c"])).expect("it answers"));
        let many = talk.echo((0..20_000).map(|line| format!("line {line}"))).expect("it answers").count();
        let long = "x".repeat(1000);
        let much: usize = talk
            .echo((0..2000).map(|_| long.clone()))
            .expect("it answers")
            .map(|line| line.expect("a line").len())
            .sum();
        let (head, rest) = talk.open("t", texts(&["x", "y", "z"])).expect("it answers");
        let rest: Vec<String> = all(rest);
        let refused = talk.open("", texts(&["x"])).unwrap_err();
        let (to, counted) = talk.count(3).expect("it answers");
        let counted: Vec<u32> = all(counted);
        let (_, few) = talk.count(1_000_000).expect("it answers");
        let few: Vec<u32> = all(few.take(2));
        let (to_come, pending) = {
            let pending = talk.call_start().count(2);
            let other = talk.going_on().expect("it answers");
            (other, pending.wait().expect("it answers"))
        };
        let begun: Vec<u32> = all(pending.1);

        let bytes: Vec<u8> = (0..1_000_000_u32).map(|byte| byte as u8).collect();
        let mut copied = Vec::new();
        talk.copy(&bytes[..]).expect("it answers").read_to_end(&mut copied).expect("bytes");
        let weighed = talk.weigh(&bytes[..]).expect("it answers");
        let mut filled = talk.fill(300).expect("it answers");
        let mut start = [0; 4];
        filled.read_exact(&mut start).expect("bytes");
        let filled = filled.fill_buf().expect("bytes").len() + start.len();
        let unfilled = talk.fill(0).unwrap_err();
        let nothing = talk.copy(io::empty()).expect("it answers").next_chunk().expect("the end");

        let lines = || (0..).map(|line| line.to_string());
        let first: Vec<String> = all(talk.first(2, lines()).expect("it answers"));
        let deaf: Vec<String> = all(talk.deaf(3, lines()).expect("it answers"));
        let heard: Vec<String> = all(talk.hear(lines().take(20_000)).expect("it answers"));
        let endless: Vec<String> = all(talk.echo(lines()).expect("it answers").take(2));
        while talk.going_on().expect("it answers") > 0 {}
        let crashed = talk.crash(2, lines()).expect("it answers").find_map(Result::err).expect("it crashes");
        vec![
            echoed.join(" "),
            many.to_string(),
            much.to_string(),
            format!("{head} {}", rest.join(" ")),
            refused.to_string(),
            format!("{to} {counted:?}"),
            format!("{few:?}"),
            format!("{to_come} {} {begun:?}", pending.0),
            (copied == bytes).to_string(),
            format!("{weighed:?}"),
            format!("{start:?} {filled}"),
            unfilled.to_string(),
            format!("{}", nothing.is_none()),
            first.join(" "),
            deaf.join(" "),
            heard.join(" "),
            endless.join(" "),
            crashed.to_string().split(':').next().unwrap_or_default().to_owned(),
        ]
    }

    fn converse(&mut self, other: String) -> Vec<String> {
        let talk = talk::Client::named(&other).expect("it serves it");
        let (waits, waiting) = talk.call_start().echo();
        let mut waiting = waiting.wait().expect("it answers");
        let (mut writer, pending) = talk.call_start().echo();
        let mut reader = pending.wait().expect("it answers");
        let mut heard = Vec::new();
        for line in ["one", "two", "three"] {
            writer.write(&line.to_owned()).expect("it is read");
            writer.flush().expect("it is read");
            heard.push(reader.next().expect("an answer").expect("a line"));
        }
        writer.close().expect("it is read");
        heard.push(format!("{}", reader.next().is_none()));
        waits.abort("no longer");
        heard.push(waiting.next().expect("an end").unwrap_err().to_string());
        heard
    }

    fn send_through(&mut self, other: String, mebibytes: u32) -> (u64, u64) {
        let talk = talk::Client::named(&other).expect("it serves it");
        let begun = Instant::now();
        let chunk = vec![7_u8; 65_536];
        let source = rusm_rs::read_chunks((0..mebibytes * 16).map(|_| &chunk[..]));
        let mut copied = talk.copy(source).expect("it answers");
        let mut count = 0;
        while let Some(chunk) = copied.next_chunk().expect("bytes") {
            count += chunk.len() as u64;
        }
        (count, begun.elapsed().as_millis() as u64)
    }

    fn fail(&mut self, other: String) -> Vec<String> {
        let talk = talk::Client::named(&other).expect("it serves it");
        let mut copied = Vec::new();
        let copying = talk.copy(Breaks(b"some")).expect("it answers").read_to_end(&mut copied);
        let copying = copying.map_err(|error| error.downcast::<StreamError>().expect("why"));
        let weighing = match talk.weigh(Breaks(b"some")) {
            Err(CallError::Malformed(text)) => text,
            other => format!("{other:?}"),
        };
        let (mut writer, heard) = talk.call_start().weigh();
        writer.write_all(b"abc").expect("it is read");
        writer.write_all(&[1; 100_000]).expect("it is read");
        writer.close().expect("it is read");
        vec![format!("{copying:?}"), weighing, format!("{:?}", heard.wait())]
    }
}
