use std::time::Duration;

use rusm_rs::{process, timers};

rusm_rs::contract!("bench:call/echo");

#[rusm_rs::service("bench:call/caller")]
struct Caller;

impl caller::Service for Caller {
    fn init() -> Self {
        Caller
    }

    fn call(&mut self, component: String, calls: u32) -> u64 {
        let echo = echo::Client::spawn(&component).expect("an echo service");
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

    fn send(&mut self, component: String, messages: u32) -> u64 {
        let echo = echo::Client::spawn(&component).expect("an echo service");
        let echo = echo.with_deadline(Duration::from_secs(60));
        let pid = echo.pid().expect("it lives");
        let start = timers::now();
        for _ in 0..messages {
            process::send(pid, &[7; 16]).expect("it is taken");
        }
        // It comes after all of them.
        assert_eq!(echo.received(), Ok(u64::from(messages)));
        (timers::now() - start).as_nanos() as u64 / u64::from(messages)
    }
}
