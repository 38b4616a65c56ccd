#[rusm_rs::main]
fn run() -> Result<(), String> {
    Ok(())
}

fn main() {}
