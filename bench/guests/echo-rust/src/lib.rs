rusm_rs::contract!("bench:call/asked");

#[rusm_rs::service("bench:call/echo")]
struct Echo {
    received: u64,
    next: Option<echo::Client>,
}

impl echo::Service for Echo {
    fn init() -> Self {
        Echo { received: 0, next: None }
    }

    fn echo(&mut self, number: u64) -> u64 {
        number
    }

    fn received(&mut self) -> u64 {
        self.received
    }

    fn follow(&mut self, next: Option<rusm_rs::Pid>) {
        self.next = next.map(echo::Client::from_pid);
    }

    fn relay(&mut self, number: u64) -> u64 {
        match &self.next {
            Some(next) => next.relay(number).expect("it answers"),
            None => number,
        }
    }

    fn ask(&mut self, times: u32, whom: asked::Client) -> u32 {
        for number in 0..u64::from(times) {
            assert_eq!(whom.answer(number), Ok(number));
        }
        times
    }

    fn pour(&mut self, pieces: u32) -> rusm_rs::Stream<Vec<u8>> {
        rusm_rs::Stream::iter((0..pieces).map(|_| vec![7; 65_536]))
    }

    fn gush(&mut self, pieces: u32) -> rusm_rs::ByteStream {
        rusm_rs::ByteStream::chunks((0..pieces).map(|_| vec![7; 65_536]))
    }

    fn copy(&mut self, bytes: rusm_rs::ByteReader) -> rusm_rs::ByteStream {
        rusm_rs::ByteStream::try_chunks(bytes.into_chunks())
    }

    fn crash(&mut self) {
        panic!("told to");
    }

    fn spin(&mut self) {
        loop {
            std::hint::black_box(0);
        }
    }

    fn spin_in_host(&mut self) {
        loop {
            std::hint::black_box(rusm_rs::bindings::process::random_bytes(65_536));
        }
    }

    fn info(&mut self, _: rusm_rs::Event) {
        self.received += 1;
    }
}
