#[rusm_rs::service("test:mistakes/counter")]
struct Counter<T>(T);

fn main() {}
