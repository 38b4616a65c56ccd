//! What guests write: to the node's log line by line, at most so much a second, and the last of it kept.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use rusm_otp::Pid;

/// The last of what a process wrote, oldest bytes first; 64 KiB of each stream at most.
///
/// ```
/// # use rusm_engine::{Engine, EngineConfig, Profile, Spawn, SpawnError, LoadError};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let config = EngineConfig { sync_processes: 10, async_processes: 10, ..EngineConfig::default() };
/// # let engine = Engine::new(rusm_otp::Runtime::new(), config)?;
/// # let component = wat::parse_str(r#"(component (core module $m (func (export "run")))
/// #     (core instance $i (instantiate $m)) (func (export "run") (canon lift (core func $i "run"))))"#)?;
/// engine.load("nothing", component, Profile::default()).await?;
/// let spawned = engine.spawn(Spawn::new("nothing")).await?;
/// // It wrote nothing, so that nothing is known of it.
/// assert_eq!(engine.output(spawned.pid), None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Bytes and log lines that were dropped because they were more than it may write.
    pub dropped: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Stdout,
    Stderr,
}

/// The output of one process.
#[derive(Debug)]
pub(crate) struct Output {
    component: Arc<str>,
    pid: Pid,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stdout: Stream,
    stderr: Stream,
    bucket: Bucket,
}

#[derive(Debug, Default)]
struct Stream {
    /// The last bytes.
    tail: VecDeque<u8>,
    /// The line that has begun.
    line: Vec<u8>,
}

/// So many bytes a second, and as many at once.
#[derive(Debug)]
struct Bucket {
    rate: f64,
    left: f64,
    filled: Instant,
    dropped: u64,
    /// Of these, what the log has not told yet.
    untold: u64,
}

impl Output {
    pub(crate) fn new(component: Arc<str>, pid: Pid, rate: usize) -> Self {
        let rate = rate as f64;
        let bucket = Bucket { rate, left: rate, filled: Instant::now(), dropped: 0, untold: 0 };
        let state = State { stdout: Stream::default(), stderr: Stream::default(), bucket };
        Self { component, pid, state: Mutex::new(state) }
    }

    pub(crate) fn write(&self, channel: Channel, bytes: &[u8]) {
        let mut state = self.state.lock();
        let State { stdout, stderr, bucket } = &mut *state;
        let allowed = &bytes[..bucket.take(bytes.len())];
        self.tell_dropped(bucket);
        let (stream, name) = match channel {
            Channel::Stdout => (stdout, "stdout"),
            Channel::Stderr => (stderr, "stderr"),
        };
        stream.take(allowed, self.log(name));
    }

    /// Whether a line of so many bytes may go to the log.
    pub(crate) fn may_log(&self, bytes: usize) -> bool {
        let mut state = self.state.lock();
        let allowed = state.bucket.take_whole(bytes);
        if allowed {
            self.tell_dropped(&mut state.bucket);
        }
        allowed
    }

    /// The process has ended: what it has begun to write is its last line.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        let State { stdout, stderr, .. } = &mut *state;
        for (stream, name) in [(stdout, "stdout"), (stderr, "stderr")] {
            stream.end(&mut self.log(name));
        }
    }

    fn log(&self, name: &'static str) -> impl FnMut(&str) {
        move |line: &str| {
            tracing::info!(target: "rusm::guest", component = %self.component, pid = %self.pid, stream = name, "{line}");
        }
    }

    pub(crate) fn written(&self) -> Written {
        let state = self.state.lock();
        Written {
            stdout: state.stdout.tail.iter().copied().collect(),
            stderr: state.stderr.tail.iter().copied().collect(),
            dropped: state.bucket.dropped,
        }
    }

    fn tell_dropped(&self, bucket: &mut Bucket) {
        // As soon as there is room again, or at once for the first that was dropped.
        if bucket.untold > 0 && (bucket.left >= 1.0 || bucket.untold == bucket.dropped) {
            let (dropped, rate) = (std::mem::take(&mut bucket.untold), bucket.rate);
            tracing::warn!(component = %self.component, pid = %self.pid, "{dropped} bytes of output were dropped: it may write {rate} a second (`output` of its capabilities)");
        }
    }
}

impl Stream {
    fn take(&mut self, bytes: &[u8], mut log: impl FnMut(&str)) {
        let kept = &bytes[bytes.len().saturating_sub(KEPT)..];
        let over = (self.tail.len() + kept.len()).saturating_sub(KEPT);
        self.tail.drain(..over);
        self.tail.extend(kept);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            for piece in text.chunks(LONGEST_LINE) {
                if self.line.len() + piece.len() > LONGEST_LINE {
                    self.end_line(&mut log);
                }
                self.line.extend_from_slice(piece);
            }
            if ended {
                self.end_line(&mut log);
            }
        }
    }

    /// Nothing more comes.
    fn end(&mut self, log: &mut impl FnMut(&str)) {
        if !self.line.is_empty() {
            self.end_line(log);
        }
    }

    fn end_line(&mut self, log: &mut impl FnMut(&str)) {
        log(&String::from_utf8_lossy(&self.line));
        self.line.clear();
    }
}

impl Bucket {
    /// How many of these bytes may pass; the rest is dropped.
    fn take(&mut self, bytes: usize) -> usize {
        self.fill();
        let allowed = bytes.min(self.left as usize);
        self.left -= allowed as f64;
        self.drop((bytes - allowed) as u64);
        allowed
    }

    fn take_whole(&mut self, bytes: usize) -> bool {
        self.fill();
        let fits = bytes as f64 <= self.left;
        if fits {
            self.left -= bytes as f64;
        } else {
            self.drop(bytes as u64);
        }
        fits
    }

    fn fill(&mut self) {
        let now = Instant::now();
        self.left = self.rate.min(self.left + self.rate * (now - self.filled).as_secs_f64());
        self.filled = now;
    }

    fn drop(&mut self, bytes: u64) {
        self.dropped += bytes;
        self.untold += bytes;
    }
}

/// The outputs of a node's processes, of the ended ones the latest.
#[derive(Debug, Default)]
pub(crate) struct Outputs(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    all: HashMap<Pid, Arc<Output>>,
    ended: VecDeque<Pid>,
}

impl Outputs {
    pub(crate) fn insert(&self, pid: Pid, output: Arc<Output>) {
        self.0.lock().all.insert(pid, output);
    }

    pub(crate) fn get(&self, pid: Pid) -> Option<Written> {
        let output = self.0.lock().all.get(&pid).cloned();
        output.map(|output| output.written())
    }

    pub(crate) fn ended(&self, pid: Pid) {
        let mut kept = self.0.lock();
        kept.ended.push_back(pid);
        if kept.ended.len() > KEPT_ENDED
            && let Some(oldest) = kept.ended.pop_front()
        {
            kept.all.remove(&oldest);
        }
    }
}

/// Enough for a stack trace and what led to it.
const KEPT: usize = 64 << 10;

/// Longer lines are broken, so that a guest cannot make the host keep more.
const LONGEST_LINE: usize = 64 << 10;

/// Ended processes whose output can still be read.
const KEPT_ENDED: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn output(rate: usize) -> Output {
        Output::new("test".into(), Pid { node: 1, id: 1 }, rate)
    }

    #[test]
    fn the_last_bytes_are_kept() {
        let output = output(1 << 30);
        output.write(Channel::Stdout, &vec![b'a'; KEPT]);
        output.write(Channel::Stdout, b"the end");
        output.write(Channel::Stderr, b"oh\n");
        let written = output.written();
        assert_eq!(written.stdout.len(), KEPT);
        assert!(written.stdout.ends_with(b"athe end"));
        assert_eq!((written.stderr.as_slice(), written.dropped), (&b"oh\n"[..], 0));
    }

    #[test]
    fn a_line_that_was_begun_is_the_last_one() {
        let mut stream = Stream::default();
        let mut lines = Vec::new();
        stream.take(b"one\ntwo", |line| lines.push(line.to_owned()));
        assert_eq!(lines, ["one"]);
        stream.take(b" and half a \xc3", |line| lines.push(line.to_owned()));
        stream.end(&mut |line: &str| lines.push(line.to_owned()));
        stream.end(&mut |line: &str| lines.push(line.to_owned()));
        assert_eq!(lines, ["one", "two and half a \u{fffd}"]);
    }

    #[test]
    fn what_is_more_than_allowed_is_dropped_and_counted() {
        let output = output(10);
        output.write(Channel::Stdout, b"0123456789abc");
        assert!(!output.may_log(5));
        let written = output.written();
        assert_eq!((written.stdout.as_slice(), written.dropped), (&b"0123456789"[..], 8));
    }

    #[test]
    fn outputs_of_the_latest_ended_processes_can_be_read() {
        let outputs = Outputs::default();
        let pid = |id| Pid { node: 1, id };
        for id in 0..=KEPT_ENDED as u64 {
            outputs.insert(pid(id), Arc::new(output(10)));
            outputs.ended(pid(id));
        }
        assert!(outputs.get(pid(0)).is_none());
        assert!(outputs.get(pid(1)).is_some());
    }
}
