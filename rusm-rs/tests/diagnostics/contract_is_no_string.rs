#[rusm_rs::service(test::counter)]
struct Counter(u32);

fn main() {}
