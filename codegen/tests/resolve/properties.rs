//! Random contracts, random changes of them and random values: what arrives is what the model says.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rusm_codegen::resolve::{Class, Fault, Resolution, Route, TranscodeError, Transcoder, differences};
use rusm_codegen::value::{parse_arguments, parse_value, print_next};
use rusm_codegen::{Contract, Function, Shape, Type};
use rusm_wire::Reader;

use crate::changes::{allowed, forbidden};
use crate::contract;
use crate::model::{Func, Ty, Value, absent, convert, wave, wit};
use crate::random::Choices;

/// A version of a contract, and the model of it.
struct Version {
    functions: Vec<Func>,
    contract: Contract,
}

impl Version {
    fn old(functions: &[Func]) -> Self {
        Self { functions: functions.to_vec(), contract: contract("1.0.0", &wit(functions, "t", false)) }
    }

    fn new(functions: &[Func]) -> Self {
        Self { functions: functions.to_vec(), contract: contract("1.1.0", &wit(functions, "k", true)) }
    }

    fn end(&self, name: &str) -> Option<End<'_>> {
        let model = self.functions.iter().find(|func| func.name == name)?;
        Some(End { contract: &self.contract, function: self.contract.function_named(name)?, model })
    }
}

/// One side of a function.
#[derive(Clone, Copy)]
struct End<'a> {
    contract: &'a Contract,
    function: &'a Function,
    model: &'a Func,
}

/// A type of one side, and the model of it.
struct Of<'a> {
    contract: &'a Contract,
    ty: Type,
    model: Ty,
}

impl<'a> End<'a> {
    fn of(&self, ty: Option<Type>, model: Option<Ty>) -> Option<Of<'a>> {
        Some(Of { contract: self.contract, ty: ty?, model: model? })
    }

    fn stream(&self) -> Option<Of<'a>> {
        self.of(self.function.stream.as_ref().map(|stream| stream.item.clone()), self.model.stream.clone())
    }

    fn reply(&self) -> Option<Of<'a>> {
        self.of(self.function.reply(), self.model.reply())
    }

    fn item(&self) -> Option<Of<'a>> {
        let Shape::StreamOut { item, .. } = &self.function.shape else { return None };
        self.of(Some(item.clone()), self.model.item().cloned())
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_arrives_is_what_was_sent_in_the_readers_version(numbers in numbers(), count in 1usize..=5) {
        let mut choices = Choices::new(&numbers);
        let mut functions = choices.functions();
        let old = Version::old(&functions);
        allowed(&mut functions, count, &mut choices);
        let new = Version::new(&functions);
        let told = differences(&old.contract, &new.contract);
        prop_assert!(told.iter().all(|one| one.class != Class::Breaking), "{:?}", told);
        for (caller, service) in [(&old, &new), (&new, &old)] {
            let resolution = Resolution::new(&caller.contract, &service.contract);
            let resolution = resolution.expect("it resolves");
            (0..3).for_each(|_| messages(caller, service, &resolution, &mut choices));
        }
    }

    #[test]
    fn what_cannot_be_resolved_is_refused(numbers in numbers(), count in 0usize..=4) {
        let mut choices = Choices::new(&numbers);
        let mut functions = choices.functions();
        let old = Version::old(&functions);
        let is_gone = forbidden(&mut functions, &mut choices);
        allowed(&mut functions, count, &mut choices);
        let new = Version::new(&functions);
        let (old, new) = (&old.contract, &new.contract);
        prop_assert!(Resolution::new(old, new).is_err(), "{}\n{}", old.wit, new.wit);
        prop_assert_eq!(Resolution::new(new, old).is_err(), !is_gone, "{}\n{}", old.wit, new.wit);
        prop_assert!(differences(old, new).iter().any(|one| one.class == Class::Breaking));
    }
}

fn numbers() -> impl Strategy<Value = Vec<u32>> {
    // Small ones choose among cases as well as others, and are more often small values.
    let number = prop_oneof![0..64u32, any::<u32>()];
    proptest::collection::vec(number, 200..2500)
}

/// Sends values of every function there and back.
fn messages(caller: &Version, service: &Version, resolution: &Resolution, choices: &mut Choices<'_>) {
    for func in &caller.functions {
        let own = caller.end(&func.name).expect("its own");
        let route = resolution.route(own.function.key).expect("its own");
        let Some(theirs) = service.end(&func.name) else {
            assert!(matches!(route, Route::Later(_)) && func.is_later);
            continue;
        };
        let plan = match route {
            Route::Later(later) => panic!("{later}, and it has it"),
            Route::Same => None,
            Route::Plan(plan) => Some(&**plan),
        };
        assert_eq!(plan.map_or(own.function.key, |plan| plan.key), theirs.function.key);
        arguments(own, theirs, plan.map(|plan| &plan.arguments), choices);
        for (from, to, transcoder, count) in [
            (own.stream(), theirs.stream(), plan.and_then(|plan| plan.to_callee.as_ref()), 3),
            (theirs.reply(), own.reply(), plan.and_then(|plan| plan.reply.as_ref()), 1),
            (theirs.item(), own.item(), plan.and_then(|plan| plan.to_caller.as_ref()), 3),
        ] {
            assert!(plan.is_none() || transcoder.is_some() == from.is_some());
            if let (Some(from), Some(to)) = (from, to) {
                values(&from, &to, transcoder, count, choices);
            }
        }
    }
}

/// Sends arguments to a function.
fn arguments(from: End<'_>, to: End<'_>, transcoder: Option<&Transcoder>, choices: &mut Choices<'_>) {
    let params = &from.model.params;
    let sent: Vec<Value> = params.iter().map(|param| choices.value(&param.ty)).collect();
    let mut faults = Vec::new();
    let received = to.model.params.iter().map(|param| {
        let place = params.iter().position(|other| other.identity == param.identity);
        place.map_or_else(
            || absent(&param.ty),
            |place| convert(&sent[place], &params[place].ty, &param.ty, &mut faults),
        )
    });
    let received: Vec<Value> = received.collect();
    let bytes = |end: End<'_>, values: &[Value]| {
        let text = values.iter().zip(&end.model.params).map(|(value, param)| wave(value, &param.ty));
        let text = format!("({})", text.collect::<Vec<_>>().join(", "));
        parse_arguments(end.contract, end.function, &text).expect(&text)
    };
    let sent = bytes(from, &sent);
    let got = transcoder.map_or_else(|| Ok(sent.clone()), |transcoder| transcoder.transcode(&sent));
    compare(got, &faults, || bytes(to, &received));
    let Some(transcoder) = transcoder else { return };
    let types = |end: End<'_>| end.function.params.iter().map(|param| param.ty.clone()).collect();
    let sides = [(from.contract, types(from)), (to.contract, types(to))];
    any_bytes(sides, &|bytes| transcoder.transcode(bytes), false, &sent, choices);
}

/// Sends so many values of a type, one after the other.
fn values(
    from: &Of<'_>,
    to: &Of<'_>,
    transcoder: Option<&Transcoder>,
    count: usize,
    choices: &mut Choices<'_>,
) {
    let bytes = |of: &Of<'_>, value: &Value| {
        let text = wave(value, &of.model);
        parse_value(of.contract, &of.ty, &text).expect(&text)
    };
    let (mut sent, mut received, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..count {
        let value = choices.value(&from.model);
        sent.extend(bytes(from, &value));
        received.push(convert(&value, &from.model, &to.model, &mut faults));
    }
    let transcode = |bytes: &[u8]| match transcoder {
        None => Ok(bytes.to_vec()),
        Some(transcoder) if count == 1 => transcoder.transcode(bytes),
        Some(transcoder) => transcoder.transcode_items(bytes),
    };
    compare(transcode(&sent), &faults, || received.iter().flat_map(|value| bytes(to, value)).collect());
    if transcoder.is_some() {
        let sides = [from, to].map(|of| (of.contract, vec![of.ty.clone()]));
        any_bytes(sides, &transcode, count > 1, &sent, choices);
    }
}

type Transcoded = Result<Vec<u8>, TranscodeError>;

fn compare(got: Transcoded, faults: &[String], expected: impl FnOnce() -> Vec<u8>) {
    match got {
        Ok(got) => {
            assert_eq!(faults, <[String; 0]>::default(), "it has no form there");
            assert_eq!(got, expected());
        }
        Err(error) => {
            let text = error.to_string();
            assert!(faults.iter().any(|fault| text.contains(fault)), "{text}: not of {faults:?}");
        }
    }
}

/// Sends damaged messages: what the writer's type does not have is malformed, and anything else is as the wire writes it.
fn any_bytes(
    [from, to]: [(&Contract, Vec<Type>); 2],
    transcode: &dyn Fn(&[u8]) -> Transcoded,
    repeated: bool,
    bytes: &[u8],
    choices: &mut Choices<'_>,
) {
    for _ in 0..6 {
        let mut bytes = bytes.to_vec();
        for _ in 0..=choices.below(3) {
            let place = choices.below(bytes.len() + 1);
            let byte = [0, 1, 0x80, 0xff, choices.next() as u8][choices.below(5)];
            match choices.below(4) {
                0 => bytes.truncate(place),
                1 => bytes.insert(place, byte),
                2 => bytes = (0..choices.below(40)).map(|_| choices.next() as u8).collect(),
                _ => bytes.iter_mut().skip(place).take(1).for_each(|old| *old = byte),
            }
        }
        let read = print(from.0, &from.1, repeated, &bytes);
        match transcode(&bytes) {
            Ok(out) => {
                assert!(read.is_some(), "malformed bytes are taken");
                assert!(out.len() <= (64 * bytes.len()).max(64 << 10));
                let written =
                    print(to.0, &to.1, repeated, &out).expect("what came out is of the reader's types");
                let again = written.iter().flat_map(|(ty, text)| parse_value(to.0, ty, text).expect(text));
                assert_eq!(again.collect::<Vec<u8>>(), out, "it is spelt as the wire spells it");
            }
            Err(error) => {
                let is_malformed = matches!(error.fault, Fault::Malformed(_));
                assert!(!is_malformed || read.is_none(), "{error}: it is well-formed");
            }
        }
    }
}

/// Values of these types, as often as they come, as text; none if there is anything else.
fn print<'t>(
    contract: &Contract,
    types: &'t [Type],
    repeated: bool,
    bytes: &[u8],
) -> Option<Vec<(&'t Type, String)>> {
    let mut reader = Reader::new(bytes);
    let mut printed = Vec::new();
    while !repeated || reader.remaining() > 0 {
        for ty in types {
            printed.push((ty, print_next(contract, ty, &mut reader).ok()?));
        }
        if !repeated {
            break;
        }
    }
    reader.finish().ok().map(|()| printed)
}
