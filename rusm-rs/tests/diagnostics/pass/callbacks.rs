use rusm_rs::{Stream, StreamReader};

rusm_rs::contract!("test:mistakes/gong");
rusm_rs::contract!("test:mistakes/chimes");
rusm_rs::contract!("test:mistakes/tower");

struct Tuned<'a>(&'a mut Vec<u32>);

impl chimes::Callback for Tuned<'_> {
    fn ring(&mut self, tone: chimes::CallbackType) -> Result<u32, String> {
        self.0.push(tone.tone);
        Ok(tone.tone)
    }

    fn tones(&mut self) -> Stream<u32> {
        Stream::iter(self.0.clone())
    }

    fn play(&mut self, tones: StreamReader<u32>) -> u32 {
        tones.filter_map(Result::ok).sum()
    }

    fn self_(&mut self, key: u32, _call: String) {
        self.0.push(key);
    }
}

fn ring(tower: &tower::Client, gong: &gong::Client) -> Option<(u32, Vec<u32>)> {
    // A closure, a client and a client by reference do alike.
    let mut struck = 0;
    tower.strike(3, gong::callback(|| struck += 1)).ok()?;
    tower.strike(3, gong).ok()?;
    tower.strike(3, gong.clone()).ok()?;
    let mut tones = Vec::new();
    let mut bell = Tuned(&mut tones);
    tower.chime([1, 2], chimes::callback(&mut bell), gong::callback(|| struck += 1)).ok()?;
    chimes::callback(bell).with(|bell| {
        gong::callback(|| struck += 1).with(|gong| {
            tower.tell(gong).ok()?;
            let all = tower::All { gongs: vec![gong.clone()], bell: Some(bell.clone()) };
            tower.call_start().ring_all(&all).wait().ok()
        })
    })?;
    Some((struck, tones))
}

fn main() {}
