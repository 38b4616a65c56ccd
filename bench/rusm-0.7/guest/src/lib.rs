//! Talking guests of the RUSM 0.7 peer benchmark: one component, one export per role.
//! The host picks the role with `prepare_component(&component, "<export>")`.
//! (`nop` and `idle` are components of their own, in examples/: they pay for their size.)
use rusm_rs::{me, receive_bytes, send_bytes, Pid};
use std::time::Instant;

// Exports only: the `rusm:runtime` imports come with rusm-rs' own bindings.
wit_bindgen::generate!({
    inline: "package bench:guest;
        world roles {
            export service: func();
            export caller: func();
            export counter: func();
            export sender: func();
        }",
});

#[rusm_rs::service]
pub mod calc {
    pub fn add(a: i64, b: i64) -> i64 {
        a + b
    }
}

/// Splits a control message into little-endian u64 words.
fn words() -> Vec<u64> {
    let word = |c: &[u8]| u64::from_le_bytes(c.try_into().unwrap());
    receive_bytes().chunks_exact(8).map(word).collect()
}

struct Roles;

impl Guest for Roles {
    fn service() {
        calc::serve()
    }

    /// Control: [service, sink, warm-up calls, calls]. Reports the timed nanoseconds.
    fn caller() {
        let w = words();
        let client = calc::Client::connect(Pid(w[0]));
        let calls = |n: u64| (0..n as i64).for_each(|i| assert_eq!(client.add(i, 1), Ok(i + 1)));
        calls(w[2]);
        let start = Instant::now();
        calls(w[3]);
        report(w[1], start);
    }

    /// Control: [sender]. Counts each batch it is told the size of, then reports back.
    fn counter() {
        let sender = Pid(words()[0]);
        loop {
            for _ in 0..words()[0] {
                assert_eq!(receive_bytes().len(), 16);
            }
            send_bytes(sender, b"done");
        }
    }

    /// Control: [counter, sink, warm-up messages, messages]. Reports the timed nanoseconds,
    /// from the first send until the counter has taken the last message.
    fn sender() {
        let w = words();
        let counter = Pid(w[0]);
        send_bytes(counter, &me().0.to_le_bytes());
        let batch = |n: u64| {
            send_bytes(counter, &n.to_le_bytes());
            (0..n).for_each(|_| send_bytes(counter, &[7; 16]));
            receive_bytes();
        };
        batch(w[2]);
        let start = Instant::now();
        batch(w[3]);
        report(w[1], start);
    }
}

fn report(sink: u64, start: Instant) {
    let nanos = start.elapsed().as_nanos() as u64;
    send_bytes(Pid(sink), &nanos.to_le_bytes());
}

export!(Roles);
