#[rusm_rs::service("test:mistakes/counter", eventually(add))]
struct Counter(u32);

fn main() {}
