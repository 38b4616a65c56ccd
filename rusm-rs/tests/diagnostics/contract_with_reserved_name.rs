rusm_rs::contract!("test:mistakes/with-reserved-name");

fn main() {}
