use std::cell::RefCell;
use std::time::Instant;

use rusm_rs::{Stream, StreamReader};

#[rusm_rs::service("test:probe/caller", "test:probe/job", "test:probe/progress", "test:probe/adviser")]
#[derive(Default)]
struct Callbacks {
    kept: Option<adviser::Client>,
}

/// An adviser that takes the last one, and notes what it hears.
#[derive(Default)]
struct Last {
    notes: Vec<String>,
}

impl adviser::Callback for Last {
    fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    fn choose(&mut self, among: Vec<String>) -> Result<String, String> {
        among.last().cloned().ok_or_else(|| "there is none".into())
    }

    fn lines(&mut self, count: u32) -> Stream<String> {
        Stream::iter((0..count).map(|line| format!("line {line}")))
    }

    fn sum(&mut self, numbers: StreamReader<u32>) -> u64 {
        numbers.map(|number| u64::from(number.expect("a number"))).sum()
    }
}

/// One that calls somebody before it answers.
struct Asks(job::Client);

impl adviser::Callback for Asks {
    fn note(&mut self, _: String) {}

    fn choose(&mut self, _: Vec<String>) -> Result<String, String> {
        self.0.late().map_err(|error| error.to_string())
    }

    fn lines(&mut self, _: u32) -> Stream<String> {
        Stream::iter([])
    }

    fn sum(&mut self, _: StreamReader<u32>) -> u64 {
        0
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

impl caller::Service for Callbacks {
    fn init() -> Self {
        Self::default()
    }

    fn try_all(&mut self, other: String) -> Vec<String> {
        let job = job::Client::named(&other).expect("it serves it");
        let mut seen = Vec::new();
        let steps = job.run(3, progress::callback(|done| seen.push(done)));
        let refused = job.run(0, progress::callback(|_| ()));
        let mut last = Last::default();
        let consulted = job.consult(adviser::callback(&mut last)).expect("it answers");
        let passed = job.pass_on("callback-third", adviser::callback(Last::default())).expect("it answers");
        let told = RefCell::new(Vec::new());
        let staffed = progress::callback(|done| told.borrow_mut().push(done)).with(|first| {
            progress::callback(|done| told.borrow_mut().push(done + 1)).with(|second| {
                adviser::callback(Last::default()).with(|asked| {
                    let told = vec![first.clone(), second.clone()];
                    job.with_staff(job::Staff { told, asked: Some(asked.clone()) })
                })
            })
        });
        let mut told = told.into_inner();
        // Of two callbacks none comes first.
        told.sort_unstable();
        let each = job.each(texts(&["a", "b"]), adviser::callback(Last::default()));
        let mut counted = Vec::new();
        let items = progress::callback(|done| counted.push(done))
            .with(|told| job.count(3, told).expect("it answers").map(|item| item.expect("one")).sum::<u32>());
        let kept = job.keep(adviser::callback(Last::default())).expect("it answers");
        let late = job.late().expect("it answers");
        let twice = adviser::callback(Last::default()).with(|adviser| {
            job.keep(adviser).expect("it answers");
            job.keep(adviser).unwrap_err().to_string()
        });
        let circle = job.advise(texts(&["x"]), adviser::callback(Asks(job.clone())));
        let mut begun = 0;
        let pending = progress::callback(|_| begun += 1).with(|told| {
            let pending = job.call_start().run(2, told);
            let late = job.late().expect("it answers");
            (late, pending.wait())
        });
        let failed = job.fail(progress::callback(|_| ())).unwrap_err().to_string();
        vec![
            format!("{steps:?} {seen:?}"),
            refused.unwrap_err().to_string(),
            format!("{} {:?}", consulted.join(", "), last.notes),
            passed.join(", "),
            format!("{} {:?}", staffed.expect("it answers"), told),
            each.expect("it answers").join(", "),
            format!("{items} {counted:?}"),
            format!("{kept} {late}"),
            twice,
            circle.expect("it answers"),
            format!("{pending:?} {begun}"),
            failed.split(':').next().unwrap_or_default().to_owned(),
        ]
    }

    fn r#break(&mut self, other: String) -> String {
        let job = job::Client::named(&other).expect("it serves it");
        job.run(1, progress::callback(|_| panic!("the callback broke")))
            .map(|steps| steps.to_string())
            .unwrap_or_else(|error| error.to_string())
    }

    fn time(&mut self, other: String, times: u32) -> u64 {
        let job = job::Client::named(&other).expect("it serves it");
        let begun = Instant::now();
        let among = vec!["x".to_owned(); times as usize];
        job.each(among, adviser::callback(Last::default())).expect("it answers");
        begun.elapsed().as_nanos() as u64 / u64::from(times.max(1))
    }
}

impl job::Service for Callbacks {
    fn run(&mut self, steps: u32, told: progress::Client) -> Result<u32, String> {
        if steps == 0 {
            return Err("there is nothing to do".into());
        }
        for step in 0..steps {
            told.percent(step).expect("it is told");
        }
        Ok(steps)
    }

    fn advise(&mut self, among: Vec<String>, adviser: adviser::Client) -> String {
        adviser.choose(among).unwrap_or_else(|error| error.to_string())
    }

    fn consult(&mut self, adviser: adviser::Client) -> Vec<String> {
        adviser.note("begun").expect("it is told");
        vec![
            adviser.choose(texts(&["a", "b"])).expect("there is one"),
            adviser.choose(Vec::new()).unwrap_err().to_string(),
            adviser
                .lines(3)
                .expect("it answers")
                .map(|line| line.expect("a line"))
                .collect::<Vec<_>>()
                .join("+"),
            adviser.lines(20_000).expect("it answers").count().to_string(),
            adviser.lines(20_000).expect("it answers").take(2).count().to_string(),
            adviser.sum(0..1000).expect("it answers").to_string(),
            adviser.pid().is_some().to_string(),
        ]
    }

    fn pass_on(&mut self, to: String, adviser: adviser::Client) -> Vec<String> {
        job::Client::named(&to).expect("it is there").consult(adviser).expect("it answers")
    }

    fn with_staff(&mut self, staff: job::Staff) -> String {
        for (number, told) in (1..).zip(&staff.told) {
            told.percent(number * 10).expect("it is told");
        }
        let asked = staff.asked.expect("somebody");
        asked.choose(texts(&["first", "last"])).expect("there is one")
    }

    fn each(&mut self, names: StreamReader<String>, adviser: adviser::Client) -> Vec<String> {
        names.map(|name| adviser.choose([name.expect("a name")]).expect("there is one")).collect()
    }

    fn count(&mut self, steps: u32, told: progress::Client) -> Stream<u32> {
        Stream::iter((0..steps).inspect(move |step| told.percent(*step).expect("it is told")))
    }

    fn keep(&mut self, adviser: adviser::Client) -> bool {
        let one = adviser.choose(texts(&["one"])).is_ok();
        self.kept = Some(adviser);
        one
    }

    fn late(&mut self) -> String {
        match self.kept.as_ref().map(|kept| kept.choose(texts(&["one"]))) {
            None => "nobody".into(),
            Some(answer) => answer.unwrap_or_else(|error| error.to_string()),
        }
    }

    fn fail(&mut self, told: progress::Client) -> bool {
        told.percent(1).expect("it is told");
        panic!("told to")
    }
}

impl progress::Service for Callbacks {
    fn percent(&mut self, _: u32) {}
}

impl adviser::Service for Callbacks {
    fn note(&mut self, _: String) {}

    fn choose(&mut self, _: Vec<String>) -> Result<String, String> {
        Err("it is no callback".into())
    }

    fn lines(&mut self, _: u32) -> Stream<String> {
        Stream::iter([])
    }

    fn sum(&mut self, _: StreamReader<u32>) -> u64 {
        0
    }
}
