use std::fmt;

/// One way in which two versions of a contract differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The function, then the way to the place in its parameters, its `result` or the items of its `stream`:
    /// `cart.add: item.qty`.
    pub path: String,
    /// What it means for a client and a service that have one version each.
    pub class: Class,
    /// What both sides have.
    pub what: String,
    /// What to do.
    pub advice: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path, self.what, self.advice)
    }
}

/// What a difference means for a client and a service that have one version each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// What both have is the same bytes.
    Compatible,
    /// The host transcodes their messages. A single value that one side lacks is an error of its message.
    Resolved,
    /// They cannot work together.
    Breaking,
}

/// Differences below a place, with paths that begin there.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    all: Vec<Difference>,
    /// How many there are of each class.
    counts: [usize; 3],
}

impl Findings {
    pub(super) fn breaking(path: &str, what: String, advice: &str) -> Self {
        let mut findings = Self::default();
        findings.add(Class::Breaking, path, what, advice);
        findings
    }

    pub(super) fn add(&mut self, class: Class, path: &str, what: String, advice: &str) {
        self.push(Difference { path: path.to_owned(), class, what, advice: advice.to_owned() });
    }

    /// Adds what was found below a part, whose paths begin with `segment` from here.
    pub(super) fn append(&mut self, segment: &str, below: Self) {
        for mut difference in below.all {
            difference.path.insert_str(0, segment);
            self.push(difference);
        }
    }

    /// Adds what was found in a function.
    pub(super) fn append_function(&mut self, function: &str, found: Self) {
        for mut difference in found.all {
            let path = difference.path.trim_start_matches('.');
            let colon = if path.is_empty() { "" } else { ": " };
            difference.path = format!("{function}{colon}{path}");
            self.push(difference);
        }
    }

    pub(super) fn below(self, segment: &str) -> Self {
        let mut findings = Self::default();
        findings.append(segment, self);
        findings
    }

    pub(super) fn is_breaking(&self) -> bool {
        self.counts[Class::Breaking as usize] > 0
    }

    pub(super) fn into_vec(self) -> Vec<Difference> {
        self.all
    }

    pub(super) fn push(&mut self, mut difference: Difference) {
        let count = &mut self.counts[difference.class as usize];
        if *count < MOST {
            *count += 1;
            shorten(&mut difference.path);
            shorten(&mut difference.what);
            self.all.push(difference);
        }
    }
}

/// Cuts a text that is made of names, which may have any length.
fn shorten(text: &mut String) {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
}

/// How many differences of a class are told. Nobody reads more, and a few lines of WIT can differ in millions of places.
const MOST: usize = 1000;

/// How long a text of a difference is, in bytes: a screenful.
const LONGEST: usize = 2000;

/// Advice for what two versions of a contract cannot differ in.
pub(super) const CHANGED: &str =
    "give the new form a function of its own, or the package a new major version";

/// Advice for what can be converted in any case.
pub(super) const BY_NAME: &str = "nothing has to be done: they are matched by name";
