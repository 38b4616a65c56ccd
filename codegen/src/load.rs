use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use wit_parser::{InterfaceId, PackageId, Resolve, SourceMap, Span, UnresolvedPackageGroup};

use crate::{ACTOR_WIT, Contract, nearest};

mod reader;

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
}

impl Wit {
    /// Reads a folder with WIT files and, under `deps/`, the packages that they use. `rusm:actor` is always there.
    ///
    /// # Errors
    /// [`ContractError::Unreadable`] or [`ContractError::Syntax`].
    pub fn load(folder: &Path) -> Result<Self, ContractError> {
        let mut resolve = with_actor()?;
        let mut files = Vec::new();
        load_folder(&mut resolve, folder, &mut files)?;
        Ok(Self { resolve, folder: folder.into(), files })
    }

    /// Reads the text of one file, which may hold several packages.
    ///
    /// # Errors
    /// [`ContractError::Syntax`].
    pub fn parse(name: &str, text: &str) -> Result<Self, ContractError> {
        let mut resolve = with_actor()?;
        let mut map = SourceMap::new();
        map.push_str(name, text);
        let group = map.parse().map_err(|(map, error)| syntax(&error.render(&map)))?;
        push(&mut resolve, group, Vec::new())?;
        Ok(Self { resolve, folder: name.into(), files: Vec::new() })
    }

    /// Every file that was read: what a build has to watch.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The ids of all interfaces with functions, outside the actor world.
    pub fn contracts(&self) -> Vec<String> {
        let ids =
            self.resolve.interfaces.iter().filter_map(|(id, interface)| {
                (!interface.functions.is_empty()).then(|| self.id(id)).flatten()
            });
        ids.filter(|id| !id.starts_with("rusm:actor/")).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Reads an interface, named as `namespace:package/interface`, as a contract. A version may be left out.
    ///
    /// # Errors
    /// [`ContractError::NotFound`] or [`ContractError::Unsupported`].
    pub fn contract(&self, id: &str) -> Result<Contract, ContractError> {
        let wanted = id.split('@').next().unwrap_or(id);
        let found =
            self.resolve.interfaces.iter().find(|(place, _)| self.id(*place).as_deref() == Some(wanted));
        let Some((place, _)) = found else {
            let known = self.contracts();
            let nearest = nearest(wanted, known.iter().map(String::as_str)).map(str::to_owned);
            let folder = self.folder.display().to_string();
            return Err(ContractError::NotFound { wanted: wanted.into(), folder, nearest, known });
        };
        reader::read(&self.resolve, place, wanted)
    }

    fn id(&self, interface: InterfaceId) -> Option<String> {
        let interface = &self.resolve.interfaces[interface];
        let package = &self.resolve.packages[interface.package?].name;
        Some(format!("{}:{}/{}", package.namespace, package.name, interface.name.as_ref()?))
    }
}

/// What the parser says, and what it does not: how a keyword becomes a name.
fn syntax(text: &str) -> ContractError {
    let keyword = text.split_once("found keyword `").and_then(|(_, rest)| rest.split('`').next());
    let hint = keyword.map(|word| format!("\nto use the keyword as a name, write `%{word}`"));
    ContractError::Syntax(format!("{}{}", text.trim_end(), hint.unwrap_or_default()))
}

fn with_actor() -> Result<Resolve, ContractError> {
    let mut map = SourceMap::new();
    for (name, text) in ACTOR_WIT {
        map.push_str(&format!("rusm:actor/{name}"), text);
    }
    let group = map.parse().map_err(|(map, error)| syntax(&error.render(&map)))?;
    let mut resolve = Resolve::new();
    push(&mut resolve, group, Vec::new())?;
    Ok(resolve)
}

fn load_folder(
    resolve: &mut Resolve,
    folder: &Path,
    files: &mut Vec<PathBuf>,
) -> Result<PackageId, ContractError> {
    let main = parse_folder(folder, files)?;
    if let Some(known) = resolve.package_names.get(&main.main.name) {
        return Ok(*known);
    }
    let mut dependencies = Vec::new();
    let deps = folder.join("deps");
    for path in if deps.is_dir() { entries(&deps)? } else { Vec::new() } {
        let mut group = if path.is_dir() {
            parse_folder(&path, files)?
        } else if path.extension().is_some_and(|end| end == "wit") {
            parse_files(std::slice::from_ref(&path), files)?
        } else {
            continue;
        };
        group.nested.retain(|nested| !resolve.package_names.contains_key(&nested.name));
        if !resolve.package_names.contains_key(&group.main.name) {
            dependencies.push(group);
        }
    }
    push(resolve, main, dependencies)
}

fn push(
    resolve: &mut Resolve,
    main: UnresolvedPackageGroup,
    dependencies: Vec<UnresolvedPackageGroup>,
) -> Result<PackageId, ContractError> {
    let pushed = resolve.push_groups(main, dependencies);
    pushed.map_err(|error| syntax(&error.render(&resolve.source_map)))
}

fn parse_folder(folder: &Path, files: &mut Vec<PathBuf>) -> Result<UnresolvedPackageGroup, ContractError> {
    let mut found = entries(folder)?;
    found.retain(|path| path.is_file() && path.extension().is_some_and(|end| end == "wit"));
    if found.is_empty() {
        let path = folder.display().to_string();
        return Err(ContractError::Unreadable { path, why: "it has no .wit file".into() });
    }
    parse_files(&found, files)
}

fn parse_files(paths: &[PathBuf], files: &mut Vec<PathBuf>) -> Result<UnresolvedPackageGroup, ContractError> {
    let mut map = SourceMap::new();
    for path in paths {
        let text = fs::read_to_string(path).map_err(|why| unreadable(path, &why))?;
        map.push_str(&path.display().to_string(), text);
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
