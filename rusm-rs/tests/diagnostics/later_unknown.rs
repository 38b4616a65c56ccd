#[rusm_rs::service("test:mistakes/counter", later(ad))]
struct Counter(u32);

fn main() {}
