#[rusm_rs::service("test:mistakes/counter")]
fn counter() {}

fn main() {}
