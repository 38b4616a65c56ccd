//! What several tasks use.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use rusm_setup::{Home, Need, Terminal, install_packages};

/// The repository.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// Meets needs of this machine; free when they are met.
pub fn setup(needs: &[Need]) -> anyhow::Result<()> {
    let home = Home::from_env()?;
    for need in needs {
        need.fix(&home, &mut Terminal::new())?;
    }
    Ok(())
}

/// Installs the npm packages of a folder of the repository.
pub fn npm(folder: &str) -> anyhow::Result<()> {
    Ok(install_packages(&Home::from_env()?, &root().join(folder), &mut Terminal::new())?)
}

/// A command in the repository's folder.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs a command to its end, its output shown.
pub fn execute(command: &mut Command) -> anyhow::Result<()> {
    let line = format!("{command:?}");
    let status = command.status().with_context(|| format!("cannot start {line}"))?;
    if !status.success() {
        bail!("{line} failed: {status}");
    }
    Ok(())
}
