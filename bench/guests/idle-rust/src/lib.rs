//! As little as a service can be.

#[rusm_rs::service("bench:call/idle")]
struct Idle;

impl idle::Service for Idle {
    fn init() -> Self {
        Idle
    }

    fn poke(&mut self) -> u64 {
        1
    }
}
