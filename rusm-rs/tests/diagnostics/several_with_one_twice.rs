#[rusm_rs::service("test:mistakes/counter", "test:mistakes/counter" as other)]
struct Several;

fn main() {}
