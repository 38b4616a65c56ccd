//! What a node writes while it runs: its log on standard error, and some lines for people on standard output. Each has a thread
//! of its own behind a bounded queue, so that nobody in the node waits for whoever reads them, or does not.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};

use super::escape::{shown, within_line};

pub(super) struct Log {
    output: NonBlocking,
    lost: ErrorCounter,
    /// At the end they wait, but not long, until what is queued is written.
    _written: [WorkerGuard; 2],
}

impl Log {
    /// Begins to log, as `RUSM_LOG` says.
    pub(super) fn start() -> Self {
        let queue = || NonBlockingBuilder::default().lossy(true).buffered_lines_limit(QUEUED_LINES);
        let (errors, errors_written) = queue().thread_name("rusm-log").finish(std::io::stderr());
        let (output, output_written) = queue().thread_name("rusm-output").finish(std::io::stdout());
        let lost = errors.error_counter();
        let filter = tracing_subscriber::EnvFilter::try_from_env("RUSM_LOG");
        let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(errors)
            .fmt_fields(Escaped(DefaultFields::new()))
            .with_ansi(std::io::stderr().is_terminal())
            .init();
        Self { output, lost, _written: [errors_written, output_written] }
    }

    /// A line for whoever has started the node. A reader that has left, as `head` does, is no reason to end.
    pub(super) fn say(&self, line: impl Display) {
        let _ = writeln!(self.output.clone(), "{}", shown(&line.to_string()));
    }

    /// Tells in the log itself, once there is room again, how many of its lines did not fit.
    pub(super) fn tell_of_losses(&self) -> impl Future<Output = ()> + Send + use<> {
        let lost = self.lost.clone();
        async move {
            let mut told = 0;
            loop {
                tokio::time::sleep(BETWEEN_LOOKS).await;
                let now = lost.dropped_lines();
                if now > told {
                    tracing::warn!(
                        lines = now - told,
                        "lines of this log were dropped: they came faster than they are read"
                    );
                    // Should this one be lost too, it is counted with the next ones.
                    told = if lost.dropped_lines() == now { now } else { told };
                }
            }
        }
    }
}

/// Fields of an event, texts of guests among them, with nothing in them that steers a terminal.
struct Escaped(DefaultFields);

impl<'writer> FormatFields<'writer> for Escaped {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> std::fmt::Result {
        let mut text = String::new();
        self.0.format_fields(Writer::new(&mut text), fields)?;
        writer.write_str(&within_line(&text))
    }
}

/// Some seconds of what a guest may write; with lines of 200 bytes 2 MB.
const QUEUED_LINES: usize = 10_000;

const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
