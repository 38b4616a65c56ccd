#[rusm_rs::service("test:mistakes/gen")]
struct Service;

impl r#gen::Service for Service {
    fn init() -> Self {
        Service
    }

    fn ping(&mut self) -> String {
        String::new()
    }
}

fn main() {}
