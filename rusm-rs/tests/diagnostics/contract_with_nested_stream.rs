rusm_rs::contract!("test:mistakes/with-nested-stream");

fn main() {}
