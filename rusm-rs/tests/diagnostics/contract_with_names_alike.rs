rusm_rs::contract!("test:mistakes/with-names-alike");

fn main() {}
