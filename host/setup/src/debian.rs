use std::path::Path;
use std::process::Command;

use crate::{Home, Progress, SetupError, Step};

/// Installs packages with Debian's package manager: as root, else by `sudo` if it asks for no password.
pub(crate) fn install(
    home: &Home,
    packages: &[&str],
    seconds: u64,
    progress: &mut dyn Progress,
) -> Result<(), SetupError> {
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(SetupError::Absent {
            what: format!("this system has no apt-get to install {}", packages.join(" ")),
            advice: "install what these packages hold with your system's own means".into(),
        });
    }
    let advice = format!("run it by hand: apt-get update && apt-get install {}", packages.join(" "));
    Step::new("apt-get update", &advice).limit(180).run(home, apt_get().arg("update"), progress)?;
    let mut command = apt_get();
    command.args(["install", "-y", "--no-install-recommends"]).args(packages);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    let what = format!("apt-get install {}", packages.join(" "));
    Step::new(&what, &advice).limit(900).expect(seconds).run(home, &mut command, progress)
}

fn apt_get() -> Command {
    let root = std::env::var_os("HOME").is_some_and(|home| home == "/root") || is_root();
    if root {
        Command::new("apt-get")
    } else {
        let mut command = Command::new("sudo");
        command.args(["-n", "apt-get"]);
        command
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
