#[rusm_rs::service("test:mistakes/counter")]
struct Counter(u32);


fn main() {}
