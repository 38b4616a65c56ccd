#[rusm_rs::service("test:mistakes/counter", later(add))]
struct Counter(u32);

impl counter::Service for Counter {
    fn init(start: u32) -> Result<Self, String> {
        Ok(Counter(start))
    }

    fn add(&mut self, step: counter::Step, reply: rusm_rs::Reply<Result<u32, counter::Refusal>>) {
        reply.send(Ok(step.by));
    }

    fn reset(&mut self) {
        self.0 = 0;
    }

    fn values(&mut self) -> rusm_rs::Stream<u32> {
        rusm_rs::Stream::iter(0..self.0)
    }

    fn feed(&mut self, values: rusm_rs::StreamReader<u32>) -> u32 {
        values.map_while(Result::ok).sum()
    }
}

fn main() {}
