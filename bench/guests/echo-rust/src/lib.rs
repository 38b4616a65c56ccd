#[rusm_rs::service("bench:call/echo")]
struct Echo {
    received: u64,
}

impl echo::Service for Echo {
    fn init() -> Self {
        Echo { received: 0 }
    }

    fn echo(&mut self, number: u64) -> u64 {
        number
    }

    fn received(&mut self) -> u64 {
        self.received
    }

    fn info(&mut self, _: rusm_rs::Event) {
        self.received += 1;
    }
}
