//! A program of WASI 0.3: its `run` is async, and it writes through a stream.

wit_bindgen::generate!({ world: "command", generate_all });

use wasi::cli::{environment, stdout};
use wasi::clocks::monotonic_clock;
use wasi::filesystem::preopens;
use wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

struct Command;

impl exports::wasi::cli::run::Guest for Command {
    async fn run() -> Result<(), ()> {
        let arguments = environment::get_arguments();
        if let [_, open, file, times] = &arguments[..]
            && open == "open"
        {
            return open_streams(file, times.parse().map_err(|_| ())?).await;
        }
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

/// Opens a file again and again, and keeps its streams alone.
async fn open_streams(file: &str, times: usize) -> Result<(), ()> {
    let folders = preopens::get_directories();
    let (folder, _) = folders.first().ok_or(())?;
    let mut streams = Vec::new();
    for _ in 0..times {
        let (path, open, flags) = (PathFlags::empty(), OpenFlags::empty(), DescriptorFlags::READ);
        let opened = folder.open_at(path, file.to_owned(), open, flags).await.map_err(|_| ())?;
        streams.push(opened.read_via_stream(0));
    }
    // What came of it is read in the end, and the rest of it not at all.
    let (mut first, _) = streams.swap_remove(0);
    let (_, read) = first.read(Vec::with_capacity(5)).await;
    let (mut writer, reader) = wit_stream::new();
    let written = stdout::write_via_stream(reader);
    writer.write_all(read).await;
    drop(writer);
    written.await.map_err(|_| ())
}

export!(Command);
