#[rusm_rs::service("test:mistakes/HTTP-gate")]
struct Service;

impl http_gate::Service for Service {
    fn init() -> Self {
        Service
    }

    fn ping(&mut self) -> String {
        String::new()
    }
}

fn main() {}
