use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use rusm_setup::Need;

use crate::tools::{command, execute, npm, root, setup};

#[derive(clap::Args)]
pub struct Options {
    /// Rewrite formats and generated files instead of failing on a difference.
    #[arg(long)]
    fix: bool,
}

/// Everything that a change has to pass, ending with a line `N passed, N failed`.
pub fn run_all(options: &Options) -> anyhow::Result<Count> {
    step("set-up");
    setup(&Need::ALL)?;
    npm("rusm-ts")?;
    step("formats");
    formats(options.fix)?;
    step("lints");
    lints()?;
    step("types");
    execute(Command::new("npx").args(["tsc", "--noEmit"]).current_dir(root().join("rusm-ts")))?;
    step("Rust tests");
    let mut count = rust_tests(options.fix)?;
    step("documentation tests");
    count += doc_tests()?;
    step("TypeScript tests");
    count += typescript_tests()?;
    Ok(count)
}

pub fn run(options: &Options) -> anyhow::Result<()> {
    let count = run_all(options)?;
    println!("{} passed, {} failed", count.passed, count.failed);
    ensure!(count.failed == 0, "{} tests failed", count.failed);
    ensure!(count.passed > 0, "no test ran");
    Ok(())
}

fn step(what: &str) {
    println!("\n== {what}");
}

fn formats(fix: bool) -> anyhow::Result<()> {
    let check = if fix { &["fmt", "--all"][..] } else { &["fmt", "--all", "--check"][..] };
    execute(&mut command("cargo", check))?;
    let mut prettier = Command::new("npx");
    prettier.args([
        "prettier",
        "--log-level",
        "warn",
        if fix { "--write" } else { "--check" },
        "src",
        "test",
        "tools",
    ]);
    execute(prettier.current_dir(root().join("rusm-ts")))?;
    for guests in GUESTS {
        let manifest = format!("{guests}/Cargo.toml");
        if !root().join(&manifest).is_file() {
            continue;
        }
        // `cargo fmt` reads the SDK's manifests, which a project gets by its first build.
        let sources = guest_sources(guests)?;
        let mut rustfmt = command("rustfmt", &["--edition", "2024", "--config-path", "rustfmt.toml"]);
        if !fix {
            rustfmt.arg("--check");
        }
        execute(rustfmt.args(sources))?;
    }
    Ok(())
}

fn guest_sources(folder: &str) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut sources = Vec::new();
    for guest in std::fs::read_dir(root().join(folder))? {
        let Ok(files) = std::fs::read_dir(guest?.path().join("src")) else { continue };
        for file in files {
            let file = file?.path();
            if file.extension().is_some_and(|end| end == "rs") {
                sources.push(file);
            }
        }
    }
    Ok(sources)
}

fn lints() -> anyhow::Result<()> {
    execute(workspace("clippy").args(["--all-targets", "--", "-D", "warnings"]))?;
    execute(
        workspace("doc").args(["--no-deps", "--document-private-items"]).env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// A command of cargo's for everything, with what is off by default.
fn workspace(what: &str) -> Command {
    command("cargo", &[what, "--workspace", "--features", "rusm-otp/net"])
}

fn rust_tests(fix: bool) -> anyhow::Result<Count> {
    let has_nextest =
        command("cargo", &["nextest", "--version"]).output().is_ok_and(|out| out.status.success());
    // A failed test's output, which nextest shows, ends with a count of its own.
    let (mut tests, count): (_, fn(&str) -> Option<Count>) = if has_nextest {
        let mut nextest = command("cargo", &["nextest", "run", "--workspace", "--features", "rusm-otp/net"]);
        nextest.args(["--no-fail-fast", "--color", "never"]);
        (nextest, nextest_count)
    } else {
        let mut test = workspace("test");
        test.args(["--all-targets", "--no-fail-fast"]);
        (test, cargo_count)
    };
    if fix {
        tests.env("RUSM_BLESS", "1").env("TRYBUILD", "overwrite");
    }
    counted(&mut tests, count)
}

fn doc_tests() -> anyhow::Result<Count> {
    counted(workspace("test").args(["--doc", "--no-fail-fast"]), cargo_count)
}

fn typescript_tests() -> anyhow::Result<Count> {
    let mut tests = Command::new("npm");
    tests.args(["test", "--silent"]).current_dir(root().join("rusm-ts"));
    counted(&mut tests, |line| {
        let (kind, number) = line.trim_start_matches(['#', 'ℹ', ' ']).split_once(' ')?;
        let number = number.trim().parse().ok()?;
        match kind {
            "pass" => Some(Count { passed: number, failed: 0 }),
            "fail" => Some(Count { passed: 0, failed: number }),
            _ => None,
        }
    })
}

/// Tests that passed and that failed.
#[derive(Debug, Default, Clone, Copy)]
pub struct Count {
    passed: u32,
    failed: u32,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs a test runner, shows what it says, and adds up the lines that count.
fn counted(command: &mut Command, of_line: impl Fn(&str) -> Option<Count>) -> anyhow::Result<Count> {
    let line = format!("{command:?}");
    let (reader, writer) = std::io::pipe()?;
    // Both streams in one, so that the lines stay in their order.
    let errors = writer.try_clone()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(errors)
        .spawn()
        .with_context(|| format!("cannot start {line}"))?;
    // The command keeps the ends for writing, and they must be closed for reading to end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut count = Count::default();
    for text in BufReader::new(reader).lines() {
        let text = text?;
        println!("{text}");
        if let Some(more) = of_line(&text) {
            count += more;
        }
    }
    let status = child.wait()?;
    if !status.success() && count.failed == 0 {
        bail!("{line} failed: {status}");
    }
    Ok(count)
}

/// `Summary [..] 35 tests run: 35 passed, 0 skipped`.
fn nextest_count(line: &str) -> Option<Count> {
    let summary = line.trim().strip_prefix("Summary")?;
    summary.split_once("run:").map(|(_, counts)| passed_and_failed(counts))
}

/// `test result: ok. 3 passed; 0 failed; ..`.
fn cargo_count(line: &str) -> Option<Count> {
    line.trim().strip_prefix("test result:").map(passed_and_failed)
}

fn passed_and_failed(counts: &str) -> Count {
    let number = |word: &str| {
        let before = counts.split(word).next().filter(|before| before.len() < counts.len())?;
        before.split([' ', ',', ';', ':', '.']).rfind(|part| !part.is_empty())?.parse().ok()
    };
    Count { passed: number(" passed").unwrap_or(0), failed: number(" failed").unwrap_or(0) }
}

/// Rust guests, which are workspaces of their own.
const GUESTS: [&str; 3] = ["bench/guests", "examples/wordcount", "host/rusm/tests/project"];

#[cfg(test)]
mod tests {
    use super::{Count, cargo_count, nextest_count};

    fn numbers(count: Option<Count>) -> Option<(u32, u32)> {
        count.map(|count| (count.passed, count.failed))
    }

    #[test]
    fn the_closing_lines_of_both_runners_are_counted() {
        let summary = "     Summary [  19.772s] 35 tests run: 33 passed (1 slow), 2 failed, 0 skipped";
        assert_eq!(numbers(nextest_count(summary)), Some((33, 2)));
        assert_eq!(numbers(nextest_count("        PASS [   0.251s] rusm::pairs a_test")), None);
        let result = "test result: ok. 3 passed; 0 failed; 0 ignored";
        assert_eq!(numbers(cargo_count(result)), Some((3, 0)));
        // In what nextest shows of a failed test.
        assert_eq!(numbers(nextest_count(result)), None);
    }
}
