use std::time::Duration;

use rusm_rs::{Event, Filter, Pid, Spawn, process, timers};

rusm_rs::contract!("bench:call/asked");
rusm_rs::contract!("bench:call/echo");

#[rusm_rs::service("bench:call/caller")]
struct Caller;

impl caller::Service for Caller {
    fn init() -> Self {
        Caller
    }

    fn call(&mut self, component: String, calls: u32) -> u64 {
        round_trips(&echo::Client::spawn(&component).expect("an echo service"), calls)
    }

    fn call_pid(&mut self, callee: Pid, calls: u32) -> u64 {
        round_trips(&echo::Client::from_pid(callee), calls)
    }

    fn callback(&mut self, component: String, calls: u32) -> u64 {
        let echo = echo::Client::spawn(&component).expect("an echo service");
        let echo = echo.with_deadline(Duration::from_secs(60));
        let run = |calls| assert_eq!(echo.ask(calls, asked::callback(|number| number)), Ok(calls));
        run(calls / 10);
        let start = timers::now();
        run(calls);
        (timers::now() - start).as_nanos() as u64 / u64::from(calls)
    }

    fn chain(&mut self, component: String, calls: u32) -> u64 {
        let services = [(); 4].map(|()| echo::Client::spawn(&component).expect("an echo service"));
        for pair in services.windows(2) {
            pair[0].follow(pair[1].pid()).expect("it is taken");
        }
        let run = |calls: u32| {
            for number in 0..u64::from(calls) {
                assert_eq!(services[0].relay(number), Ok(number));
            }
        };
        run(calls / 10);
        let start = timers::now();
        run(calls);
        (timers::now() - start).as_nanos() as u64 / u64::from(calls)
    }

    fn send(&mut self, component: String, messages: u32, bytes: u32) -> u64 {
        let echo = echo::Client::spawn(&component).expect("an echo service");
        let echo = echo.with_deadline(Duration::from_secs(60));
        let pid = echo.pid().expect("it lives");
        send(pid, messages, bytes, || echo.received().expect("it answers"))
    }

    fn send_raw(&mut self, component: String, messages: u32, bytes: u32) -> u64 {
        let (pid, _) = process::spawn(Spawn::new(component)).expect("a counter");
        send(pid, messages, bytes, || {
            process::send(pid, &[]).expect("it is taken");
            let answer = process::receive_matching(Filter::Mail, Duration::from_secs(60));
            let Some(Event::Mail(mail)) = answer else { panic!("no answer: {answer:?}") };
            u64::from_le_bytes(mail.body.try_into().expect("a number"))
        })
    }

    fn read(&mut self, component: String, pieces: u32) -> u64 {
        let echo = echo::Client::spawn(&component).expect("an echo service");
        let start = timers::now();
        let mut bytes = 0;
        for piece in echo.pour(pieces).expect("it streams") {
            bytes += piece.expect("a piece").len() as u64;
        }
        assert_eq!(bytes, u64::from(pieces) << 16);
        bytes / (timers::now() - start).as_micros() as u64
    }

    fn read_bytes(&mut self, component: String, pieces: u32) -> u64 {
        let echo = echo::Client::spawn(&component).expect("an echo service");
        let start = timers::now();
        let chunks = echo.gush(pieces).expect("it streams").into_chunks();
        let bytes: u64 = chunks.map(|chunk| chunk.expect("a chunk").len() as u64).sum();
        assert_eq!(bytes, u64::from(pieces) << 16);
        bytes / (timers::now() - start).as_micros() as u64
    }

    fn copy_bytes(&mut self, component: String, pieces: u32) -> u64 {
        let echo = echo::Client::spawn(&component).expect("an echo service");
        let piece = vec![7; 65_536];
        let start = timers::now();
        let mut copied =
            echo.copy(rusm_rs::read_chunks((0..pieces).map(|_| &piece[..]))).expect("it streams");
        let mut bytes = 0;
        while let Some(chunk) = copied.next_chunk().expect("a chunk") {
            bytes += chunk.len() as u64;
        }
        assert_eq!(bytes, u64::from(pieces) << 16);
        bytes / (timers::now() - start).as_micros() as u64
    }
}

/// Nanoseconds of a message, until all have come.
fn send(to: Pid, messages: u32, bytes: u32, received: impl Fn() -> u64) -> u64 {
    let body = vec![7; bytes as usize];
    let start = timers::now();
    for sent in 1..=messages {
        process::send(to, &body).expect("it is taken");
        // Large ones would else wait in a heap of gigabytes.
        if bytes > 1024 && sent % 64 == 0 {
            assert_eq!(received(), u64::from(sent));
        }
    }
    // It comes after all of them.
    assert_eq!(received(), u64::from(messages));
    (timers::now() - start).as_nanos() as u64 / u64::from(messages)
}

fn round_trips(echo: &echo::Client, calls: u32) -> u64 {
    let run = |calls: u32| {
        for number in 0..u64::from(calls) {
            assert_eq!(echo.echo(number), Ok(number));
        }
    };
    run(calls / 10);
    let start = timers::now();
    run(calls);
    (timers::now() - start).as_nanos() as u64 / u64::from(calls)
}
