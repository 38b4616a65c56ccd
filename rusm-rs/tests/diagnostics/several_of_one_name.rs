#[rusm_rs::service("test:mistakes/counter", "test:mistakes/lamp" as counter)]
struct Several;

fn main() {}
