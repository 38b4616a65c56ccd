//! The command line of RUSM.

use std::process::ExitCode;

fn main() -> ExitCode {
    rusm::cli::main()
}
