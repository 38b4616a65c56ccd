#[rusm_rs::main("test:mistakes/counter")]
fn run() {}

fn main() {}
