#[rusm_rs::service("test:mistakes/API")]
struct Service;

impl api::Service for Service {
    fn init() -> Self {
        Service
    }

    fn ping(&mut self) -> String {
        String::new()
    }
}

fn main() {}
