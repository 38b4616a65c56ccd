rusm_rs::contract!("test:mistakes/with-two-streams");

fn main() {}
