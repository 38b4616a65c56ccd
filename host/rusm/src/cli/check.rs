use std::io::Write as _;

use clap::Args;

use super::escape::shown;
use crate::{Against, Project};

/// The arguments of `rusm check`.
#[derive(Args)]
pub(super) struct Check {
    /// What to compare with instead of the lock file: `node`, the running node of this project; `git:REVISION`, its `wit` folder in
    /// that revision; or the path of another project, a `wit` folder, a component (.wasm) or a lock file (`./node` is a path).
    #[arg(long, value_name = "WHAT")]
    against: Option<Against>,
    /// Write the lock file: the contracts as they are now count as known from now on. Nothing is written over breaking differences.
    #[arg(long, conflicts_with_all = ["against", "json"])]
    write: bool,
    /// Write it over breaking differences, a damaged lock file or one of another project.
    #[arg(long, requires = "write")]
    force: bool,
    /// Print one document of JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn check(project: &Project, arguments: Check) -> anyhow::Result<()> {
    let Check { against, write, force, json } = arguments;
    let against = against.unwrap_or(Against::Lock);
    if !write {
        let report = project.check(&against)?;
        let text =
            if json { serde_json::to_string_pretty(&report)? } else { shown(&report.to_string()).into() };
        print(&text);
        return Ok(report.verdict()?);
    }
    if !force && project.has_lock() {
        let report = project.check(&against)?;
        print(&shown(&report.to_string()));
        report.verdict()?;
    }
    let count = project.lock_contracts()?;
    print(&format!("wrote {against}: {count} {}", if count == 1 { "contract" } else { "contracts" }));
    Ok(())
}

/// A reader that has left is no reason to fail.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
