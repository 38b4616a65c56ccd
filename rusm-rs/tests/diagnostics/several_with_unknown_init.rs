#[rusm_rs::service("test:mistakes/counter", "test:mistakes/lamp", init(shelf))]
struct Several;

fn main() {}
