rusm_rs::contract!(counter);

fn main() {}
