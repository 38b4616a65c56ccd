rusm_rs::contract!("test:mistakes/counter");

fn add(counter: &counter::Client) -> Result<u32, rusm_rs::CallError> {
    counter.add(counter::Step { by: 1 })
}

fn main() {}
