use std::fs::{self, File};
use std::io::{IsTerminal, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Home, SetupError};

/// Where a long step shows that it goes on.
pub trait Progress {
    /// A step begins; `expect` is how long it usually takes, if it is long.
    fn begin(&mut self, what: &str, expect: Option<Duration>);
    /// It still runs, after so long.
    fn tick(&mut self, what: &str, elapsed: Duration);
    /// It ended, well or not.
    fn end(&mut self, what: &str, elapsed: Duration, ok: bool);
}

/// Progress on standard error: one line a step, rewritten in place on a terminal.
#[derive(Debug)]
pub struct Terminal {
    in_place: bool,
    shown: Duration,
}

impl Terminal {
    /// Progress for whoever reads standard error now.
    pub fn new() -> Self {
        Self { in_place: std::io::stderr().is_terminal(), shown: Duration::ZERO }
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for Terminal {
    fn begin(&mut self, what: &str, expect: Option<Duration>) {
        self.shown = Duration::ZERO;
        match expect {
            Some(expect) => tell(&format!("… {what} (about {} s)\n", expect.as_secs())),
            None => tell(&format!("… {what}\n")),
        }
    }

    fn tick(&mut self, what: &str, elapsed: Duration) {
        let every = Duration::from_secs(if self.in_place { 1 } else { 15 });
        if elapsed < self.shown + every {
            return;
        }
        self.shown = elapsed;
        if self.in_place {
            tell(&format!("\r  {what}: {} s ", elapsed.as_secs()));
        } else {
            tell(&format!("  {what}: {} s\n", elapsed.as_secs()));
        }
    }

    fn end(&mut self, what: &str, elapsed: Duration, ok: bool) {
        let mark = if ok { "✓" } else { "✗" };
        let lead = if self.in_place && !self.shown.is_zero() { "\r" } else { "" };
        tell(&format!("{lead}{mark} {what} ({:.1} s)\n", elapsed.as_secs_f64()));
    }
}

/// Whoever reads may have left, as `head` does: nothing is lost then.
fn tell(line: &str) {
    let mut errors = std::io::stderr();
    let _ = errors.write_all(line.as_bytes()).and_then(|()| errors.flush());
}

/// Progress that nobody wants to see.
#[derive(Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&mut self, _: &str, _: Option<Duration>) {}
    fn tick(&mut self, _: &str, _: Duration) {}
    fn end(&mut self, _: &str, _: Duration, _: bool) {}
}

/// One command of a set-up, with a time limit, its output in a log file.
#[derive(Debug)]
pub struct Step<'a> {
    what: &'a str,
    advice: &'a str,
    limit: Duration,
    expect: Option<Duration>,
}

impl<'a> Step<'a> {
    /// A step of at most ten minutes; `advice` is what the user can do if it fails.
    pub fn new(what: &'a str, advice: &'a str) -> Self {
        Self { what, advice, limit: Duration::from_secs(600), expect: None }
    }

    /// Ends the command if it takes longer.
    pub fn limit(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// How long it usually takes, to be shown to the user.
    pub fn expect(mut self, seconds: u64) -> Self {
        self.expect = Some(Duration::from_secs(seconds));
        self
    }

    /// Runs the command to its end.
    ///
    /// # Errors
    /// [`SetupError::Start`] if it could not be started, [`SetupError::Failed`] if it failed or took too long.
    pub fn run(
        &self,
        home: &Home,
        command: &mut Command,
        progress: &mut dyn Progress,
    ) -> Result<(), SetupError> {
        let log = home.log(self.what);
        let output = create(&log)?;
        let errors = output.try_clone().map_err(SetupError::io("write", &log))?;
        let started = Instant::now();
        progress.begin(self.what, self.expect);
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let mut child = child.map_err(|source| SetupError::Start {
            command: line(command),
            source,
            advice: self.advice.into(),
        })?;
        let outcome = self.wait(&mut child, started, progress);
        progress.end(self.what, started.elapsed(), outcome.is_ok());
        outcome.map_err(|outcome| SetupError::Failed {
            command: line(command),
            outcome,
            tail: tail(&log),
            log,
            advice: self.advice.into(),
        })
    }

    fn wait(&self, child: &mut Child, started: Instant, progress: &mut dyn Progress) -> Result<(), String> {
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(status.to_string()),
                Err(error) => return Err(error.to_string()),
                Ok(None) if started.elapsed() > self.limit => {
                    // It may end by itself in between: either way it is gone after the wait.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!("not done after {} s", self.limit.as_secs()));
                }
                Ok(None) => {
                    progress.tick(self.what, started.elapsed());
                    thread::sleep(POLL);
                }
            }
        }
    }
}

fn create(log: &Path) -> Result<File, SetupError> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).map_err(SetupError::io("make the folder", folder))?;
    }
    File::create(log).map_err(SetupError::io("write", log))
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    last.iter().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}

/// Short enough that a fast command is not held up, long enough to cost nothing.
const POLL: Duration = Duration::from_millis(20);

/// What fits on a screen beside the advice.
const TAIL_LINES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_reports_its_last_lines_and_the_advice() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let mut command = Command::new("sh");
        command.args(["-c", "echo first; echo broken >&2; exit 3"]);
        let error = Step::new("try it", "look there").run(&home, &mut command, &mut Quiet).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("exit status: 3"), "{text}");
        assert!(text.contains("| broken"), "{text}");
        assert!(text.contains("look there"), "{text}");
    }

    #[test]
    fn a_command_past_its_limit_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        command.arg("60");
        let step = Step::new("wait", "nothing").limit(0);
        let error = step.run(&Home::at(folder.path()), &mut command, &mut Quiet).unwrap_err();
        assert!(error.to_string().contains("not done after 0 s"), "{error}");
    }

    #[test]
    fn a_missing_command_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("no-such-command-here");
        let error = Step::new("go", "install it").run(&Home::at(folder.path()), &mut command, &mut Quiet);
        assert!(matches!(error, Err(SetupError::Start { .. })), "{error:?}");
    }
}
