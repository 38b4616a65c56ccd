use std::collections::HashMap;
use std::sync::Arc;

use super::choices::Choice;
use super::difference::{CHANGED, Class, Findings};
use super::members::{Member, Members};
use super::operation::Operation;
use crate::{Contract, Type, TypeKind, printer};

/// Compares types of two contracts, and makes the operations between them.
pub(super) struct Types<'a> {
    pub(super) contracts: [&'a Contract; 2],
    /// What the sides are called in texts.
    pub(super) names: [&'static str; 2],
    /// What is known of two named types, by side and place of each. A type may stand in many others.
    known: HashMap<[(usize, usize); 2], Pair>,
}

/// A type, and the side that it is of: a place in [`Types::contracts`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Typed<'t> {
    pub(super) side: usize,
    pub(super) ty: &'t Type,
}

/// How two types stand to each other.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    /// How values get from the one to the other; none if a difference is breaking.
    pub(super) ways: Option<Ways>,
    pub(super) findings: Findings,
}

/// How values get from the left type to the right one and back.
#[derive(Debug, Clone)]
pub(super) struct Ways {
    /// Whether every value is the same bytes in both.
    pub(super) same: bool,
    pub(super) forth: Arc<Operation>,
    pub(super) back: Arc<Operation>,
}

impl Pair {
    pub(super) fn new(same: bool, forth: Operation, back: Operation, findings: Findings) -> Self {
        let forth = Arc::new(forth);
        let back = if same { Arc::clone(&forth) } else { Arc::new(back) };
        Self { ways: Some(Ways { same, forth, back }), findings }
    }

    pub(super) fn breaking(findings: Findings) -> Self {
        Self { ways: None, findings }
    }

    /// Of the types that are made of these by `make`.
    fn within(self, segment: &str, make: impl Fn(Arc<Operation>) -> Operation) -> Self {
        let findings = self.findings.below(segment);
        match self.ways {
            None => Self::breaking(findings),
            Some(Ways { same, forth, back }) => Self::new(same, make(forth), make(back), findings),
        }
    }
}

impl<'a> Types<'a> {
    pub(super) fn new(contracts: [&'a Contract; 2], names: [&'static str; 2]) -> Self {
        Self { contracts, names, known: HashMap::new() }
    }

    pub(super) fn pair(&mut self, left: Typed<'_>, right: Typed<'_>) -> Pair {
        let (left, right) = (self.resolved(left), self.resolved(right));
        let parts = |one, other| (Typed { ty: one, ..left }, Typed { ty: other, ..right });
        match (left.ty, right.ty) {
            (Type::Named(one), Type::Named(other)) => self.named(left, *one, right, *other),
            (Type::List(one), Type::List(other)) => {
                let (one, other) = parts(one, other);
                self.pair(one, other).within("[]", Operation::list)
            }
            (Type::Option(one), Type::Option(other)) => {
                let (one, other) = parts(one, other);
                self.pair(one, other).within("", Operation::Option)
            }
            (Type::Result(ok, error), Type::Result(other_ok, other_error)) => {
                let one = Choice::of_result(left.side, ok.as_deref(), error.as_deref());
                let other = Choice::of_result(right.side, other_ok.as_deref(), other_error.as_deref());
                self.choices(&one, &other)
            }
            (Type::Tuple(one), Type::Tuple(other)) if one.len() == other.len() => {
                let sides = [Member::parts(left.side, one), Member::parts(right.side, other)];
                self.members(&Members::of_tuple(sides))
            }
            _ => self.plain(left, right),
        }
    }

    /// Compares types that may be absent on both sides. None if they are, or if a difference is breaking.
    pub(super) fn optional(
        &mut self,
        left: Option<Typed<'_>>,
        right: Option<Typed<'_>>,
        path: &str,
        findings: &mut Findings,
    ) -> Option<Ways> {
        if let (Some(left), Some(right)) = (left, right) {
            let pair = self.pair(left, right);
            findings.append(path, pair.findings);
            return pair.ways;
        }
        if left.is_some() || right.is_some() {
            let spell = |of: Option<Typed<'_>>| of.map_or_else(|| "no value".into(), |of| self.spell(of));
            let what = self.both(&spell(left), &spell(right));
            findings.add(Class::Breaking, path, what, CHANGED);
        }
        None
    }

    /// Reads a value and leaves it as it is.
    pub(super) fn walk(&mut self, of: Typed<'_>) -> Option<Arc<Operation>> {
        self.pair(of, of).ways.map(|ways| ways.forth)
    }

    /// The bytes of a value that is absent or empty, if the type has one.
    pub(super) fn absent(&self, of: Typed<'_>) -> Option<Box<[u8]>> {
        let contract = self.contracts[of.side];
        match contract.resolved(of.ty) {
            Type::Option(_) | Type::List(_) => Some([0].into()),
            Type::Named(place) => match &contract.types[*place].kind {
                TypeKind::Flags(flags) => Some(vec![0; flags.len().div_ceil(8)].into()),
                _ => None,
            },
            _ => None,
        }
    }

    /// A type for texts: `u32` or the record `item`, in backticks.
    pub(super) fn spell(&self, of: Typed<'_>) -> String {
        let contract = self.contracts[of.side];
        let ty = contract.resolved(of.ty);
        let spelt = printer::spell(contract, ty);
        let Type::Named(place) = ty else { return format!("`{spelt}`") };
        match &contract.types[*place].kind {
            TypeKind::Record(_) => format!("the record `{spelt}`"),
            TypeKind::Variant(_) => format!("the variant `{spelt}`"),
            TypeKind::Enum(_) => format!("the enum `{spelt}`"),
            TypeKind::Flags(_) => format!("the flags `{spelt}`"),
            TypeKind::Alias(_) => format!("`{spelt}`"),
        }
    }

    /// What both sides have, as a sentence.
    pub(super) fn both(&self, left: &str, right: &str) -> String {
        format!("{} has {left}, {} {right}", self.names[0], self.names[1])
    }

    fn resolved<'t>(&self, of: Typed<'t>) -> Typed<'t>
    where
        'a: 't,
    {
        Typed { ty: self.contracts[of.side].resolved(of.ty), ..of }
    }

    fn named(&mut self, left: Typed<'_>, one: usize, right: Typed<'_>, other: usize) -> Pair {
        let key = [(left.side, one), (right.side, other)];
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let kind = |side: usize, place: usize| &self.contracts[side].types[place].kind;
        let pair = match (kind(left.side, one), kind(right.side, other)) {
            (TypeKind::Record(one), TypeKind::Record(other)) => {
                let sides = [Member::fields(left.side, one), Member::fields(right.side, other)];
                self.members(&Members::of_record(sides))
            }
            (TypeKind::Variant(one), TypeKind::Variant(other))
            | (TypeKind::Enum(one), TypeKind::Enum(other)) => {
                self.choices(&Choice::of_cases(left.side, one), &Choice::of_cases(right.side, other))
            }
            (TypeKind::Flags(one), TypeKind::Flags(other)) => self.flags(one, other),
            _ => self.mismatch(left, right),
        };
        self.known.insert(key, pair.clone());
        pair
    }

    fn plain(&self, left: Typed<'_>, right: Typed<'_>) -> Pair {
        if let (Type::Ref(one), Type::Ref(other)) = (left.ty, right.ty)
            && !one.is_of_series(other)
        {
            let of = |contract: &str| format!("a service of `{contract}`");
            let what = self.both(&of(&one.contract), &of(&other.contract));
            return Pair::breaking(Findings::breaking("", what, CHANGED));
        }
        let ways = (Operation::plain(left.ty, right.ty), Operation::plain(right.ty, left.ty));
        let (Some(forth), Some(back)) = ways else { return self.mismatch(left, right) };
        let is_pid = |of: Typed<'_>| matches!(of.ty, Type::Pid | Type::Ref(_));
        let same = left.ty == right.ty || is_pid(left) && is_pid(right);
        let mut findings = Findings::default();
        if !same {
            let what = self.both(&self.spell(left), &self.spell(right));
            findings.add(Class::Resolved, "", what, WIDER);
        }
        Pair::new(same, forth, back, findings)
    }

    fn mismatch(&self, left: Typed<'_>, right: Typed<'_>) -> Pair {
        let what = self.both(&self.spell(left), &self.spell(right));
        Pair::breaking(Findings::breaking("", what, CHANGED))
    }
}

/// Advice for numbers of two types.
const WIDER: &str =
    "nothing has to be done: a number that the narrower type cannot hold is an error of its message";
