use std::collections::HashMap;

use rusm_rs::{Reply, Stream};

#[rusm_rs::service(
    "test:probe/status",
    "test:probe/desk",
    "test:store/store@1.4.0" as store_1,
    "test:store/store@2.0.0" as store_2,
    "test:probe/listener",
    "test:probe/room",
    "test:probe/visitor",
    later(status::noted),
)]
struct Plural {
    owner: String,
    notes: u32,
    waiting: Vec<Reply<u32>>,
    heard: Vec<String>,
    listeners: HashMap<listener::Client, String>,
}

impl desk::Service for Plural {
    fn init(owner: String) -> Result<Self, String> {
        if owner.is_empty() {
            Err("whose?".into())
        } else {
            Ok(Self { owner, notes: 0, waiting: Vec::new(), heard: Vec::new(), listeners: HashMap::new() })
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

impl listener::Service for Plural {
    fn notify(&mut self, line: String) {
        self.heard.push(line);
    }

    fn heard(&mut self) -> Vec<String> {
        self.heard.clone()
    }
}

impl room::Service for Plural {
    fn join(&mut self, who: listener::Client, nick: String) -> Result<u32, String> {
        if self.listeners.contains_key(&who) {
            return Err(format!("{nick} is there"));
        }
        self.listeners.insert(who, nick);
        Ok(self.listeners.len() as u32)
    }

    fn find(&mut self, nick: String) -> Option<listener::Client> {
        self.listeners.iter().find(|(_, own)| **own == nick).map(|(who, _)| who.clone())
    }

    fn look(&mut self, nick: String) -> room::Found {
        let found: Vec<_> = self.there().filter(|member| member.nick == nick).collect();
        match found.as_slice() {
            [] => room::Found::Nobody,
            [one] => room::Found::One(one.who.clone()),
            _ => room::Found::More(found),
        }
    }

    fn members(&mut self) -> Stream<room::Member> {
        Stream::iter(self.there().collect::<Vec<_>>())
    }

    fn say(&mut self, line: String) {
        for who in self.listeners.keys() {
            who.notify(&line).expect("it is there");
        }
    }
}

impl Plural {
    fn there(&self) -> impl Iterator<Item = room::Member> {
        self.listeners.iter().map(|(who, nick)| room::Member { nick: nick.clone(), who: who.clone() })
    }
}

impl visitor::Service for Plural {
    fn enter(&mut self, place: room::Client, nick: String) -> Vec<String> {
        let me = listener::Client::this();
        let first = place.join(&me, &nick).expect("it was not there");
        let second = place.join(me.clone(), &nick).unwrap_err();
        let found = place.find(&nick).expect("it answers").expect("it is there");
        let is_there = |member: &room::Member| member.who == me && member.nick == nick;
        let seen =
            place.members().expect("it answers").filter(|member| is_there(member.as_ref().expect("one")));
        vec![
            first.to_string(),
            second.to_string(),
            (found == me && found.to_string() == me.to_string()).to_string(),
            place.find("nobody").expect("it answers").is_none().to_string(),
            (place.look(&nick).expect("it answers") == room::Found::One(me.clone())).to_string(),
            seen.count().to_string(),
        ]
    }
}
