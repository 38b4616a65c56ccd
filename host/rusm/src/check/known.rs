use std::fs;
use std::io;
use std::path::Path;

use rusm_codegen::section::{self, Contracts};
use rusm_codegen::{Contract, ContractError, Place, Wit};
use semver::Version;

use super::{Against, CheckError, io_error};
use crate::Project;

/// A contract that others know.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) contract: Contract,
    /// Where it stands, if that is a file of WIT.
    pub(super) place: Option<Place>,
    /// The running components that have it.
    pub(super) holders: Vec<String>,
}

/// The contracts that the project is compared with, by package, version and interface.
#[derive(Debug)]
pub(super) struct Others {
    pub(super) contracts: Vec<Known>,
    /// Whether these are all that there were. A component has a few of them, and may have those of other projects besides.
    pub(super) is_whole: bool,
}

impl Others {
    /// Those that components have.
    pub(super) fn some(all: Vec<Known>) -> Self {
        let mut contracts: Vec<Known> = Vec::new();
        for known in all {
            match contracts.iter_mut().find(|other| other.contract.wit == known.contract.wit) {
                Some(other) => other.holders.extend(known.holders),
                None => contracts.push(known),
            }
        }
        contracts.iter_mut().for_each(|known| known.holders.dedup());
        contracts.sort_by_cached_key(|known| order(&known.contract));
        Self { contracts, is_whole: false }
    }

    /// Those that some WIT defines itself.
    pub(super) fn of_wit(wit: &Wit) -> Result<Self, ContractError> {
        let contracts = own(wit, Wit::foreign_contract)?.into_iter().map(|contract| {
            let place = wit.place(&contract.versioned_id(), &contract.name);
            Known { contract, place, holders: Vec::new() }
        });
        Ok(Self { contracts: contracts.collect(), is_whole: true })
    }
}

/// The contracts that the project defines itself, in every version that stands there, by package, version and interface.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) contracts: Vec<Contract>,
    wit: Option<Wit>,
    /// What the names of its files begin with.
    root: String,
}

impl Own {
    pub(super) fn of(project: &Project) -> Result<Self, ContractError> {
        let folder = project.root().join("wit");
        let root = format!("{}/", project.root().display());
        if !folder.is_dir() {
            return Ok(Self { contracts: Vec::new(), wit: None, root });
        }
        let wit = Wit::load(&folder)?;
        Ok(Self { contracts: own(&wit, Wit::contract)?, wit: Some(wit), root })
    }

    /// Whether a contract is of one of the project's packages, in any version.
    pub(super) fn has_package_of(&self, contract: &Contract) -> bool {
        self.contracts.iter().any(|own| package(own) == package(contract))
    }

    /// Where something of a contract stands, below the project's folder; see [`Wit::place`].
    pub(super) fn place(&self, contract: &Contract, path: &str) -> Option<Place> {
        let place = self.wit.as_ref()?.place(&contract.versioned_id(), path)?;
        Some(renamed(place, &self.root, ""))
    }
}

/// Reads a project, a `wit/` folder, a component or a file of WIT.
pub(super) fn read(path: &Path) -> Result<Others, CheckError> {
    let wrong = CheckError::known(&Against::Path(path.into()));
    if path.is_dir() {
        let inner = path.join("wit");
        let folder = if inner.is_dir() { &inner } else { path };
        let has_wit = |entry: fs::DirEntry| entry.path().extension().is_some_and(|end| end == "wit");
        if !fs::read_dir(folder).map_err(io_error("read", folder))?.flatten().any(has_wit) {
            return Err(CheckError::NoWit { folder: path.into() });
        }
        return Wit::load(folder).and_then(|wit| Others::of_wit(&wit)).map_err(wrong);
    }
    let bytes = fs::read(path).map_err(io_error("read", path))?;
    if bytes.starts_with(b"\0asm") {
        let Contracts { implements, uses } = section::read(&bytes)
            .map_err(|error| CheckError::Component { path: path.into(), source: Box::new(error) })?;
        let all = implements.into_iter().chain(uses);
        return Ok(Others::some(
            all.map(|contract| Known { contract, place: None, holders: Vec::new() }).collect(),
        ));
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| io_error("read", path)(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    parse(&path.display().to_string(), &text).map_err(wrong)
}

/// Reads the text of a file of WIT.
pub(super) fn parse(name: &str, text: &str) -> Result<Others, ContractError> {
    let with_place = |error| match error {
        // That it says nothing at all has no place.
        ContractError::Syntax(text) if !text.contains(name) => {
            ContractError::Syntax(format!("{name}:1:1: {}", text.trim()))
        }
        other => other,
    };
    Wit::parse(name, text).and_then(|wit| Others::of_wit(&wit)).map_err(with_place)
}

fn own(
    wit: &Wit,
    read: impl Fn(&Wit, &str) -> Result<Contract, ContractError>,
) -> Result<Vec<Contract>, ContractError> {
    let ids = wit.contracts().into_iter().filter(|id| id.own && !id.name.starts_with("rusm:"));
    let mut contracts = ids.map(|id| read(wit, &id.to_string())).collect::<Result<Vec<_>, _>>()?;
    contracts.sort_by_cached_key(order);
    Ok(contracts)
}

/// A place in a file whose name begins otherwise.
pub(super) fn renamed(place: Place, from: &str, to: &str) -> Place {
    match place.file.strip_prefix(from) {
        Some(rest) => Place { file: format!("{to}{rest}"), ..place },
        None => place,
    }
}

fn order(contract: &Contract) -> (String, Option<Version>, String) {
    (package(contract).to_owned(), version(contract), contract.name.clone())
}

/// The package of a contract, without its version.
pub(super) fn package(contract: &Contract) -> &str {
    contract.id.split('/').next().unwrap_or_default()
}

/// The version of a contract, if it has one; it has been read as one.
pub(super) fn version(contract: &Contract) -> Option<Version> {
    contract.version.as_ref().and_then(|version| Version::parse(version).ok())
}
