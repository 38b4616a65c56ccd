#[rusm_rs::service("test:mistakes/countr")]
struct Counter(u32);


fn main() {}
