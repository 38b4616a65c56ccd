rusm_rs::contract!("test:mistakes/with-resource");

fn main() {}
