#[rusm_rs::service("test:mistakes/self")]
struct Service;

impl self_::Service for Service {
    fn init() -> Self {
        Service
    }

    fn ping(&mut self) -> String {
        String::new()
    }
}

fn main() {}
