//! The project's own tasks.

mod bench;
mod demo;
mod test;
mod tools;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "The project's own tasks: set-up, tests, demo, benchmarks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install whatever is missing on this machine.
    Setup,
    /// Build and run the demo: the words of a whole novel, counted by supervised services of two languages.
    Demo(demo::Options),
    /// Check formats, lints, types and generated files, and run every test.
    Test(test::Options),
    /// Measure RUSM beside its peers, in one run.
    Bench(bench::Options),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Setup => tools::setup(&rusm_setup::Need::ALL),
        Task::Demo(options) => demo::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Bench(options) => bench::run(&options),
    }
}
