//! A program that knows nothing of RUSM: the standard library alone.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[1..] {
        [] => println!("{} has no arguments", arguments[0]),
        ["env", name] => println!("{:?}", std::env::var(name).ok()),
        ["environment"] => println!("{:?}", std::env::vars().collect::<Vec<_>>()),
        ["stdin"] => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).expect("it can be read");
            println!("{text:?}");
        }
        ["read", path] => println!("{:?}", std::fs::read_to_string(path).map_err(|error| error.kind())),
        ["write", path, text] => println!("{:?}", std::fs::write(path, text).map_err(|error| error.kind())),
        ["open", path, count] => {
            let open = |at: u32| std::fs::File::create(format!("{path}/open-{at}"));
            let files: Vec<_> = (0..count.parse::<u32>().expect("a number")).map(open).collect();
            println!("{} open", files.iter().filter(|file| file.is_ok()).count());
            for at in 0..files.len() {
                std::fs::remove_file(format!("{path}/open-{at}")).expect("it was made");
            }
        }
        ["list", path] => println!("{}", std::fs::read_dir(path).is_ok()),
        ["exit", code] => {
            eprintln!("about to exit");
            std::process::exit(code.parse().expect("a code"))
        }
        ["panic", text] => panic!("{text}"),
        ["flood", lines] => {
            for line in 0..lines.parse::<u64>().expect("a number") {
                println!("line {line} of a program that says more than anybody wants to hear");
            }
        }
        ["seeded"] => {
            let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
            println!("{time:?} {:?}", std::collections::hash_map::RandomState::new());
            let mut bytes = [0; 8];
            // The map's keys come from the system's randomness.
            let seen: std::collections::HashSet<u64> = (0..8).collect();
            for (byte, number) in bytes.iter_mut().zip(&seen) {
                *byte = *number as u8;
            }
            println!("{bytes:?}");
        }
        ["connect", address] => println!("{:?}", talk(address)),
        ["udp", address] => {
            let socket = UdpSocket::bind("0.0.0.0:0").map_err(|error| error.kind());
            println!(
                "{:?}",
                socket.and_then(|socket| socket.send_to(b"hi", address).map_err(|error| error.kind()))
            );
        }
        ["listen", address] => {
            println!("{:?}", TcpListener::bind(address).map(drop).map_err(|error| error.kind()))
        }
        ["sleep", ms] => {
            let start = Instant::now();
            std::thread::sleep(Duration::from_millis(ms.parse().expect("a number")));
            println!("{}", start.elapsed() >= Duration::from_millis(ms.parse().expect("a number")));
        }
        ["spin"] => loop {
            std::hint::black_box(0);
        },
        _ => {
            eprintln!("what is {:?}?", &arguments[1..]);
            std::process::exit(2)
        }
    }
}

fn talk(address: &str) -> Result<String, std::io::ErrorKind> {
    let talk = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"hello\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    talk().map_err(|error| error.kind())
}
