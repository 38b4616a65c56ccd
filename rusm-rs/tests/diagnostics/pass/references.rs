use std::collections::HashMap;

rusm_rs::contract!("test:mistakes/gong");

#[rusm_rs::service("test:mistakes/hall")]
struct Hall {
    gongs: HashMap<gong::Client, String>,
}

impl hall::Service for Hall {
    fn init() -> Self {
        Self { gongs: HashMap::new() }
    }

    fn hang(&mut self, gong: gong::Client) {
        let name = gong.to_string();
        self.gongs.insert(gong, name);
    }

    fn all(&mut self) -> Vec<hall::Place> {
        let place =
            |(gong, name): (&gong::Client, &String)| hall::Place { name: name.clone(), gong: gong.clone() };
        self.gongs.iter().map(place).collect()
    }
}

fn hang(hall: &hall::Client, gong: gong::Client) -> bool {
    let shown = format!("{gong} {gong:?}");
    hall.hang(&gong).is_ok()
        && hall.hang(gong.clone()).is_ok()
        && gong == gong::Client::this()
        && !shown.is_empty()
}

fn main() {}
