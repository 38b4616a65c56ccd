use std::fs;
use std::path::Path;
use std::process::Command;

use crate::state::State;
use crate::{Home, Progress, SetupError, Step, debian};

pub(crate) fn state() -> State {
    let fix = "apt-get install nodejs npm, or install Node.js 20 or newer from nodejs.org".to_owned();
    let (Ok(node), Ok(_)) = (which::which("node"), which::which("npm")) else {
        return State::Missing { what: "no `node` and `npm` on the PATH".into(), fix };
    };
    let output = Command::new(&node).arg("--version").output().ok();
    let version = output.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let version = version.trim();
    let major = version.trim_start_matches('v').split('.').next().and_then(|text| text.parse::<u32>().ok());
    match major {
        Some(major) if major >= OLDEST_NODE => {
            State::Ready(format!("Node.js {version} ({})", node.display()))
        }
        _ => State::Missing {
            what: format!("Node.js {OLDEST_NODE} or newer is needed, found `{version}`"),
            fix,
        },
    }
}

pub(crate) fn fix(home: &Home, progress: &mut dyn Progress) -> Result<(), SetupError> {
    debian::install(home, &["nodejs", "npm"], 60, progress)?;
    match state() {
        State::Ready(_) => Ok(()),
        State::Missing { what, .. } => Err(SetupError::Absent {
            what: format!("{what}, and this system's packages bring no newer one"),
            advice: "install it from nodejs.org or with a version manager".into(),
        }),
    }
}

/// Whether the packages that a folder's lock file names are installed as it says.
pub fn packages_are_installed(folder: &Path) -> bool {
    let lock = fs::read(folder.join("package-lock.json"));
    let seen = fs::read(folder.join("node_modules/.rusm-lock"));
    matches!((lock, seen), (Ok(lock), Ok(seen)) if lock == seen)
}

/// Installs a folder's npm packages: by its lock file, which is written if there is none. Costs nothing when they are
/// there.
///
/// # Errors
/// [`SetupError`] if npm is missing or failed.
pub fn install_packages(home: &Home, folder: &Path, progress: &mut dyn Progress) -> Result<(), SetupError> {
    if packages_are_installed(folder) {
        return Ok(());
    }
    let lock = folder.join("package-lock.json");
    let what = format!("npm install in {}", folder.display());
    let mut command = Command::new("npm");
    // It keeps to the lock file where there is one. `npm ci` would refuse packages with parts for other systems that were
    // never published, as componentize-qjs has.
    command.args(["install", "--no-audit", "--no-fund"]).current_dir(folder);
    let advice = "check the network and the npm registry setting, then run it by hand in that folder";
    Step::new(&what, advice).expect(20).run(home, &mut command, progress)?;
    let stamp = folder.join("node_modules/.rusm-lock");
    fs::copy(&lock, &stamp).map(drop).map_err(SetupError::io("write", stamp))
}

/// The oldest release that the bundler and the componentizer run on.
const OLDEST_NODE: u32 = 20;
