use rusm_rs::{Reply, Stream};

#[rusm_rs::service(
    "test:probe/status",
    "test:probe/desk",
    "test:store/store@1.4.0" as store_1,
    "test:store/store@2.0.0" as store_2,
    later(status::noted),
)]
struct Plural {
    owner: String,
    notes: u32,
    waiting: Vec<Reply<u32>>,
}

impl desk::Service for Plural {
    fn init(owner: String) -> Result<Self, String> {
        if owner.is_empty() {
            Err("whose?".into())
        } else {
            Ok(Self { owner, notes: 0, waiting: Vec::new() })
        }
    }

    fn get(&mut self) -> String {
        self.owner.clone()
    }

    fn ask(&mut self, other: String) -> Vec<String> {
        let desk = desk::Client::named(&other).expect("it serves this one");
        let status = status::Client::named(&other).expect("it serves this one, too");
        let one = store_1::Client::named(&other).expect("and the old version");
        let two = store_2::Client::named(&other).expect("and the new one");
        let noted = status.call_start().noted();
        status.note().expect("it takes it");
        vec![
            desk.get().expect("it answers"),
            (noted.wait().expect("it answers") > 0).to_string(),
            (status.get().expect("it answers") > 0).to_string(),
            status
                .below(4)
                .expect("it answers")
                .map(|number| number.expect("a number"))
                .sum::<u32>()
                .to_string(),
            one.get("k").expect("it answers"),
            two.get("k").expect("it answers"),
            one.size().expect("it answers").to_string(),
            two.size().expect("it answers").to_string(),
            status::Client::spawn(&other).map(drop).unwrap_err().to_string(),
            desk::Client::spawn(&other, "").map(drop).unwrap_err().to_string(),
            desk::Client::spawn(&other, "eve")
                .and_then(|desk| Ok(desk.get().expect("it answers")))
                .expect("it starts"),
        ]
    }
}

impl status::Service for Plural {
    fn get(&mut self) -> u32 {
        self.notes
    }

    fn note(&mut self) {
        self.notes += 1;
        for waiting in self.waiting.drain(..) {
            waiting.send(self.notes);
        }
    }

    fn noted(&mut self, reply: Reply<u32>) {
        self.waiting.push(reply);
    }

    fn below(&mut self, count: u32) -> Stream<u32> {
        Stream::iter(0..count)
    }
}

impl store_1::Service for Plural {
    fn get(&mut self, key: String) -> String {
        format!("old {key}")
    }

    fn size(&mut self) -> u32 {
        1
    }
}

impl store_2::Service for Plural {
    fn get(&mut self, key: String) -> String {
        format!("new {key}")
    }

    fn size(&mut self) -> u64 {
        2
    }
}
