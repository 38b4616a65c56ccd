#[rusm_rs::main]
async fn run() {}

fn main() {}
