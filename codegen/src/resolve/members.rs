use std::borrow::Cow;
use std::sync::Arc;

use super::difference::{BY_NAME, Class, Findings};
use super::matches::Matches;
use super::operation::{Operation, Record, Step};
use super::types::{Pair, Typed, Types, Ways};
use crate::{Field, Param, Type};

/// A field of a record, a part of a tuple, or a parameter.
pub(super) struct Member<'t> {
    pub(super) name: Cow<'t, str>,
    pub(super) of: Typed<'t>,
}

impl<'t> Member<'t> {
    pub(super) fn fields(side: usize, fields: &'t [Field]) -> Vec<Self> {
        fields.iter().map(|field| Self::new(&field.name, side, &field.ty)).collect()
    }

    pub(super) fn params(side: usize, params: &'t [Param]) -> Vec<Self> {
        params.iter().map(|param| Self::new(&param.name, side, &param.ty)).collect()
    }

    pub(super) fn parts(side: usize, parts: &'t [Type]) -> Vec<Self> {
        let part = |(place, ty): (usize, &'t Type)| Self::new(place.to_string(), side, ty);
        parts.iter().enumerate().map(part).collect()
    }

    fn new(name: impl Into<Cow<'t, str>>, side: usize, ty: &'t Type) -> Self {
        Self { name: name.into(), of: Typed { side, ty } }
    }
}

/// The members of both sides, and which of them are the same.
pub(super) struct Members<'t> {
    /// What one of them is called in texts.
    pub(super) noun: &'static str,
    pub(super) sides: [Vec<Member<'t>>; 2],
    pub(super) matches: Matches,
    /// How many of each side, from the first, the other side has to have.
    pub(super) required: [usize; 2],
    /// What to do about one that the other side has to have and has not.
    pub(super) advice: &'static str,
}

impl<'t> Members<'t> {
    pub(super) fn of_record(sides: [Vec<Member<'t>>; 2]) -> Self {
        let names = sides.each_ref().map(|side| side.iter().map(|member| &*member.name).collect());
        let matches = Matches::by_name(&names);
        Self { noun: "field", sides, matches, required: [0, 0], advice: OPTIONAL }
    }

    /// Of tuples with as many parts each.
    pub(super) fn of_tuple(sides: [Vec<Member<'t>>; 2]) -> Self {
        let length = sides[0].len();
        let matches = Matches::by_place(length);
        Self { noun: "part", sides, matches, required: [length, length], advice: OPTIONAL }
    }
}

impl Types<'_> {
    pub(super) fn members(&mut self, members: &Members<'_>) -> Pair {
        let [left, right] = &members.sides;
        let (forth, back) = (members.matches.places(0), members.matches.places(1));
        let mut findings = Findings::default();
        // For each of the left side; none where the right side does not have it.
        let mut ways: Vec<Option<Ways>> = Vec::new();
        for (member, other) in left.iter().zip(forth) {
            let pair = match other {
                Some(other) => self.pair(member.of, right[*other].of),
                None => Pair::breaking(Findings::default()),
            };
            findings.append(&format!(".{}", member.name), pair.findings);
            ways.push(pair.ways);
        }
        for side in [0, 1] {
            members.matches.alone(side).for_each(|place| self.alone(members, side, place, &mut findings));
        }
        if !members.matches.is_in_order() {
            let what = format!("the {}s are in another order", members.noun);
            findings.add(Class::Resolved, "", what, BY_NAME);
        }
        if findings.is_breaking() {
            return Pair::breaking(findings);
        }
        let same = members.matches.is_same() && ways.iter().flatten().all(|ways| ways.same);
        let to_right = self
            .record([left, right], [forth, back], &|place| Some(Arc::clone(&ways[place].as_ref()?.forth)));
        let to_left = self.record([right, left], [back, forth], &|place| {
            Some(Arc::clone(&ways[back[place]?].as_ref()?.back))
        });
        match (to_right, to_left) {
            (Some(to_right), Some(to_left)) => Pair::new(same, to_right, to_left, findings),
            _ => Pair::breaking(findings),
        }
    }

    /// Tells what a member means that only one side has.
    fn alone(&self, members: &Members<'_>, side: usize, place: usize, findings: &mut Findings) {
        let member = &members.sides[side][place];
        let what = format!("only {} has this {}, {}", self.names[side], members.noun, self.spell(member.of));
        let may_be_absent = place >= members.required[side] && self.absent(member.of).is_some();
        let (class, advice) =
            if may_be_absent { (Class::Resolved, ABSENT) } else { (Class::Breaking, members.advice) };
        findings.add(class, &format!(".{}", member.name), what, advice);
    }

    /// What becomes of the members of `from` for a reader that has those of `to`.
    fn record(
        &mut self,
        [from, to]: [&[Member<'_>]; 2],
        [forth, back]: [&[Option<usize>]; 2],
        way: &dyn Fn(usize) -> Option<Arc<Operation>>,
    ) -> Option<Operation> {
        // Each with the place of the writer's that it is or stands behind, from 1, and the place that it makes of the reader's.
        let mut steps = Vec::new();
        for (place, member) in from.iter().enumerate() {
            let name = member.name.to_string();
            let step = match forth[place] {
                Some(_) => Step::Keep(name, way(place)?),
                None => Step::Drop(name, self.walk(member.of)?),
            };
            steps.push((place + 1, forth[place], step));
        }
        let mut behind = 0;
        for (place, member) in to.iter().enumerate() {
            match back[place] {
                Some(other) => behind = other + 1,
                None => steps.push((behind, Some(place), Step::Fill(self.absent(member.of)?))),
            }
        }
        // It is stable: what is filled in stands behind.
        steps.sort_by_key(|(place, ..)| *place);
        let mut order = vec![0; to.len()];
        for (step, (_, made, _)) in steps.iter().enumerate() {
            made.iter().for_each(|place| order[*place] = step);
        }
        let steps = steps.into_iter().map(|(.., step)| step).collect();
        let order = (!order.is_sorted()).then(|| order.into());
        Some(Operation::Record(Record { steps, order }))
    }
}

/// Advice for what may be absent.
const ABSENT: &str = "nothing has to be done: it is absent for who has it, and left out for who has it not";

/// Advice for fields that may not be absent.
const OPTIONAL: &str =
    "only an `option`, a `list` or flags may be added or taken away; or give the package a new major version";
