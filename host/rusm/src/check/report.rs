use std::fmt;

use rusm_codegen::resolve::{Class, Difference};
use rusm_codegen::{Contract, Place};
use serde::Serialize;

use super::{Against, CheckError, plural};

/// How a project's contracts differ from those that others know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What they were compared with.
    pub against: String,
    /// The differences, contract by contract.
    pub differences: Vec<Finding>,
    /// How many of them are breaking.
    pub breaking: usize,
    /// How many of them the host is to transcode.
    pub resolved: usize,
    /// How many of them change nothing for others.
    pub compatible: usize,
    /// How many of them are about a version that was not raised.
    pub warnings: usize,
}

/// One difference, or what a version should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The contract with its version, as the project has it; as others know it if the project does not have it.
    pub contract: String,
    /// Its interface, or what differs there: `cart.add: item.qty`.
    pub path: String,
    /// What it means.
    pub class: Level,
    /// Where it stands.
    #[serde(flatten, serialize_with = "optional")]
    pub place: Option<Place>,
    /// What both sides have.
    pub what: String,
    /// What to do.
    pub advice: String,
}

/// What a finding means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What both have is the same bytes.
    Compatible,
    /// Messages of the one have to become those of the other.
    Resolved,
    /// A version does not say what has changed.
    Warning,
    /// Those who know the older contract cannot work with the project's.
    Breaking,
}

impl Report {
    pub(super) fn new(against: &Against, differences: Vec<Finding>) -> Self {
        let count = |level| differences.iter().filter(|finding| finding.class == level).count();
        Self {
            against: against.to_string(),
            breaking: count(Level::Breaking),
            resolved: count(Level::Resolved),
            compatible: count(Level::Compatible),
            warnings: count(Level::Warning),
            differences,
        }
    }

    /// Whether others can work with the project's contracts.
    ///
    /// # Errors
    /// [`CheckError::Breaking`].
    pub fn verdict(&self) -> Result<(), CheckError> {
        match self.breaking {
            0 => Ok(()),
            count => Err(CheckError::Breaking { against: self.against.clone(), count }),
        }
    }

    /// A line for each contract with differences that are breaking or resolved.
    pub(super) fn warnings(&self) -> Vec<String> {
        let of_contract = |findings: &[Finding]| {
            let count = |level| findings.iter().filter(|finding| finding.class == level).count();
            let counts = match (count(Level::Breaking), count(Level::Resolved)) {
                (0, 0) => return None,
                (breaking, 0) => format!("{breaking} breaking {}", plural(breaking)),
                (0, resolved) => format!("{resolved} resolved {}", plural(resolved)),
                (breaking, resolved) => format!("{breaking} breaking and {resolved} resolved differences"),
            };
            let contract = &findings[0].contract;
            Some(format!("{contract} has {counts} with {}; `rusm check` shows them", self.against))
        };
        self.differences
            .chunk_by(|one, other| one.contract == other.contract)
            .filter_map(of_contract)
            .collect()
    }
}

/// A block for each difference, then how many there are of each class.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.differences {
            writeln!(f, "{finding}")?;
        }
        let Self { breaking, resolved, compatible, warnings, .. } = self;
        write!(f, "{breaking} breaking, {resolved} resolved, {compatible} compatible")?;
        match warnings {
            0 => Ok(()),
            1 => f.write_str(", 1 warning"),
            many => write!(f, ", {many} warnings"),
        }
    }
}

impl Finding {
    pub(super) fn new(
        contract: &Contract,
        place: Option<Place>,
        class: Level,
        what: String,
        advice: String,
    ) -> Self {
        Self { contract: contract.versioned_id(), path: contract.name.clone(), class, place, what, advice }
    }

    pub(super) fn of_difference(contract: &Contract, place: Option<Place>, difference: Difference) -> Self {
        let Difference { path, class, what, advice } = difference;
        Self { path, ..Self::new(contract, place, class.into(), what, advice) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: ")?,
            None => write!(f, "{}: ", self.contract)?,
        }
        write!(f, "{}: {}: {}\n  {}", self.class, self.path, self.what, self.advice)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compatible => "compatible",
            Self::Resolved => "resolved",
            Self::Warning => "warning",
            Self::Breaking => "breaking",
        })
    }
}

impl From<Class> for Level {
    fn from(class: Class) -> Self {
        match class {
            Class::Compatible => Self::Compatible,
            Class::Resolved => Self::Resolved,
            Class::Breaking => Self::Breaking,
        }
    }
}

/// A place as three members, which are null if there is none.
fn optional<S: serde::Serializer>(place: &Option<Place>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Parts<'a> {
        file: Option<&'a str>,
        line: Option<usize>,
        column: Option<usize>,
    }
    let place = place.as_ref();
    let file = place.map(|place| &*place.file);
    let parts = Parts { file, line: place.map(|place| place.line), column: place.map(|place| place.column) };
    parts.serialize(serializer)
}
