#[rusm_rs::service("test:mistakes/lamp")]
struct Lamp(bool);

impl lamp::Service for Lamp {
    fn init() -> Self {
        Lamp(false)
    }

    fn toggle(&mut self) -> bool {
        self.0 = !self.0;
        self.0
    }
}

#[rusm_rs::service("test:mistakes/bell")]
struct Bell;

impl bell::Service for Bell {
    fn init() -> Self {
        Bell
    }

    fn ring(&mut self) {}
}

fn main() {}
