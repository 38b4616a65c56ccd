use std::cmp::Ordering;

use rusm_codegen::Contract;
use rusm_codegen::resolve::differences;
use semver::{Prerelease, Version};

use super::known::{Known, Others, Own, package, version};
use super::report::{Finding, Level};

/// What differs between contracts that others know and those of the project, contract by contract.
pub(super) fn compare(others: Others, own: &Own) -> Vec<Finding> {
    let Others { contracts: mut all, is_whole } = others;
    if !is_whole {
        all.retain(|known| own.has_package_of(&known.contract));
    }
    let mut findings = Vec::new();
    for known in &all {
        let of_series = own.contracts.iter().filter(|contract| is_same_series(contract, &known.contract));
        let of_series: Vec<&Contract> = of_series.collect();
        let Some(latest) = of_series.last() else {
            findings.push(gone(known, own));
            continue;
        };
        let same = of_series.iter().find(|contract| contract.version == known.contract.version);
        let later = all.iter().rfind(|other| is_same_series(&other.contract, &known.contract));
        let is_last = later.is_some_and(|later| later.contract.version == known.contract.version);
        // The others of the series have this one's clients only where it is gone, or where they are later than all that is known.
        let latest = (is_last || same.is_none()).then_some(latest);
        let latest = latest.filter(|latest| same.is_none_or(|same| same.version != latest.version));
        for contract in same.into_iter().chain(latest) {
            changed(known, contract, own, &mut findings);
        }
    }
    if is_whole {
        for contract in &own.contracts {
            let is_known = all.iter().any(|known| is_same_series(&known.contract, contract));
            // What takes the place of another one has been told of.
            let is_told = findings.iter().any(|finding| finding.contract == contract.versioned_id());
            if !is_known && !is_told {
                findings.push(added(contract, &all, own));
            }
        }
    }
    findings
}

/// Contracts are read in the order of their versions.
fn is_same_series(one: &Contract, other: &Contract) -> bool {
    one.id == other.id && one.series() == other.series()
}

/// What differs between two versions of a series.
fn changed(known: &Known, contract: &Contract, own: &Own, findings: &mut Vec<Finding>) {
    let first = findings.len();
    for difference in differences(&known.contract, contract) {
        let place = own.place(contract, &difference.path);
        let finding = Finding::of_difference(contract, place, difference);
        findings.push(known.held(finding));
    }
    let is_breaking = findings[first..].iter().any(|finding| finding.class == Level::Breaking);
    let has_changed = findings.len() > first && !is_breaking;
    let (Some(old), Some(new)) = (version(&known.contract), version(contract)) else { return };
    let (class, what, advice) = match new.cmp_precedence(&old) {
        Ordering::Less => {
            let what = format!("the version went backwards: {old} is known, and this is {new}");
            (Level::Breaking, what, format!("raise the version to at least {old}"))
        }
        Ordering::Equal if has_changed => {
            let what = format!("it has changed, and its version {new} has not");
            (Level::Warning, what, raise(&new))
        }
        _ => return,
    };
    let place = own.place(contract, &contract.name);
    findings.push(known.held(Finding::new(contract, place, class, what, advice)));
}

/// What to do about a contract that changed and may be called by those who know this version.
fn raise(version: &Version) -> String {
    let next = match *version {
        Version { ref pre, .. } if !pre.is_empty() => return "raise the version".into(),
        Version { major: 0, minor, patch, .. } => Version::new(0, minor, patch + 1),
        Version { major, minor, .. } => Version::new(major, minor + 1, 0),
    };
    format!("raise the version to at least {next}")
}

/// What it means that the project has no version of a series any more.
fn gone(known: &Known, own: &Own) -> Finding {
    let contract = &known.contract;
    let versions = own.contracts.iter().filter(|own| package(own) == package(contract));
    let (replaced, others): (Vec<&Contract>, Vec<&Contract>) =
        versions.partition(|own| may_replace(version(contract), version(own)));
    let clients = format!("clients of {} are not served", series(contract));
    let same = replaced.iter().rfind(|own| own.id == contract.id);
    if let Some(latest) = same.or(replaced.last()) {
        let what = match same {
            Some(_) => format!("{} was replaced by {}; {clients}", spelt(contract), spelt(latest)),
            None => format!("it is gone since {} of its package; {clients}", spelt(latest)),
        };
        let place = own.place(latest, &latest.name);
        let subject = same.map_or(contract, |same| same);
        return known.held(Finding::new(subject, place, Level::Compatible, what, REPLACED.into()));
    }
    let others: Vec<String> =
        others.iter().filter(|own| own.id == contract.id).map(|own| spelt(own)).collect();
    let what = match others.is_empty() {
        true => format!("{} is gone", spelt(contract)),
        false => format!("{} is gone, and what is there is {}", spelt(contract), others.join(", ")),
    };
    known.held(Finding::new(contract, known.place.clone(), Level::Breaking, what, GONE.into()))
}

/// A contract of a series that nobody knows yet.
fn added(contract: &Contract, all: &[Known], own: &Own) -> Finding {
    let beside = all.iter().filter(|known| known.contract.id == contract.id);
    let beside: Vec<String> = beside.map(|known| spelt(&known.contract)).collect();
    let what = match beside.is_empty() {
        true => "it is new".into(),
        false => format!("{} is new; known is {}", spelt(contract), beside.join(", ")),
    };
    let place = own.place(contract, &contract.name);
    Finding::new(contract, place, Level::Compatible, what, NEW.into())
}

/// Whether a version may take the place of another one that others know: it begins a new series after it. The first version of all
/// begins one, too.
fn may_replace(old: Option<Version>, new: Option<Version>) -> bool {
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (None, new) => return new.is_some(),
        (Some(_), None) => return false,
    };
    let is_new_series = !old.pre.is_empty() || leading(&old) != leading(&new);
    new.cmp_precedence(&old).is_gt() && is_new_series
}

/// The part of a version that compatible ones share, as if it were released.
fn leading(version: &Version) -> (u64, u64, u64) {
    match *version {
        Version { major: 0, minor: 0, patch, .. } => (0, 0, patch),
        Version { major: 0, minor, .. } => (0, minor, 0),
        Version { major, .. } => (major, 0, 0),
    }
}

/// The versions that a contract's clients may have: `1.x`.
fn series(contract: &Contract) -> String {
    match version(contract) {
        None => "that form".into(),
        Some(version) if version.pre != Prerelease::EMPTY || version.major + version.minor == 0 => {
            version.to_string()
        }
        Some(Version { major: 0, minor, .. }) => format!("0.{minor}.x"),
        Some(Version { major, .. }) => format!("{major}.x"),
    }
}

fn spelt(contract: &Contract) -> String {
    contract.version.clone().unwrap_or_else(|| "the form without a version".into())
}

impl Known {
    /// A finding with the names of the components that have this contract.
    fn held(&self, mut finding: Finding) -> Finding {
        if !self.holders.is_empty() {
            let holders: Vec<String> = self.holders.iter().map(|name| format!("`{name}`")).collect();
            finding.what += &format!(" (running in {})", holders.join(", "));
        }
        finding
    }
}

const REPLACED: &str =
    "nothing has to be done; to serve them as well, keep the older version beside this one";

const GONE: &str = "bring it back, or give the package a new major version (below 1.0 a new minor one)";

const NEW: &str = "nothing has to be done";
