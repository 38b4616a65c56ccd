rusm_rs::contract!("test:mistakes/counter");

fn main() {
    let counter = counter::Client::spawn("counter", "seven");
}
