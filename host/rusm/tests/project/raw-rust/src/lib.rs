//! A raw process: it takes its messages by itself.

use std::time::Duration;

use rusm_rs::{Event, Filter, process, timers};

rusm_rs::contract!("test:probe/progress");
rusm_rs::contract!("test:probe/adviser");
rusm_rs::contract!("test:probe/job");

/// Sends what it gets back to its sender, until it is told to stop.
#[rusm_rs::main]
fn main() -> Result<(), String> {
    loop {
        let mail = match process::receive() {
            Event::Mail(mail) => mail,
            Event::Delivery(call) => {
                process::reply(call.request.reference, &call.body);
                continue;
            }
            _ => continue,
        };
        match mail.body.as_slice() {
            b"stop" => return Ok(()),
            b"fail" => return Err("told to fail".into()),
            b"wait" => {
                // What comes meanwhile waits.
                timers::send_after(Duration::from_millis(1), b"rings");
                let event = process::receive_matching(Filter::System, Duration::from_secs(60));
                let Some(Event::Timer(timer)) = event else { return Err(format!("{event:?}")) };
                answer(mail.sender, &timer.body)?;
            }
            b"job" => {
                let job = job::Client::named("callback-ts").map_err(|error| error.to_string())?;
                let mut seen = Vec::new();
                let steps = job.run(3, progress::callback(|done| seen.push(done)));
                answer(mail.sender, format!("{steps:?} {seen:?}").as_bytes())?;
            }
            b"look" => {
                let none = process::receive_matching(Filter::Mail, Duration::ZERO).is_none();
                answer(mail.sender, none.to_string().as_bytes())?;
            }
            body => answer(mail.sender, body)?,
        }
    }
}

fn answer(to: rusm_rs::Pid, body: &[u8]) -> Result<(), String> {
    process::send(to, body).map_err(|error| error.to_string())
}
