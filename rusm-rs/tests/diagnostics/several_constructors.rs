#[rusm_rs::service("test:mistakes/counter", "test:mistakes/shelf")]
struct Several;

fn main() {}
