rusm_rs::contract!("test:mistakes/with-async-function");

fn main() {}
