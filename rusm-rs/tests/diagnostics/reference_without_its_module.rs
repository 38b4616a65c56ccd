rusm_rs::contract!("test:mistakes/hall");

fn main() {}
