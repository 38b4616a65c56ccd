//! The demo: the words of a whole novel, counted by supervised services in two languages.

mod count;

use std::io::IsTerminal as _;

use anyhow::ensure;
use rusm::Project;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let crashes = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => 0,
        (Some("--crash"), Some(number)) => number.parse()?,
        _ => anyhow::bail!("usage: wordcount [--crash NUMBER]"),
    };
    let filter = EnvFilter::try_from_env("RUSM_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();

    let project = Project::find(&count::folder())?;
    // Its packages bring the novel.
    project.build(&mut rusm_setup::Terminal::new())?;
    let text = count::novel(&project)?;
    println!(
        "Moby-Dick: {} bytes, counted by splitter (Rust) -> merger (TypeScript) -> 4 counters (Rust)",
        text.len()
    );
    let report = count::count(&project, &text, crashes).await?;
    println!("{:>8}  word", "count");
    for (word, count) in report.ranking.iter().take(10) {
        println!("{count:>8}  {word}");
    }
    println!("summary: {}", report.summary);
    println!("time: {:.0} ms, restarts of counters: {}", report.time.as_secs_f64() * 1e3, report.restarts);
    let expected = count::coreutils(&text)?;
    let words = |ranking: &[(String, u64)]| ranking.iter().map(|(_, count)| count).sum::<u64>();
    let same = report.ranking == expected;
    println!(
        "tr | sort | uniq -c: {} words, {} different; RUSM: {} words, {} different: {}",
        words(&expected),
        expected.len(),
        words(&report.ranking),
        report.ranking.len(),
        if same { "the same, word by word" } else { "DIFFERENT" }
    );
    ensure!(same, "the services counted something else than coreutils");
    ensure!(report.restarts >= u64::from(crashes), "{crashes} crashes were wanted, {} came", report.restarts);
    Ok(())
}
