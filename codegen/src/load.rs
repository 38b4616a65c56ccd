use std::fs;
use std::path::{Path, PathBuf};

use wit_parser::{InterfaceId, PackageId, PackageName, Resolve, SourceMap, Span, UnresolvedPackageGroup};

use crate::{ACTOR_WIT, Contract, nearest};

mod places;
mod reader;
mod source;
mod type_names;

pub use places::Place;
use reader::Strictness;

/// Why there is no such contract, or not one that a service can have. The text says file and line where there is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// The folder or a file of it cannot be read.
    #[error("cannot read {path}: {why}")]
    Unreadable {
        /// The path.
        path: String,
        /// What the system said.
        why: String,
    },
    /// The WIT does not parse or resolve; the text is the parser's, with the place.
    #[error("{0}")]
    Syntax(String),
    /// There is no such interface.
    #[error("there is no interface `{wanted}` in {folder}{}", hint(nearest, known))]
    NotFound {
        /// The contract that was asked for.
        wanted: String,
        /// Where it was looked for.
        folder: String,
        /// The known name that is closest.
        nearest: Option<String>,
        /// All known names.
        known: Vec<String>,
    },
    /// There are several of that name, and none of them is the project's own.
    #[error("there are several versions of `{wanted}` in {folder}: {}; write which one", known.join(", "))]
    Ambiguous {
        /// The contract that was asked for.
        wanted: String,
        /// Where it was looked for.
        folder: String,
        /// What it may be.
        known: Vec<String>,
    },
    /// A contract cannot contain this.
    #[error("{place}: {what}; {instead}")]
    Unsupported {
        /// File, line and column.
        place: String,
        /// What it is.
        what: String,
        /// What to use instead.
        instead: String,
    },
}

fn hint(nearest: &Option<String>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if known.is_empty() => "; it has none".into(),
        None => format!("; it has {}", known.join(", ")),
    }
}

/// A `wit/` folder, read together with the actor world.
#[derive(Debug, Clone)]
pub struct Wit {
    resolve: Resolve,
    folder: PathBuf,
    files: Vec<PathBuf>,
    /// The packages that the folder's own files define, dependencies apart.
    own: Vec<PackageName>,
}

impl Wit {
    /// Reads a folder with WIT files and, under `deps/`, the packages that they use. `rusm:actor` is always there.
    ///
    /// # Errors
    /// [`ContractError::Unreadable`] or [`ContractError::Syntax`].
    pub fn load(folder: &Path) -> Result<Self, ContractError> {
        let mut wit =
            Self { resolve: with_actor()?, folder: folder.into(), files: Vec::new(), own: Vec::new() };
        wit.load_folder()?;
        Ok(wit)
    }

    /// Reads the text of one file, which may hold several packages.
    ///
    /// # Errors
    /// [`ContractError::Syntax`].
    pub fn parse(name: &str, text: &str) -> Result<Self, ContractError> {
        let mut resolve = with_actor()?;
        let mut map = SourceMap::new();
        map.push_str(name, source::prepared(name, text)?);
        let group = map.parse().map_err(|(map, error)| syntax(&error.render(&map)))?;
        let own = names(&group);
        push(&mut resolve, group, Vec::new())?;
        Ok(Self { resolve, folder: name.into(), files: Vec::new(), own })
    }

    /// Every file that was read: what a build has to watch.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// All interfaces with functions, outside the actor world: those of the folder's own packages first.
    pub fn contracts(&self) -> Vec<ContractId> {
        let ids = self.resolve.interfaces.iter().filter(|(_, interface)| !interface.functions.is_empty());
        let mut ids: Vec<ContractId> = ids.filter_map(|(place, _)| self.id(place)).collect();
        ids.retain(|id| !id.name.starts_with("rusm:actor/"));
        ids.sort_by(|a, b| (!a.own, &a.name, &a.version).cmp(&(!b.own, &b.name, &b.version)));
        ids
    }

    /// Reads an interface, named as `namespace:package/interface` with or without `@version`, as a contract. Without a
    /// version it is the folder's own package's, or the only one.
    ///
    /// # Errors
    /// [`ContractError::NotFound`], [`ContractError::Ambiguous`] or [`ContractError::Unsupported`].
    pub fn contract(&self, id: &str) -> Result<Contract, ContractError> {
        let (place, id) = self.find(id)?;
        reader::read(&self.resolve, place, &id.name, Strictness::Generate)
    }

    /// Reads an interface that others have made: no code will be made of it here, so its names may be any.
    ///
    /// # Errors
    /// As [`Self::contract`].
    #[cfg(feature = "host")]
    pub fn foreign_contract(&self, id: &str) -> Result<Contract, ContractError> {
        let (place, id) = self.find(id)?;
        reader::read(&self.resolve, place, &id.name, Strictness::Read)
    }

    fn find(&self, wanted: &str) -> Result<(InterfaceId, ContractId), ContractError> {
        let (name, version) = match wanted.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (wanted, None),
        };
        let places = self.resolve.interfaces.iter().map(|(place, _)| place);
        let named: Vec<(InterfaceId, ContractId)> = places
            .filter_map(|place| Some((place, self.id(place)?)))
            .filter(|(_, id)| id.name == name)
            .collect();
        let mut fitting: Vec<_> = named
            .iter()
            .filter(|(_, id)| version.is_none_or(|version| id.version.as_deref() == Some(version)))
            .collect();
        if fitting.len() > 1 && fitting.iter().any(|(_, id)| id.own) {
            fitting.retain(|(_, id)| id.own);
        }
        let folder = self.folder.display().to_string();
        let known =
            |ids: &mut dyn Iterator<Item = &ContractId>| ids.map(ToString::to_string).collect::<Vec<_>>();
        match fitting.as_slice() {
            [found] => Ok((*found).clone()),
            [] if !named.is_empty() => {
                let known = known(&mut named.iter().map(|(_, id)| id));
                Err(ContractError::NotFound { wanted: wanted.into(), folder, nearest: None, known })
            }
            [] => {
                let all = self.contracts();
                let nearest = nearest(name, all.iter().map(|id| id.name.as_str())).map(str::to_owned);
                let known = known(&mut all.iter());
                Err(ContractError::NotFound { wanted: wanted.into(), folder, nearest, known })
            }
            several => {
                let known = known(&mut several.iter().map(|(_, id)| id));
                Err(ContractError::Ambiguous { wanted: wanted.into(), folder, known })
            }
        }
    }

    fn id(&self, interface: InterfaceId) -> Option<ContractId> {
        contract_id(&self.resolve, interface, &self.own)
    }

    fn load_folder(&mut self) -> Result<(), ContractError> {
        let main = parse_folder(&self.folder, &mut self.files)?.ok_or_else(|| ContractError::Unreadable {
            path: self.folder.display().to_string(),
            why: "it has no .wit file".into(),
        })?;
        self.own = names(&main);
        let mut dependencies = Vec::new();
        let mut skipped = Vec::new();
        let deps = self.folder.join("deps");
        for path in if deps.is_dir() { entries(&deps)? } else { Vec::new() } {
            let group = if path.is_dir() {
                if path.join("deps").is_dir() {
                    skipped.push(path.join("deps"));
                }
                parse_folder(&path, &mut self.files)?
            } else if path.extension().is_some_and(|end| end == "wit") {
                Some(parse_files(std::slice::from_ref(&path), &mut self.files)?)
            } else {
                skipped.push(path);
                None
            };
            let Some(mut group) = group else { continue };
            group.nested.retain(|nested| !self.resolve.package_names.contains_key(&nested.name));
            if !self.resolve.package_names.contains_key(&group.main.name) {
                dependencies.push(group);
            }
        }
        if self.resolve.package_names.contains_key(&main.main.name) {
            return Ok(());
        }
        push(&mut self.resolve, main, dependencies).map(|_| ()).map_err(|error| with_skipped(error, &skipped))
    }
}

/// Which interface a contract is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractId {
    /// `namespace:package/interface`.
    pub name: String,
    /// The package's version, if it has one.
    pub version: Option<String>,
    /// Whether it is of the folder's own packages, and of no dependency.
    pub own: bool,
}

impl std::fmt::Display for ContractId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, "@{version}"))
    }
}

/// The contract that an interface is; `own` are the folder's own packages.
fn contract_id(resolve: &Resolve, interface: InterfaceId, own: &[PackageName]) -> Option<ContractId> {
    let interface = &resolve.interfaces[interface];
    let package = &resolve.packages[interface.package?].name;
    Some(ContractId {
        name: format!("{}:{}/{}", package.namespace, package.name, interface.name.as_ref()?),
        version: package.version.as_ref().map(ToString::to_string),
        own: own.contains(package),
    })
}

/// The packages that a group of files defines.
fn names(group: &UnresolvedPackageGroup) -> Vec<PackageName> {
    std::iter::once(&group.main).chain(&group.nested).map(|package| package.name.clone()).collect()
}

/// A package that is missing may be in what was passed over.
fn with_skipped(error: ContractError, skipped: &[PathBuf]) -> ContractError {
    match error {
        ContractError::Syntax(text) if text.contains("not found") && !skipped.is_empty() => {
            let skipped = skipped.iter().map(|path| format!("\n  {} was not read", path.display()));
            let skipped: String = skipped.collect();
            ContractError::Syntax(format!(
                "{text}{skipped}\na package is a .wit file in `deps/`, or a folder there with .wit files in it"
            ))
        }
        other => other,
    }
}

/// What the parser says, and what it does not: how a keyword becomes a name, and what old words are now.
fn syntax(text: &str) -> ContractError {
    let keyword = text.split_once("found keyword `").and_then(|(_, rest)| rest.split('`').next());
    let old = [("float32", "f32"), ("float64", "f64")].into_iter().find(|(old, _)| text.contains(*old));
    let hint = match (keyword, old) {
        (_, Some((old, new))) => format!("\n`{old}` is written `{new}` now"),
        (Some(word), None) => format!("\nto use the keyword as a name, write `%{word}`"),
        (None, None) => String::new(),
    };
    ContractError::Syntax(format!("{}{hint}", text.trim_end()))
}

fn with_actor() -> Result<Resolve, ContractError> {
    let mut map = SourceMap::new();
    for (name, text) in ACTOR_WIT {
        map.push_str(&format!("rusm:actor/{name}"), text);
    }
    let group = map.parse().map_err(|(map, error)| syntax(&error.render(&map)))?;
    let mut resolve = Resolve::new();
    // What a feature gates is read, so that it can be named where it is left out.
    resolve.all_features = true;
    push(&mut resolve, group, Vec::new())?;
    Ok(resolve)
}

fn push(
    resolve: &mut Resolve,
    main: UnresolvedPackageGroup,
    dependencies: Vec<UnresolvedPackageGroup>,
) -> Result<PackageId, ContractError> {
    let pushed = resolve.push_groups(main, dependencies);
    pushed.map_err(|error| syntax(&error.render(&resolve.source_map)))
}

/// None of a folder without WIT files.
fn parse_folder(
    folder: &Path,
    files: &mut Vec<PathBuf>,
) -> Result<Option<UnresolvedPackageGroup>, ContractError> {
    let mut found = entries(folder)?;
    found.retain(|path| path.is_file() && path.extension().is_some_and(|end| end == "wit"));
    if found.is_empty() { Ok(None) } else { parse_files(&found, files).map(Some) }
}

fn parse_files(paths: &[PathBuf], files: &mut Vec<PathBuf>) -> Result<UnresolvedPackageGroup, ContractError> {
    let mut map = SourceMap::new();
    for path in paths {
        let text = fs::read_to_string(path).map_err(|why| unreadable(path, &why))?;
        let name = path.display().to_string();
        map.push_str(&name, source::prepared(&name, &text)?);
        files.push(path.clone());
    }
    map.parse().map_err(|(map, error)| syntax(&error.render(&map)))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ContractError> {
    let read = fs::read_dir(folder).map_err(|why| unreadable(folder, &why))?;
    let mut paths: Vec<PathBuf> = read.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

fn unreadable(path: &Path, why: &std::io::Error) -> ContractError {
    ContractError::Unreadable { path: path.display().to_string(), why: why.to_string() }
}

fn place(resolve: &Resolve, span: Span) -> String {
    if span.is_known() { resolve.render_location(span) } else { "the contract".into() }
}
