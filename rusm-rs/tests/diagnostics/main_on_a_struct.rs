#[rusm_rs::main]
struct Run;

fn main() {}
