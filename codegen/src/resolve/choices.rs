use std::sync::Arc;

use super::difference::{BY_NAME, CHANGED, Class, Findings};
use super::matches::Matches;
use super::operation::{Case, Flags, Operation};
use super::types::{Pair, Typed, Types, Ways};
use crate::Type;

/// A case of a variant, enum or result.
pub(super) struct Choice<'t> {
    name: &'t str,
    payload: Option<Typed<'t>>,
}

impl<'t> Choice<'t> {
    pub(super) fn of_cases(side: usize, cases: &'t [crate::Case]) -> Vec<Self> {
        cases.iter().map(|case| Self::new(&case.name, side, case.ty.as_ref())).collect()
    }

    pub(super) fn of_result(side: usize, ok: Option<&'t Type>, error: Option<&'t Type>) -> [Self; 2] {
        [Self::new("ok", side, ok), Self::new("err", side, error)]
    }

    fn new(name: &'t str, side: usize, ty: Option<&'t Type>) -> Self {
        Self { name, payload: ty.map(|ty| Typed { side, ty }) }
    }
}

impl Types<'_> {
    pub(super) fn choices(&mut self, left: &[Choice<'_>], right: &[Choice<'_>]) -> Pair {
        let names = [left, right].map(|side| side.iter().map(|case| case.name).collect::<Vec<_>>());
        let matches = Matches::by_name(&names);
        let mut findings = Findings::default();
        // For each case of the left side; none where there is no value, or no such case on the right side.
        let mut ways: Vec<Option<Ways>> = Vec::new();
        for (case, other) in left.iter().zip(matches.places(0)) {
            let other = other.map(|other| &right[other]);
            let path = format!(".{}", case.name);
            ways.push(
                other.and_then(|other| self.optional(case.payload, other.payload, &path, &mut findings)),
            );
        }
        self.names_alone("case", &matches, &names, &mut findings);
        if matches.is_empty() && !left.is_empty() {
            let what = "there is no case that both sides have".into();
            findings.add(Class::Breaking, "", what, CHANGED);
        }
        if findings.is_breaking() {
            return Pair::breaking(findings);
        }
        let same = matches.is_same() && ways.iter().flatten().all(|ways| ways.same);
        let back = matches.places(1);
        let to_right = cases(left, matches.places(0), |place| Some(Arc::clone(&ways[place].as_ref()?.forth)));
        let to_left = cases(right, back, |place| Some(Arc::clone(&ways[back[place]?].as_ref()?.back)));
        Pair::new(same, to_right, to_left, findings)
    }

    pub(super) fn flags(&self, left: &[crate::Case], right: &[crate::Case]) -> Pair {
        let names = [left, right].map(|side| side.iter().map(|flag| &*flag.name).collect::<Vec<_>>());
        let [left, right] = &names;
        let matches = Matches::by_name(&names);
        let mut findings = Findings::default();
        self.names_alone("flag", &matches, &names, &mut findings);
        let same = matches.is_same();
        let way = |from: &[&str], places: &[Option<usize>], to: &[&str]| {
            let flags = from.iter().zip(places).map(|(name, place)| ((*name).to_owned(), *place));
            Operation::Flags(Flags { flags: flags.collect(), length: to.len().div_ceil(8), same })
        };
        let forth = way(left, matches.places(0), right);
        Pair::new(same, forth, way(right, matches.places(1), left), findings)
    }

    /// Tells of the cases or flags that only one side has, and of another order.
    fn names_alone(&self, noun: &str, matches: &Matches, names: &[Vec<&str>; 2], findings: &mut Findings) {
        for side in [0, 1] {
            for place in matches.alone(side) {
                let what = format!("only {} has this {noun}", self.names[side]);
                findings.add(Class::Resolved, &format!(".{}", names[side][place]), what, LACKED);
            }
        }
        if !matches.is_in_order() {
            let what = format!("the {noun}s are in another order");
            findings.add(Class::Resolved, "", what, BY_NAME);
        }
    }
}

/// What becomes of cases with these tags for the reader, and of their values.
fn cases(
    own: &[Choice<'_>],
    tags: &[Option<usize>],
    payload: impl Fn(usize) -> Option<Arc<Operation>>,
) -> Operation {
    let case = |(place, (case, tag)): (usize, (&Choice<'_>, &Option<usize>))| Case {
        name: case.name.to_owned(),
        tag: tag.map(|tag| tag as u32),
        payload: payload(place),
    };
    Operation::Cases(own.iter().zip(tags).enumerate().map(case).collect())
}

/// Advice for a case or flag that one side lacks.
const LACKED: &str =
    "nothing has to be done: a value that has it is an error of its message for who lacks it";
