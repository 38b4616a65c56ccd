use rusm_rs::{Pid, names, process};

#[rusm_rs::service("test:probe/limits")]
struct Limits;

impl limits::Service for Limits {
    fn init() -> Self {
        Limits
    }

    fn spin(&mut self) {
        let mut turns = 0_u64;
        loop {
            turns = std::hint::black_box(turns + 1);
        }
    }

    fn take(&mut self, mebibytes: u32) -> u32 {
        let mut all = Vec::new();
        for _ in 0..mebibytes {
            all.push(std::hint::black_box(vec![1_u8; 1 << 20]));
        }
        all.len() as u32
    }

    fn dive(&mut self, depth: u64) -> u64 {
        dive_deeper(depth)
    }

    fn env(&mut self, name: String) -> Result<Option<String>, String> {
        process::env(&name).map_err(|error| error.to_string())
    }

    fn register(&mut self, name: String) -> Result<(), String> {
        names::register(&name).map_err(|error| match error {
            names::RegisterError::Denied(grant) => grant,
            other => format!("{other:?}"),
        })
    }

    fn kill(&mut self, other: Pid) -> Result<(), String> {
        process::kill(other).map_err(|error| error.to_string())
    }

    fn alive(&mut self) -> bool {
        true
    }
}

#[inline(never)]
fn dive_deeper(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 16]);
    if depth == 0 { 0 } else { here[7] - here[8] + dive_deeper(depth - 1) + 1 }
}
