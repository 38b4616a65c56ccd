//! The project's own tasks.

use clap::{Parser, Subcommand};
use rusm_setup::{Home, Need, State, Terminal};

#[derive(Parser)]
#[command(about = "The project's own tasks: set-up, tests, demo, benchmarks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs whatever is missing.
    Setup,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Setup => setup(),
    }
}

fn setup() -> anyhow::Result<()> {
    let home = Home::from_env()?;
    for need in Need::ALL {
        need.fix(&home, &mut Terminal::new())?;
        if let State::Ready(what) = need.state(&home) {
            println!("{need}: {what}");
        }
    }
    Ok(())
}
