use std::collections::BTreeMap;

use counter::{Chunk, Tally};

#[rusm_rs::service("example:wordcount/counter")]
struct Counter;

impl counter::Service for Counter {
    fn init() -> Self {
        Counter
    }

    fn count(&mut self, chunk: Chunk, crash: bool) -> Vec<Tally> {
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        let words = chunk.text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
        for (place, word) in words.enumerate() {
            if crash && place * 12 > chunk.text.len() {
                panic!("crash on request, in the middle of chunk {}", chunk.number);
            }
            *counts.entry(word.to_ascii_lowercase()).or_default() += 1;
        }
        if crash {
            panic!("crash on request, at the end of chunk {}", chunk.number);
        }
        counts.into_iter().map(|(word, count)| Tally { word, count }).collect()
    }
}
