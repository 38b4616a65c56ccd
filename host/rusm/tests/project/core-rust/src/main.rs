//! A program of WASI preview 1 that is a process without any SDK: it imports the actor world by hand, as `docs/core-modules.md`
//! describes.

use std::fmt::Write as _;

mod abi;

use abi::Event;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["echo"] => echo(),
        ["all", callee] => print!("{}", all(callee)),
        ["exit", code] => std::process::exit(code.parse().expect("a number")),
        ["forged", what] => forged(what),
        _ => println!("{arguments:?}"),
    }
}

/// Sends each message back, until one says `stop`.
fn echo() {
    while let Some(Event::Mail { sender, body }) = abi::receive(None) {
        if body == b"stop" {
            return;
        }
        abi::send(sender, &body).expect("the sender lives");
    }
}

/// Uses each kind of function, and tells what came of it.
fn all(callee: &str) -> String {
    let mut seen = String::new();
    let own = abi::own_pid();
    abi::send(own, b"to myself").expect("it is taken");
    let Some(Event::Mail { sender, body }) = abi::receive(Some(1_000)) else { panic!("a message") };
    writeln!(seen, "self {}, {}", sender == own, String::from_utf8_lossy(&body)).unwrap();
    writeln!(seen, "nothing {}", abi::receive(Some(1)).is_none()).unwrap();

    writeln!(seen, "register {}", abi::register("core-test")).unwrap();
    writeln!(seen, "whereis {}", abi::whereis("core-test") == Some(own)).unwrap();
    writeln!(seen, "whereis {:?}", abi::whereis("nobody")).unwrap();

    let child = abi::spawn("core-rust", &["echo"]).expect("it starts");
    let monitor = abi::monitor(child).expect("its own child");
    abi::send(child, b"and back").expect("it is taken");
    let Some(Event::Mail { sender, body }) = abi::receive(Some(10_000)) else { panic!("the echo") };
    writeln!(seen, "child {}, {}", sender == child, String::from_utf8_lossy(&body)).unwrap();
    abi::send(child, b"stop").expect("it is taken");
    let Some(Event::Down { monitor: of, pid, reason: 0 }) = abi::receive(Some(10_000)) else {
        panic!("down")
    };
    writeln!(seen, "down {}", of == monitor && pid == child).unwrap();

    writeln!(seen, "traps before {}", abi::trap_exit(true)).unwrap();
    let child = abi::spawn("core-rust", &["forged", "body"]).expect("it starts");
    abi::link(child).expect("its own child");
    let Some(Event::Exit { pid }) = abi::receive(Some(10_000)) else { panic!("exit") };
    writeln!(seen, "exit {}", pid == child).unwrap();

    let key = u32::from_str_radix(callee, 16).expect("the key of a function that takes a stream");
    let (call, stream) = abi::call_with_stream("probe-rust", key, &[7, 100]).expect("it is taken");
    for chunk in [[1_u8, 2, 3].as_slice(), &[4, 5]] {
        abi::stream_write(stream, chunk).expect("there is room");
    }
    abi::stream_close(stream);
    writeln!(seen, "stream {:?}", abi::call_wait(call)).unwrap();
    seen
}

/// Pointers that lead nowhere.
fn forged(what: &str) {
    match what {
        "body" => abi::send_range(u32::MAX - 7, 64),
        "name" => abi::register_range(8, u32::MAX),
        "result" => abi::self_at(u32::MAX - 3),
        "unaligned" => abi::self_at(1),
        other => panic!("{other}"),
    }
}
