rusm_rs::contract!("test:mistakes/hall");
rusm_rs::contract!("test:mistakes/lamp" as gong);

fn main() {}
