//! What others know of the project's contracts, and how it differs from what the project has now.

use std::io;
use std::path::{Path, PathBuf};

use rusm_codegen::section::SectionError;
use rusm_codegen::{Contract, ContractError};

use crate::control::ControlError;
use crate::{Project, control};

mod against;
mod compare;
mod git;
mod known;
mod lock;
mod report;

pub use against::Against;
pub use report::{Finding, Level, Report};

use known::{Known, Others, Own, package};

/// Why contracts could not be compared, or the lock file not be written.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A contract of the project has a mistake.
    #[error(transparent)]
    Contract(#[from] ContractError),
    /// What the project is compared with cannot be read as contracts.
    #[error("{source}\n  {advice}")]
    Known {
        /// The mistake, with its place.
        source: ContractError,
        /// What to do.
        advice: &'static str,
    },
    /// There is no lock file.
    #[error("there is no {LOCK} in {}\n  write it with `rusm check --write`, and commit it", project.display())]
    NoLock {
        /// The project's folder.
        project: PathBuf,
    },
    /// The project has no contracts that a lock file could hold.
    #[error("there is nothing to write: no interface in {} has functions", wit.display())]
    NoContracts {
        /// The project's `wit/` folder.
        wit: PathBuf,
    },
    /// The contracts that the project is compared with are of other packages.
    #[error("{place}: this is of another project: it has {theirs}, and this project {ours}\n  {advice}")]
    OtherProject {
        /// Where the first of them stands; what the project is compared with, if that is no file of WIT.
        place: String,
        /// Their packages.
        theirs: String,
        /// The project's packages.
        ours: String,
        /// What to do.
        advice: &'static str,
    },
    /// A folder has no contracts.
    #[error("there is no WIT in {}: it has neither a `wit` folder nor .wit files", folder.display())]
    NoWit {
        /// The folder.
        folder: PathBuf,
    },
    /// A component's contracts cannot be read.
    #[error("{}: {source}", path.display())]
    Component {
        /// The component.
        path: PathBuf,
        /// Why.
        source: Box<SectionError>,
    },
    /// Contracts of the running node cannot be read.
    #[error("the running node: component `{component}`: {source}")]
    Loaded {
        /// The component's name.
        component: String,
        /// Why.
        source: Box<SectionError>,
    },
    /// The running node does not answer.
    #[error(transparent)]
    Node(#[from] ControlError),
    /// Git cannot be run.
    #[error("cannot run git, which knows revision `{revision}`: {source}")]
    NoGit {
        /// The revision.
        revision: String,
        /// Why.
        source: io::Error,
    },
    /// Git has no such revision.
    #[error("cannot read revision `{revision}` of {}: {said}\n  {REVISIONS}", project.display())]
    Revision {
        /// The revision.
        revision: String,
        /// The project's folder.
        project: PathBuf,
        /// What git says, or what is missing there.
        said: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Differences are breaking.
    #[error("the contracts break what knows {against}: {count} breaking {}\n  {BREAKING}", plural(*count))]
    Breaking {
        /// What the project was compared with.
        against: String,
        /// How many there are.
        count: usize,
    },
}

impl CheckError {
    /// That what the project is compared with has a mistake.
    fn known(against: &Against) -> impl FnOnce(ContractError) -> Self + use<> {
        let advice = against.advice();
        move |source| Self::Known { source, advice }
    }
}

impl Project {
    /// Compares the project's contracts with others, which count as the older ones. Nothing is built.
    ///
    /// # Errors
    /// [`CheckError`], but not [`CheckError::Breaking`]: see [`Report::verdict`].
    pub fn check(&self, against: &Against) -> Result<Report, CheckError> {
        let own = Own::of(self)?;
        let others = match against {
            Against::Lock => lock::read(self)?,
            Against::Path(path) => known::read(path)?,
            Against::Revision(revision) => git::read(self, revision)?,
            Against::Node => loaded(self)?,
        };
        refuse_others(against, &others, &own)?;
        Ok(Report::new(against, compare::compare(others, &own)))
    }

    /// Whether it has a lock file.
    pub fn has_lock(&self) -> bool {
        self.root().join(LOCK).exists()
    }

    /// Writes the lock file, whatever stands there: the project's contracts are what others know from now on. Answers how many there are.
    ///
    /// # Errors
    /// [`CheckError`].
    pub fn lock_contracts(&self) -> Result<usize, CheckError> {
        let own = Own::of(self)?;
        lock::write(self, &own)?;
        Ok(own.contracts.len())
    }

    /// What is to be said about the lock file when the project is built, a line each: nothing if it has none, or if nothing that it has is
    /// breaking or resolved.
    pub fn lock_warnings(&self) -> Vec<String> {
        if !self.has_lock() {
            return Vec::new();
        }
        match self.check(&Against::Lock) {
            Ok(report) => report.warnings(),
            // The build says it itself.
            Err(CheckError::Contract(_)) => Vec::new(),
            Err(error) => vec![error.to_string()],
        }
    }
}

/// Answers whether what the project is compared with is of this project.
fn refuse_others(against: &Against, others: &Others, own: &Own) -> Result<(), CheckError> {
    // A project without contracts may have had some.
    let may_have_none = others.is_whole && (own.contracts.is_empty() || others.contracts.is_empty());
    if may_have_none || others.contracts.iter().any(|known| own.has_package_of(&known.contract)) {
        return Ok(());
    }
    let place = others.contracts.iter().find_map(|known| known.place.as_ref());
    Err(CheckError::OtherProject {
        place: place.map_or_else(|| against.to_string(), ToString::to_string),
        theirs: packages(&mut others.contracts.iter().map(|known| &known.contract)),
        ours: packages(&mut own.contracts.iter()),
        advice: against.advice(),
    })
}

/// The contracts of the running node's components.
fn loaded(project: &Project) -> Result<Others, CheckError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CheckError::Node(error.into()))?;
    let loaded = runtime.block_on(control::contracts(project.root()))?;
    let contracts = loaded.into_iter().map(|loaded| {
        let contract = rusm_codegen::section::contract(&loaded.contract, &loaded.wit);
        match contract {
            Ok(contract) => Ok(Known { contract, place: None, holders: vec![loaded.component] }),
            Err(error) => Err(CheckError::Loaded { component: loaded.component, source: Box::new(error) }),
        }
    });
    Ok(Others::some(contracts.collect::<Result<_, _>>()?))
}

fn packages(contracts: &mut dyn Iterator<Item = &Contract>) -> String {
    let mut packages: Vec<String> = contracts.map(|contract| format!("`{}`", package(contract))).collect();
    packages.sort();
    packages.dedup();
    if packages.is_empty() { "no contracts".into() } else { format!("contracts of {}", packages.join(", ")) }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "difference" } else { "differences" }
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CheckError {
    let path = path.to_owned();
    move |source| CheckError::Io { what, path, source }
}

/// The lock file, below the project's folder.
const LOCK: &str = "wit/contracts.lock";

const REVISIONS: &str =
    "give a commit, branch or tag that is here; a clone of the last commits alone has to fetch it first";

const BREAKING: &str = "take the advice of each; if nobody has the older contracts any more, `rusm check --write --force` makes these the known ones";
