#[rusm_rs::main]
fn run(name: String) {}

fn main() {}
