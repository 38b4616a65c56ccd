use rusm_setup::Need;

use crate::tools::{command, execute, setup};

#[derive(clap::Args)]
pub struct Options {
    /// Let counters crash this many times on the way.
    #[arg(long, default_value_t = 0)]
    crash: u32,
}

/// Builds the host and the example, and runs it on a whole novel.
pub fn run(options: &Options) -> anyhow::Result<()> {
    setup(&[Need::Rust, Need::GuestToolchain, Need::Node])?;
    eprintln!("… building the host: the first time takes some minutes");
    let mut demo = command("cargo", &["run", "--package", "rusm", "--example", "wordcount", "--"]);
    execute(demo.args(["--crash", &options.crash.to_string()]))
}
