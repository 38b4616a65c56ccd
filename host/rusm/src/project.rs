use std::fs;
use std::path::{Path, PathBuf};

use rusm_codegen::{Contract, ContractError, Gated, Wit};

use crate::{Manifest, ManifestError};

/// A folder with a `rusm.toml`.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
    manifest: Manifest,
}

/// Why there is no project to work on.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// Neither here nor in a folder above.
    #[error("there is no rusm.toml in {} or a folder above it\n  make a project with `rusm new NAME`, or go into one", folder.display())]
    NotFound {
        /// Where the search began.
        folder: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has a mistake.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A component's folder is not there.
    #[error("{}:1: component `{component}`: there is no {}", manifest.display(), path.display())]
    NoComponent {
        /// The manifest.
        manifest: PathBuf,
        /// The component.
        component: String,
        /// Its path.
        path: PathBuf,
    },
}

impl Project {
    /// The project of a folder: the nearest one with a manifest, from here up.
    ///
    /// # Errors
    /// [`ProjectError`].
    pub fn find(folder: &Path) -> Result<Self, ProjectError> {
        let start = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
        let root = start.ancestors().find(|folder| folder.join(MANIFEST).is_file());
        let root = root.ok_or_else(|| ProjectError::NotFound { folder: start.clone() })?;
        let path = root.join(MANIFEST);
        let text = fs::read_to_string(&path)
            .map_err(|source| ProjectError::Unreadable { path: path.clone(), source })?;
        let manifest = Manifest::parse(&path, &text)?;
        for (name, component) in &manifest.components {
            if !root.join(&component.path).exists() {
                return Err(ProjectError::NoComponent {
                    manifest: path,
                    component: name.clone(),
                    path: root.join(&component.path),
                });
            }
        }
        Ok(Self { root: root.into(), manifest })
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What RUSM keeps in the project, apart from what users write.
    pub fn state(&self) -> PathBuf {
        self.root.join(".rusm")
    }

    /// Where a component's finished file is.
    pub fn artifact(&self, component: &str) -> PathBuf {
        self.state().join("build").join(format!("{component}.wasm"))
    }

    /// The contracts of the project's `wit/` folder, its own first; none if there is none. Interfaces of dependencies that
    /// are no contracts are [left out](Self::left_out).
    ///
    /// # Errors
    /// The first mistake in them.
    pub fn contracts(&self) -> Result<Vec<Contract>, ContractError> {
        self.read_wit().map(|(contracts, _)| contracts)
    }

    /// What of the `wit/` folder cannot be called, and why: functions of the project's own contracts that a feature gates,
    /// and interfaces of dependencies that are no contracts.
    ///
    /// # Errors
    /// As [`Self::contracts`].
    pub fn left_out(&self) -> Result<LeftOut, ContractError> {
        self.read_wit().map(|(_, left_out)| left_out)
    }

    fn read_wit(&self) -> Result<(Vec<Contract>, LeftOut), ContractError> {
        let (mut contracts, mut left_out) = (Vec::new(), LeftOut::default());
        let folder = self.root.join("wit");
        if !folder.is_dir() {
            return Ok((contracts, left_out));
        }
        let wit = Wit::load(&folder)?;
        for id in wit.contracts() {
            let contract = match wit.contract(&id.to_string()) {
                Ok(contract) => contract,
                Err(error) if id.own => return Err(error),
                Err(error) => {
                    left_out.dependencies.push(format!("{id} is no contract: {error}"));
                    continue;
                }
            };
            let gated = contract.gated.iter().filter(|_| id.own);
            left_out.gated.extend(gated.map(|Gated { function, feature, place }| {
                format!("{place}: `{function}` of {id} is left out, because the feature `{feature}` gates it")
            }));
            contracts.push(contract);
        }
        Ok((contracts, left_out))
    }
}

/// What of a `wit/` folder cannot be called: a line each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Functions of the project's own contracts that a feature gates.
    pub gated: Vec<String>,
    /// Interfaces of dependencies that are no contracts.
    pub dependencies: Vec<String>,
}

const MANIFEST: &str = "rusm.toml";
