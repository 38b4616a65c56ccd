//! A service of several contracts: one of them constructs it, and functions of one name are of their traits.

use rusm_rs::{Event, Reply, Stream, StreamReader};

#[rusm_rs::service(
    "test:mistakes/lamp" as light,
    "test:mistakes/shelf",
    "test:mistakes/counter",
    init(counter),
    later(shelf::add, free),
)]
struct Several(u32);

impl counter::Service for Several {
    fn init(start: u32) -> Result<Self, String> {
        Ok(Several(start))
    }

    fn add(&mut self, step: counter::Step) -> Result<u32, counter::Refusal> {
        self.0 += step.by;
        Ok(self.0)
    }

    fn reset(&mut self) {}

    fn values(&mut self) -> Stream<u32> {
        Stream::iter([self.0])
    }

    fn feed(&mut self, _values: StreamReader<u32>) -> u32 {
        0
    }

    fn info(&mut self, _event: Event) {}
}

impl shelf::Service for Several {
    fn add(&mut self, _what: String, reply: Reply<u32>) {
        reply.send(1);
    }

    fn free(&mut self, reply: Reply<u32>) {
        reply.send(2);
    }
}

impl light::Service for Several {
    fn toggle(&mut self) -> bool {
        true
    }
}

fn main() {
    let _: Option<light::Client> = None;
}
