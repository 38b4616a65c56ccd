#[rusm_rs::service("test:mistakes/crate")]
struct Service;

impl crate_::Service for Service {
    fn init() -> Self {
        Service
    }

    fn ping(&mut self) -> String {
        String::new()
    }
}

fn main() {}
