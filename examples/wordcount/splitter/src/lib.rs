use std::time::Duration;

use rusm_rs::{Stream, StreamError, StreamReader, StreamWriter};
use splitter::{Summary, Tally};

rusm_rs::contract!("example:wordcount/merger");

#[rusm_rs::service("example:wordcount/splitter")]
struct Splitter;

impl splitter::Service for Splitter {
    fn init() -> Self {
        Splitter
    }

    fn count(&mut self, text: StreamReader<String>, crashes: u32) -> Result<Summary, String> {
        let merger = merger::Client::named("merger").map_err(|error| error.to_string())?;
        let merger = merger.with_deadline(Duration::from_secs(60));
        let counters: Vec<String> = (1..=COUNTERS).map(|number| format!("counter-{number}")).collect();
        let (mut chunks, pending) = merger.call_start().collect(counters, crashes);
        // A merger that stops reading answers why.
        let fed = split(text, &mut chunks);
        match fed {
            Ok(()) => drop(chunks),
            Err(Trouble::Text(why)) => {
                chunks.abort(&why);
                return Err(why);
            }
            Err(Trouble::Merger) => drop(chunks),
        }
        let merger::Summary { chunks, words, distinct, retries } =
            pending.wait().map_err(|error| error.to_string())?;
        Ok(Summary { chunks, words, distinct, retries })
    }

    fn ranking(&mut self, top: u32) -> Result<Stream<Tally>, String> {
        let merger = merger::Client::named("merger").map_err(|error| error.to_string())?;
        let ranking = merger.ranking(top).map_err(|error| error.to_string())?;
        let tally = |merger::Tally { word, count }| Tally { word, count };
        Ok(Stream::try_iter(ranking.map(move |item| item.map(tally))))
    }
}

enum Trouble {
    /// The text ended early.
    Text(String),
    /// Nobody takes chunks any more.
    Merger,
}

/// Cuts a text into chunks between two words.
fn split(text: StreamReader<String>, chunks: &mut StreamWriter<merger::Chunk>) -> Result<(), Trouble> {
    let mut number = 0;
    let mut rest = String::new();
    let mut send = |text: &str| {
        number += 1;
        chunks.write(&merger::Chunk { number, text: text.to_owned() }).map_err(|_| Trouble::Merger)
    };
    for piece in text {
        let piece = piece.map_err(|error: StreamError| Trouble::Text(format!("the text: {error}")))?;
        rest.push_str(&piece);
        while rest.len() >= CHUNK {
            let Some(end) = rest.bytes().take(CHUNK).rposition(|byte| byte == b' ' || byte == b'\n') else {
                // One word longer than a chunk: it waits for its end.
                break;
            };
            send(&rest[..=end])?;
            rest.drain(..=end);
        }
    }
    if rest.is_empty() { Ok(()) } else { send(&rest) }
}

const CHUNK: usize = 16 * 1024;
const COUNTERS: u32 = 4;
