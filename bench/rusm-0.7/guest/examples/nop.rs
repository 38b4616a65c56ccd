#[rusm_rs::main]
fn main() {}
