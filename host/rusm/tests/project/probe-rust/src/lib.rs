use std::time::Duration;

use probe::{Item, Refusal};
use rusm_rs::{Event, Pid, Reply, Stream, StreamReader, process};

#[rusm_rs::service("test:probe/probe", later(wait_for_release))]
struct Probe {
    count: u32,
    ends: u32,
    waiting: Vec<Reply<String>>,
}

impl probe::Service for Probe {
    fn init(mode: String, stock: u32) -> Result<Self, String> {
        match mode.as_str() {
            "refuse" => Err(format!("refused with {stock}")),
            "crash" => panic!("crashed in init"),
            "spin" => loop {
                std::hint::black_box(stock);
            },
            "slow" => {
                process::sleep(Duration::from_millis(stock.into()));
                Ok(Self { count: 0, ends: 0, waiting: Vec::new() })
            }
            _ => Ok(Self { count: stock, ends: 0, waiting: Vec::new() }),
        }
    }

    fn add(&mut self, item: Item) -> Result<u32, Refusal> {
        match item.sku.as_str() {
            "closed" => Err(Refusal::Closed),
            "none" => Err(Refusal::OutOfStock(item.sku)),
            _ => {
                self.count += item.qty;
                Ok(self.count)
            }
        }
    }

    fn echo(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    fn slow(&mut self, ms: u32, value: u32) -> u32 {
        process::sleep(Duration::from_millis(ms.into()));
        value
    }

    fn clear(&mut self) {
        self.count = 0;
    }

    fn count(&mut self) -> u32 {
        self.count
    }

    fn ends(&mut self) -> u32 {
        self.ends
    }

    fn numbers(&mut self, count: u32) -> Result<Stream<u32>, String> {
        if count == 0 { Err("no numbers".into()) } else { Ok(Stream::iter(0..count)) }
    }

    fn endless(&mut self) -> Stream<u64> {
        Stream::iter(0..)
    }

    fn broken(&mut self, after: u32) -> Stream<u32> {
        Stream::try_iter((0..).map(move |n| if n < after { Ok(n) } else { Err("broken on purpose") }))
    }

    fn sum(&mut self, start: u64, values: StreamReader<u32>, limit: u32) -> u64 {
        let mut sum = start;
        for value in values.take(limit as usize) {
            match value {
                Ok(value) => sum += u64::from(value),
                Err(_) => {
                    self.ends += 1;
                    break;
                }
            }
        }
        sum
    }

    fn crash(&mut self, text: String) -> u32 {
        break_down(&text)
    }

    fn me(&mut self) -> Pid {
        process::pid()
    }

    fn wait_for_release(&mut self, reply: Reply<String>) {
        self.waiting.push(reply);
    }

    fn release(&mut self, text: String) {
        for reply in self.waiting.drain(..) {
            reply.send(text.clone());
        }
    }

    fn info(&mut self, event: Event) {
        if let Event::StreamEnd(_) = event {
            self.ends += 1;
        }
    }
}

/// A function of its own, so that the backtrace has its name.
#[inline(never)]
fn break_down(text: &str) -> u32 {
    panic!("{text}")
}
