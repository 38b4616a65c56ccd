use semver::Version;

use super::difference::{BY_NAME, CHANGED, Class, Difference, Findings};
use super::matches::Matches;
use super::members::{Member, Members};
use super::types::{Typed, Types, Ways};
use super::{Later, RESULT, STREAM};
use crate::{Function, Shape};

/// How the messages of two functions get from the one to the other and back.
pub(super) struct Messages {
    pub(super) arguments: Ways,
    pub(super) reply: Option<Ways>,
    /// Items of the stream that the caller writes.
    pub(super) to_callee: Option<Ways>,
    /// Items of the stream that the callee writes.
    pub(super) to_caller: Option<Ways>,
}

impl Messages {
    /// Whether all of them are the same bytes.
    pub(super) fn are_same(&self) -> bool {
        let others = [&self.reply, &self.to_callee, &self.to_caller];
        self.arguments.same && others.into_iter().flatten().all(|ways| ways.same)
    }
}

impl Types<'_> {
    /// Answers whether the contracts are versions of one that may stand for each other.
    ///
    /// # Errors
    /// That they are not.
    pub(super) fn related(&self) -> Result<(), Difference> {
        let [left, right] = self.contracts;
        if left.id == right.id && left.series() == right.series() {
            return Ok(());
        }
        let [one, other] = self.contracts.map(|contract| format!("`{}`", contract.versioned_id()));
        let (path, what) = (left.name.clone(), self.both(&one, &other));
        Err(Difference { path, class: Class::Breaking, what, advice: UNRELATED.into() })
    }

    /// What it means that only one side has a function.
    ///
    /// # Errors
    /// A breaking difference, unless the function came later than the version that the other side has.
    pub(super) fn only(&self, side: usize, function: &Function) -> Result<Later, Difference> {
        let (own, other) = (self.contracts[side], self.contracts[1 - side]);
        let version = other.version.as_ref().and_then(|version| Version::parse(version).ok());
        if let (Some(since), Some(version)) = (&function.since, version)
            && since.cmp_precedence(&version).is_gt()
        {
            return Ok(Later { function: own.path(function), since: since.clone(), version });
        }
        let what = format!("only {} has this function", self.names[side]);
        let advice = format!(
            "if it is new, mark it `@since(version = ..)` with a version later than that of {}; if it was taken away, bring it back, or \
             give the package a new major version",
            self.names[1 - side]
        );
        Err(Difference { path: own.path(function), class: Class::Breaking, what, advice })
    }

    /// As a difference, what it means that only one side has a function.
    pub(super) fn only_difference(&self, side: usize, function: &Function) -> Difference {
        let later = match self.only(side, function) {
            Ok(later) => later,
            Err(difference) => return difference,
        };
        let what = format!("only {} has this function, since {}", self.names[side], later.since);
        let advice = format!(
            "nothing has to be done: only a call of it fails where the service has {}",
            self.names[1 - side]
        );
        Difference { path: later.function, class: Class::Compatible, what, advice }
    }

    /// Compares two functions of one name. No messages if a difference is breaking.
    pub(super) fn functions(&mut self, left: &Function, right: &Function) -> (Option<Messages>, Findings) {
        let mut findings = Findings::default();
        let members = self.parameters(left, right, &mut findings);
        let arguments = self.members(&members);
        findings.append("", arguments.findings);
        let to_callee = self.streams(left, right, &members.matches, &mut findings);
        let (one, other) = (word(&left.shape), word(&right.shape));
        if one != other {
            findings.add(Class::Breaking, "", self.both(one, other), CHANGED);
            return (None, findings);
        }
        let replies = [left.reply(), right.reply()];
        let [one, other] = [0, 1].map(|side| Some(Typed { side, ty: replies[side].as_ref()? }));
        let reply = self.optional(one, other, RESULT, &mut findings);
        let [one, other] = [(0, left), (1, right)].map(|(side, function)| match &function.shape {
            Shape::StreamOut { item, .. } => Some(Typed { side, ty: item }),
            _ => None,
        });
        let to_caller = self.optional(one, other, &format!("{STREAM}[]"), &mut findings);
        let arguments = arguments.ways.filter(|_| !findings.is_breaking());
        (arguments.map(|arguments| Messages { arguments, reply, to_callee, to_caller }), findings)
    }

    /// The parameters of both, matched by name and where a name was changed by place.
    fn parameters<'t>(
        &mut self,
        left: &'t Function,
        right: &'t Function,
        findings: &mut Findings,
    ) -> Members<'t> {
        let sides = [Member::params(0, &left.params), Member::params(1, &right.params)];
        let mut members = Members { noun: "parameter", advice: TRAILING, ..Members::of_record(sides) };
        for (place, other) in self.renamed(&members) {
            members.matches.join(place, other);
            let (one, other) = (&left.params[place].name, &right.params[other].name);
            let what = self.both(&format!("the name `{one}`"), &format!("`{other}`"));
            findings.add(Class::Compatible, &format!(".{one}"), what, RENAMED);
        }
        members.required = [0, 1].map(|side| {
            let other_has_more = members.matches.alone(1 - side).next().is_some();
            let shared = members.matches.places(side).iter().rposition(Option::is_some);
            if other_has_more { usize::MAX } else { shared.map_or(0, |last| last + 1) }
        });
        members
    }

    /// Those that stand at the same place on both sides under two names, and could be no others.
    fn renamed(&mut self, members: &Members<'_>) -> Vec<(usize, usize)> {
        let [left, right] = [0, 1].map(|side| members.matches.alone(side).collect::<Vec<_>>());
        if left.len() * right.len() > MOST_RENAMED {
            return Vec::new();
        }
        let mut fitting = Vec::new();
        for place in left {
            for other in &right {
                let [one, other_one] = [members.sides[0][place].of, members.sides[1][*other].of];
                if self.pair(one, other_one).ways.is_some() {
                    fitting.push((place, *other));
                }
            }
        }
        let is_only = |(place, other): &(usize, usize)| {
            fitting.iter().filter(|(one, another)| one == place || another == other).count() == 1
        };
        fitting.iter().filter(|pair| pair.0 == pair.1 && is_only(pair)).copied().collect()
    }

    /// Compares the streams among the parameters.
    fn streams(
        &mut self,
        left: &Function,
        right: &Function,
        params: &Matches,
        findings: &mut Findings,
    ) -> Option<Ways> {
        let (one, other) = match (&left.stream, &right.stream) {
            (Some(one), Some(other)) => (one, other),
            (None, None) => return None,
            (one, other) => {
                let side = usize::from(one.is_none());
                let name = one.as_ref().or(other.as_ref()).map(|stream| format!(".{}", stream.name));
                let what = format!("only {} has this stream", self.names[side]);
                findings.add(Class::Breaking, &name.unwrap_or_default(), what, CHANGED);
                return None;
            }
        };
        let path = format!(".{}", one.name);
        if one.name != other.name {
            let what = self.both(&format!("the name `{}`", one.name), &format!("`{}`", other.name));
            findings.add(Class::Compatible, &path, what, RENAMED);
        }
        let is_across = |(place, to): (usize, &Option<usize>)| {
            to.is_some_and(|to| (place < one.place) != (to < other.place))
        };
        if params.places(0).iter().enumerate().any(is_across) {
            let what = "it stands at another place among the parameters".into();
            findings.add(Class::Resolved, &path, what, BY_NAME);
        }
        let [one, other] = [(0, &one.item), (1, &other.item)].map(|(side, ty)| Some(Typed { side, ty }));
        self.optional(one, other, &format!("{path}[]"), findings)
    }
}

fn word(shape: &Shape) -> &'static str {
    match shape {
        Shape::Constructor { .. } => "a constructor",
        Shape::Call { .. } => "a call",
        Shape::Cast => "a cast",
        Shape::StreamOut { .. } => "a call that answers with a stream",
    }
}

/// How many pairs of parameters are looked at to find those that were renamed.
const MOST_RENAMED: usize = 256;

/// Advice for two contracts.
const UNRELATED: &str = "a client calls services of its own contract, in versions that semantic versioning calls compatible: take the \
    service's contract, or have it serve both";

/// Advice for another name of a parameter.
const RENAMED: &str = "nothing has to be done: arguments without a match by name are those at the same place";

/// Advice for parameters that only one side has.
const TRAILING: &str = "only an `option`, a `list` or flags may be added or taken away, behind all other parameters; if it has another \
    name now, give it the old one, or the package a new major version";
