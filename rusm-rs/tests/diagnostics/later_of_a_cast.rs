#[rusm_rs::service("test:mistakes/counter", later(reset))]
struct Counter(u32);

fn main() {}
