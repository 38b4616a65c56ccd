#[rusm_rs::service("test:mistakes/counter", "test:mistakes/shelf", init(counter), later(add))]
struct Several;

fn main() {}
