#[rusm_rs::service]
struct Counter(u32);

fn main() {}
