//! Changes of a contract: those that two versions may differ in, and others.

use crate::model::{Answer, Func, Ty};
use crate::random::Choices;

/// What was changed among a function's parameters. Some changes go together only in a way that is ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touched {
    Nothing,
    Places,
    Names,
}

/// So many changes that two versions may differ in.
pub fn allowed(functions: &mut Vec<Func>, count: usize, choices: &mut Choices<'_>) {
    let mut touched = vec![Touched::Nothing; functions.len()];
    // Parameters that stand behind those of the older version have to stay there.
    let shared: Vec<usize> = functions.iter().map(|func| func.params.len()).collect();
    for _ in 0..count {
        let place = choices.below(shared.len());
        let func = &mut functions[place];
        match choices.below(8) {
            0 => {
                let added = Func { is_later: true, ..choices.function() };
                functions.push(added);
            }
            1 if touched[place] != Touched::Names => {
                let added = choices.param();
                func.params.push(crate::model::Param { ty: choices.optional(), ..added });
                touched[place] = Touched::Places;
            }
            2 if touched[place] != Touched::Names && shared[place] > 1 => {
                func.params.swap(0, 1 + choices.below(shared[place] - 1));
                touched[place] = Touched::Places;
            }
            3 if touched[place] == Touched::Nothing && shared[place] > 0 => {
                func.params[choices.below(shared[place])].name = choices.name();
                touched[place] = Touched::Names;
            }
            _ => {
                let before = func.clone();
                // Many types are what they are.
                for _ in 0..8 {
                    let mut slots = slots(func);
                    if !slots.is_empty() {
                        let slot = choices.below(slots.len());
                        grow(slots[slot], choices);
                    }
                    if *func != before {
                        break;
                    }
                }
            }
        }
    }
}

/// A change that no two versions may differ in, and whether it is only functions that a new caller lacks.
pub fn forbidden(functions: &mut Vec<Func>, choices: &mut Choices<'_>) -> bool {
    let place = choices.below(functions.len());
    let is_init = functions[place].name == "init";
    let count = functions.len();
    let func = &mut functions[place];
    match choices.below(6) {
        0 if count > 1 => {
            functions.remove(place);
            return true;
        }
        1 => {
            let added = choices.param();
            func.params.push(crate::model::Param { ty: Ty::Tuple(vec![added.ty.clone()]), ..added });
        }
        2 if !is_init && func.stream.is_none() => {
            func.answer = match &func.answer {
                Answer::Nothing => Answer::Value(Ty::Bool),
                _ => Answer::Nothing,
            };
        }
        3 if !is_init && func.answer != Answer::Nothing => {
            func.stream = if func.stream.is_some() { None } else { Some(Ty::Bool) };
        }
        _ => {
            let mut slots = slots(func);
            if slots.is_empty() {
                let added = choices.param();
                func.params.push(crate::model::Param { ty: Ty::Bool, ..added });
            } else {
                let slot = choices.below(slots.len());
                spoil(slots[slot], choices);
            }
        }
    }
    false
}

/// The types that stand in a function.
fn slots(func: &mut Func) -> Vec<&mut Ty> {
    let is_init = func.name == "init";
    let mut slots: Vec<&mut Ty> = func.params.iter_mut().map(|param| &mut param.ty).collect();
    slots.extend(&mut func.stream);
    match &mut func.answer {
        Answer::Nothing => {}
        Answer::Value(ty) => slots.extend(if is_init { parts(ty) } else { vec![ty] }),
        Answer::Stream { head, item, refusal } => {
            slots.extend(head);
            slots.push(item);
            slots.extend(refusal.iter_mut().flatten());
        }
    }
    slots
}

/// The types that a type is made of.
fn parts(ty: &mut Ty) -> Vec<&mut Ty> {
    match ty {
        Ty::List(of) | Ty::Option(of) => vec![of],
        Ty::Result(ok, error) => [ok, error].into_iter().flatten().map(|ty| &mut **ty).collect(),
        Ty::Tuple(parts) => parts.iter_mut().collect(),
        Ty::Record(fields) => fields.iter_mut().map(|(_, ty)| ty).collect(),
        Ty::Variant(cases) => cases.iter_mut().filter_map(|(_, ty)| ty.as_mut()).collect(),
        _ => Vec::new(),
    }
}

/// Changes a type, or one that it is made of, into one that can be resolved with it.
fn grow(ty: &mut Ty, choices: &mut Choices<'_>) {
    if descend(ty, choices, grow) {
        return;
    }
    let (add, place) = (choices.below(3) > 0, choices.next() as usize);
    match ty {
        Ty::Int(bits, signed) => {
            let wider: Vec<u32> = [16, 32, 64].into_iter().filter(|wider| wider > bits).collect();
            if !wider.is_empty() {
                *signed |= place % 2 == 1;
                *bits = wider[choices.below(wider.len())];
            }
        }
        Ty::F32 => *ty = Ty::F64,
        Ty::Record(fields) if add => {
            fields.insert(place % (fields.len() + 1), (choices.name(), choices.optional()));
        }
        Ty::Variant(cases) if add => {
            let payload = (choices.below(2) == 1).then(|| choices.ty(1));
            cases.insert(place % (cases.len() + 1), (choices.name(), payload));
        }
        Ty::Enum(names) | Ty::Flags(names) if add => {
            for _ in 0..=choices.below(9) {
                names.insert(place % (names.len() + 1), choices.name());
            }
        }
        Ty::Record(fields) => fields.reverse(),
        Ty::Variant(cases) => cases.reverse(),
        Ty::Enum(names) | Ty::Flags(names) => names.reverse(),
        _ => {}
    }
}

/// Changes a type, or one that it is made of, into one that nothing makes of it.
fn spoil(ty: &mut Ty, choices: &mut Choices<'_>) {
    if descend(ty, choices, spoil) {
        return;
    }
    let whole = Box::new(ty.clone());
    match (choices.below(6), &mut *ty) {
        (0, _) => *ty = Ty::Option(whole),
        (1, _) => *ty = Ty::List(whole),
        (2, _) => *ty = Ty::Tuple(vec![*whole]),
        (3, Ty::Variant(cases)) => {
            let payload = &mut cases[0].1;
            *payload = if payload.is_some() { None } else { Some(Ty::Option(Box::new(Ty::Bool))) };
        }
        (_, Ty::Record(fields)) => {
            let is_optional = |ty: &Ty| matches!(ty, Ty::Option(_) | Ty::List(_) | Ty::Flags(_));
            let required = fields.iter().position(|(_, ty)| !is_optional(ty));
            match required {
                Some(place) if fields.len() > 1 => drop(fields.remove(place)),
                _ => fields.push((choices.name(), Ty::Text)),
            }
        }
        (_, Ty::Variant(cases)) => cases.iter_mut().for_each(|(name, _)| *name = choices.name()),
        (_, Ty::Enum(names)) => names.iter_mut().for_each(|name| *name = choices.name()),
        (_, Ty::Tuple(parts)) => parts.push(Ty::Option(Box::new(Ty::Bool))),
        (_, Ty::Result(ok, _)) => *ok = if ok.is_some() { None } else { Some(Box::new(Ty::Bool)) },
        (_, Ty::Text) => *ty = Ty::Char,
        _ => *ty = Ty::Text,
    }
}

/// Changes a type that this one is made of, if it is made of others; sometimes not.
fn descend(ty: &mut Ty, choices: &mut Choices<'_>, change: fn(&mut Ty, &mut Choices<'_>)) -> bool {
    let is_named = matches!(ty, Ty::Record(_) | Ty::Variant(_));
    let mut parts = parts(ty);
    if parts.is_empty() || is_named && choices.below(2) == 0 || !is_named && choices.below(6) == 5 {
        return false;
    }
    let part = choices.below(parts.len());
    change(parts[part], choices);
    true
}
