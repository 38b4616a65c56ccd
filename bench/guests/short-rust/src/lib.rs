#[rusm_rs::main]
fn run() {}
