use std::fmt;

use rusm_wire::DecodeError;

/// Why a message has no form that the other side knows. It is an error of this message alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}{}{fault}", if path.is_empty() { "" } else { ": " })]
pub struct TranscodeError {
    /// The way to the value, in the names of who wrote it: `item.lines[2].colour`. Empty for the message as a whole.
    pub path: String,
    /// What is wrong with it.
    #[source]
    pub fault: Fault,
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes are no value of the type that the writer's contract has.
    #[error("malformed: {0}")]
    Malformed(#[from] DecodeError),
    /// It is of a case that the reader's contract does not have.
    #[error("{reader} has no case `{case}`")]
    NoCase {
        /// Who lacks it.
        reader: Party,
        /// The case.
        case: String,
    },
    /// A flag is set that the reader's contract does not have.
    #[error("{reader} has no flag `{flag}`")]
    NoFlag {
        /// Who lacks it.
        reader: Party,
        /// The flag.
        flag: String,
    },
    /// It is a number beyond the type that the reader's contract has.
    #[error("{reader} has `{ty}` there, which cannot hold {value}")]
    OutOfRange {
        /// Whose type it is.
        reader: Party,
        /// The type, as WIT spells it.
        ty: &'static str,
        /// The number.
        value: String,
    },
    /// The message takes more bytes in the reader's form than it may.
    #[error("it takes more than {limit} bytes in the form that {reader} has")]
    TooLong {
        /// Whose form it is.
        reader: Party,
        /// How many it may take.
        limit: usize,
    },
}

/// One of the two who have the versions of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Party {
    /// It writes arguments, and reads replies.
    Caller,
    /// It reads arguments, and writes replies.
    Service,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caller => "the caller",
            Self::Service => "the service",
        })
    }
}

/// A fault on its way out of the types that it is nested in.
#[derive(Debug)]
pub(super) struct Fall {
    fault: Fault,
    /// From the innermost to the outermost.
    segments: Vec<String>,
}

impl Fall {
    pub(super) fn within(mut self: Box<Self>, segment: String) -> Box<Self> {
        self.segments.push(segment);
        self
    }

    /// What users see, below a root.
    pub(super) fn landed(self, root: &str) -> TranscodeError {
        let mut path = root.to_owned();
        path.extend(self.segments.into_iter().rev());
        TranscodeError { path: path.trim_start_matches('.').to_owned(), fault: self.fault }
    }
}

impl From<Fault> for Box<Fall> {
    fn from(fault: Fault) -> Self {
        Self::new(Fall { fault, segments: Vec::new() })
    }
}

impl From<DecodeError> for Box<Fall> {
    fn from(error: DecodeError) -> Self {
        Fault::Malformed(error).into()
    }
}
