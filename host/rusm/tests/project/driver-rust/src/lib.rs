use std::time::Duration;

use probe::{Client, Item, Refusal};
use rusm_rs::{CallError, ExitReason, Spawn, SpawnError, StreamError, process};

rusm_rs::contract!("test:probe/probe");

#[rusm_rs::service("test:probe/driver")]
struct Driver;

type Outcome = Result<String, Box<dyn std::error::Error>>;

impl driver::Service for Driver {
    fn init() -> Self {
        Driver
    }

    fn run(&mut self, scenario: String, probe: String) -> Result<String, String> {
        run(&scenario, &probe).map_err(|error| error.to_string())
    }
}

fn run(scenario: &str, component: &str) -> Outcome {
    let fresh = || Client::spawn(component, "", 3);
    match scenario {
        "spawn" => Ok(fresh()?.count()?.to_string()),
        "spawn-refused" => Ok(match Client::spawn(component, "refuse", 7) {
            Err(SpawnError::Refused(text)) => text,
            other => format!("{other:?}"),
        }),
        "spawn-crash" => Ok(match Client::spawn(component, "crash", 7) {
            Err(SpawnError::Exited(ExitReason::Crash(crash))) => {
                format!("{} in {}: {}", crash.component, crash.function, first_words(&crash.text))
            }
            other => format!("{other:?}"),
        }),
        "spawn-timeout" => {
            let spawn = Spawn::new(component).deadline(Duration::from_millis(30));
            Ok(match Client::spawn_with(spawn, "slow", 10_000) {
                Err(SpawnError::Timeout) => "timeout".into(),
                other => format!("{other:?}"),
            })
        }
        "spawn-unknown" => Ok(match Client::spawn("probe-rusty", "", 0) {
            Err(SpawnError::UnknownComponent(text)) => text,
            other => format!("{other:?}"),
        }),
        "spawn-denied" => Ok(match Client::spawn("other", "", 0) {
            Err(SpawnError::Denied(text)) => text,
            other => format!("{other:?}"),
        }),
        "spawn-contract" => Ok(match Client::spawn("driver-ts", "", 0) {
            Err(SpawnError::Contract(text)) => text.split(": ").next().unwrap_or_default().to_owned(),
            other => format!("{other:?}"),
        }),
        "spawn-name" => {
            // The same program runs as several components.
            let name = format!("named-{component}-{}", process::pid().id);
            let spawn = || Spawn::new(component).name(name.as_str());
            let first = Client::spawn_with(spawn(), "", 5)?;
            let again = Client::spawn_with(spawn(), "", 5);
            let by_name = Client::named(&name)?;
            let same = matches!(again, Err(SpawnError::AlreadyRegistered(pid)) if Some(pid) == first.pid());
            Ok(format!("{same} {}", by_name.count()?))
        }
        "call" => Ok(fresh()?.add(Item { sku: "a".into(), qty: 4 })?.to_string()),
        "typed-error" => {
            let probe = fresh()?;
            let refused = |sku: &str| match probe.add(Item { sku: sku.into(), qty: 1 }) {
                Err(CallError::Refused(Refusal::OutOfStock(what))) => format!("out of stock: {what}"),
                Err(CallError::Refused(Refusal::Closed)) => "closed".into(),
                other => format!("{other:?}"),
            };
            Ok(format!("{}; {}", refused("none"), refused("closed")))
        }
        "cast" => {
            let probe = fresh()?;
            probe.clear()?;
            Ok(probe.count()?.to_string())
        }
        "stream-out" => {
            let mut sum = 0;
            for number in fresh()?.numbers(100_000)? {
                sum += u64::from(number?);
            }
            Ok(sum.to_string())
        }
        "stream-refused" => Ok(match fresh()?.numbers(0) {
            Err(CallError::Refused(text)) => text,
            other => format!("{other:?}"),
        }),
        "stream-out-close" => {
            let probe = fresh()?;
            let mut last = 0;
            for number in probe.endless()?.take(1000) {
                last = number?;
            }
            Ok(format!("{last} {}", probe.count()?))
        }
        "stream-out-abort" => {
            let mut read = 0;
            for number in fresh()?.broken(10)? {
                match number {
                    Ok(_) => read += 1,
                    Err(StreamError::Aborted(why)) => return Ok(format!("{read} {why}")),
                    Err(other) => return Ok(format!("{other:?}")),
                }
            }
            Ok("no end".into())
        }
        "stream-in" => Ok(fresh()?.sum(5, 0..100_000, u32::MAX)?.to_string()),
        "stream-in-close" => Ok(fresh()?.sum(0, 0.., 100)?.to_string()),
        "stream-in-abort" => {
            let probe = fresh()?;
            let (mut writer, pending) = probe.call_start().sum(1, u32::MAX);
            writer.write(&2)?;
            writer.flush()?;
            writer.abort("given up");
            Ok(format!("{} {}", pending.wait()?, probe.ends()?))
        }
        "deadline" => {
            let probe = fresh()?;
            let slow = probe.with_deadline(Duration::from_millis(20)).slow(200, 1);
            Ok(format!("{slow:?} {}", probe.count()?))
        }
        "crash" => {
            let spawn = Spawn::new(component).monitor();
            let probe = Client::spawn_with(spawn, "", 0)?;
            // One that is known to be quick crashes within its caller's turn.
            probe.count()?;
            probe.count()?;
            Ok(match probe.crash("on purpose") {
                Err(CallError::Exited(ExitReason::Crash(crash))) => {
                    let place = if crash.backtrace.contains("break") {
                        "with its function"
                    } else {
                        &crash.backtrace
                    };
                    let gone = matches!(probe.count(), Err(CallError::NoProc));
                    format!(
                        "{} in {}: {} {place}, {gone}",
                        crash.component,
                        crash.function,
                        first_words(&crash.text)
                    )
                }
                other => format!("{other:?}"),
            })
        }
        "big" => {
            let bytes: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
            let back = fresh()?.echo(&bytes)?;
            Ok(format!("{} {}", back.len(), back == bytes))
        }
        "ten-thousand" => {
            let probe = fresh()?;
            let start = probe.with_deadline(Duration::from_secs(60));
            let calls: Vec<_> = (0..10_000).map(|_| start.call_start().count()).collect();
            let mut sum = 0;
            for call in calls {
                sum += call.wait()?;
            }
            Ok(sum.to_string())
        }
        "together" => {
            let probe = fresh()?;
            let calls: Vec<_> = (0..3).map(|_| probe.call_start().wait_for_release()).collect();
            probe.release("now")?;
            let texts = calls.into_iter().map(|call| call.wait()).collect::<Result<Vec<_>, _>>()?;
            Ok(texts.join(" "))
        }
        "cancel" => {
            let probe = fresh()?;
            drop(probe.call_start().wait_for_release());
            Ok(probe.count()?.to_string())
        }
        "pid" => {
            let probe = fresh()?;
            Ok((Some(probe.me()?) == probe.pid() && process::alive(probe.me()?)).to_string())
        }
        other => Err(format!("no scenario {other}").into()),
    }
}

/// A panic's text ends in its place, a thrown error's begins with its class.
fn first_words(text: &str) -> String {
    let text = text.strip_prefix("Error: ").unwrap_or(text);
    text.split(" at ").next().unwrap_or_default().to_owned()
}
