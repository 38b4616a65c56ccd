//! A program of WASI 0.3: its `run` is async, and it writes through a stream.

wit_bindgen::generate!({ world: "command", generate_all });

use wasi::cli::{environment, stdout};
use wasi::clocks::monotonic_clock;

struct Command;

impl exports::wasi::cli::run::Guest for Command {
    async fn run() -> Result<(), ()> {
        let arguments = environment::get_arguments();
        let (mut writer, reader) = wit_stream::new();
        let written = stdout::write_via_stream(reader);
        for argument in &arguments[1..] {
            // Both at once: a wait, and a write that the host takes in the meantime.
            monotonic_clock::wait_for(1_000_000).await;
            writer.write_all(format!("{argument}\n").into_bytes()).await;
        }
        drop(writer);
        written.await.map_err(|_| ())?;
        if arguments.iter().any(|argument| argument == "fail") { Err(()) } else { Ok(()) }
    }
}

export!(Command);
