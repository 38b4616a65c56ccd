use greeter::Refusal;
use rusm_rs::{Stream, StreamReader};

#[rusm_rs::service("app:greeter/greeter")]
struct Greeter {
    words: String,
    greeted: Vec<String>,
    banned: Vec<String>,
}

impl greeter::Service for Greeter {
    fn init(words: String) -> Result<Self, String> {
        if words.is_empty() {
            return Err("I need words to greet with".into());
        }
        Ok(Self { words, greeted: Vec::new(), banned: Vec::new() })
    }

    fn greet(&mut self, name: String) -> Result<String, Refusal> {
        if name.is_empty() {
            return Err(Refusal::Nameless);
        }
        if self.banned.contains(&name) {
            return Err(Refusal::Banned(name));
        }
        let greeting = format!("{}, {name}!", self.words);
        rusm_rs::log::info(&greeting);
        self.greeted.push(name);
        Ok(greeting)
    }

    fn ban(&mut self, name: String) {
        self.banned.push(name);
    }

    fn greeted(&mut self) -> Stream<String> {
        Stream::iter(self.greeted.clone())
    }

    fn greet_all(&mut self, names: StreamReader<String>) -> u32 {
        let greeted = names.map_while(Result::ok).filter_map(|name| self.greet(name).ok());
        greeted.count() as u32
    }
}
