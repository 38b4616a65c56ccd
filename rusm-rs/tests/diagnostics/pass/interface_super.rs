#[rusm_rs::service("test:mistakes/super")]
struct Service;

impl super_::Service for Service {
    fn init() -> Self {
        Service
    }

    fn ping(&mut self) -> String {
        String::new()
    }
}

fn main() {}
