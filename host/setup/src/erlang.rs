use std::path::PathBuf;
use std::process::Command;

use crate::state::State;
use crate::{Home, Progress, SetupError, debian};

pub(crate) fn state() -> State {
    let Ok(erl) = which::which("erl") else {
        return State::Missing {
            what: "no `erl` on the PATH".into(),
            fix: "apt-get install erlang-base".into(),
        };
    };
    match release(&erl) {
        Some(release) => State::Ready(format!("Erlang/OTP {release} ({})", erl.display())),
        None => State::Missing {
            what: format!("{} does not answer", erl.display()),
            fix: "apt-get install --reinstall erlang-base".into(),
        },
    }
}

pub(crate) fn fix(home: &Home, progress: &mut dyn Progress) -> Result<(), SetupError> {
    debian::install(home, &["erlang-base"], 15, progress)
}

fn release(erl: &PathBuf) -> Option<String> {
    // `erl` itself takes half a second to boot: the release is in a file's name.
    let releases = std::fs::canonicalize(erl).ok()?.parent()?.parent()?.join("releases");
    let numbers = std::fs::read_dir(releases).ok()?.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.parse::<u32>().ok()
    });
    numbers.max().map(|number| number.to_string()).or_else(|| ask(erl))
}

fn ask(erl: &PathBuf) -> Option<String> {
    let show = "io:put_chars(erlang:system_info(otp_release)), halt().";
    let output = Command::new(erl).args(["-noshell", "-eval", show]).output().ok()?;
    String::from_utf8(output.stdout).ok().filter(|text| !text.is_empty())
}
