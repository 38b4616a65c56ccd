#[rusm_rs::main]
fn run() -> u32 {
    7
}

fn main() {}
