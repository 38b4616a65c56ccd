//! Values as text: WAVE in, wire bytes out, and back. For people and tools; services use generated code.

use rusm_wire::{DecodeError, Reader, Writer};
use wasm_wave::ast::{Node, NodeType};
use wasm_wave::untyped::UntypedFuncCall;
use wasm_wave::value::{Type as WaveType, Value};
use wasm_wave::wasm::{WasmType as _, WasmTypeKind, WasmValue, WasmValueError};

use crate::{Case, Contract, Function, Type, TypeKind, printer};

/// Why a text is no call, or no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It does not read as WAVE, or not as a value of the type.
    #[error("{what}; expected {expected}")]
    Invalid {
        /// What is wrong, and where.
        what: String,
        /// The signature or type.
        expected: String,
    },
    /// There is no such function.
    #[error("there is no function `{name}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownFunction {
        /// The name.
        name: String,
        /// The known name that is closest.
        nearest: Option<String>,
    },
    /// Several contracts have it.
    #[error("the function `{name}` is in several contracts: write {}", known.join(" or "))]
    Ambiguous {
        /// The name.
        name: String,
        /// How each is written.
        known: Vec<String>,
    },
}

/// A call as text, read: which function of which contract, and its arguments on the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct TextCall<'a> {
    /// The contract.
    pub contract: &'a Contract,
    /// Its function.
    pub function: &'a Function,
    /// The arguments.
    pub body: Vec<u8>,
}

/// A call as text, `add({sku: "a", qty: 2})`, read as a function of one of a service's contracts and its arguments on the wire. A name that
/// several of them have is written with its contract: `cart.add(..)`, `shop:cart/cart@1.0.0.add(..)`.
///
/// # Errors
/// [`TextError`].
pub fn parse_call<'a>(contracts: &'a [Contract], text: &str) -> Result<TextCall<'a>, TextError> {
    let text = text.trim();
    let head = text.split('(').next().unwrap_or_default();
    let path = head.trim();
    // No function's name has a dot, and versions have some.
    let (of, name) = path.rsplit_once('.').map_or((None, path), |(of, name)| (Some(of), name));
    let wanted = |contract: &&Contract| of.is_none_or(|of| contract.name == of || contract.is_called(of));
    let found: Vec<(&Contract, &Function)> = contracts
        .iter()
        .filter(wanted)
        .filter_map(|contract| Some((contract, contract.function_named(name)?)))
        .collect();
    match *found.as_slice() {
        [(contract, function)] => {
            let body = parse_arguments(contract, function, &text[head.len()..])?;
            Ok(TextCall { contract, function, body })
        }
        [] => Err(unknown(contracts, path)),
        _ => {
            let all: Vec<&Contract> = found.iter().map(|(contract, _)| *contract).collect();
            let known = all.iter().map(|contract| format!("`{}.{name}`", shortest(contract, &all))).collect();
            Err(TextError::Ambiguous { name: path.to_owned(), known })
        }
    }
}

/// The shortest name that tells a contract from the others.
fn shortest(contract: &Contract, all: &[&Contract]) -> String {
    let alone = |same: &dyn Fn(&Contract) -> bool| all.iter().filter(|other| same(other)).count() == 1;
    if alone(&|other| other.name == contract.name) {
        contract.name.clone()
    } else if alone(&|other| other.id == contract.id) {
        contract.id.clone()
    } else {
        contract.versioned_id()
    }
}

/// A function's arguments as text, `("a", 2)`, on the wire.
///
/// # Errors
/// [`TextError`].
pub fn parse_arguments(contract: &Contract, function: &Function, text: &str) -> Result<Vec<u8>, TextError> {
    let types: Vec<&Type> = function.params.iter().map(|param| &param.ty).collect();
    let expected = format!("{}{}", signature(contract, function), definitions(contract, &types));
    let invalid = |what: String| TextError::Invalid { what, expected: expected.clone() };
    let waves: Vec<WaveType> = types.iter().map(|ty| wave_type(contract, ty)).collect();
    let text = format!("call{}", text.trim());
    let call = UntypedFuncCall::parse(&text)
        .map_err(|error| invalid(format!("{error}{}", percent(contract, &types, &text))))?;
    let values = match call.params_node() {
        None => absent(&waves).ok_or_else(|| invalid("there are no arguments".into()))?,
        Some(node) => {
            let nodes = node.as_tuple().map_err(|error| invalid(error.to_string()))?;
            for ((node, wave), param) in nodes.zip(&waves).zip(&function.params) {
                if let Some(field) = unknown_field(node, wave, call.source()) {
                    return Err(invalid(format!("there is no field `{field}`")));
                }
                node.to_wasm_value::<Value>(wave, call.source()).map_err(|error| {
                    let text = &call.source()[node.span()];
                    let ty = printer::spell(contract, &param.ty);
                    let hint = percent(contract, &[&param.ty], text);
                    invalid(format!(
                        "parameter `{}`: `{text}` is no `{ty}`: {}{hint}",
                        param.name,
                        error.kind()
                    ))
                })?;
            }
            call.to_wasm_params(&waves).map_err(|error| invalid(error.to_string()))?
        }
    };
    let mut writer = Writer::new();
    for (param, value) in function.params.iter().zip(&values) {
        encode(contract, &param.ty, value, &mut writer);
    }
    Ok(writer.into_bytes())
}

/// One value as text, on the wire.
///
/// # Errors
/// [`TextError`].
pub fn parse_value(contract: &Contract, ty: &Type, text: &str) -> Result<Vec<u8>, TextError> {
    let wave = wave_type(contract, ty);
    let invalid = |what: String| TextError::Invalid { what, expected: wave.to_string() };
    let value: Value = wasm_wave::from_str(&wave, text.trim()).map_err(|error| invalid(error.to_string()))?;
    let mut writer = Writer::new();
    encode(contract, ty, &value, &mut writer);
    Ok(writer.into_bytes())
}

/// The value that these bytes are, as text.
///
/// # Errors
/// [`DecodeError`] if they are none.
pub fn print_value(contract: &Contract, ty: &Type, bytes: &[u8]) -> Result<String, DecodeError> {
    let mut reader = Reader::new(bytes);
    let text = print_next(contract, ty, &mut reader)?;
    reader.finish()?;
    Ok(text)
}

/// The next value of several, as text: for the chunks of a stream.
///
/// # Errors
/// [`DecodeError`] if there is none.
pub fn print_next(contract: &Contract, ty: &Type, reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    let value = decode(contract, ty, reader)?;
    // A value that was made from the type can be printed.
    Ok(wasm_wave::to_string(&value).unwrap_or_default())
}

/// What the named types in a signature are, and those in them: a line each.
fn definitions(contract: &Contract, types: &[&Type]) -> String {
    let mut places = Vec::new();
    types.iter().for_each(|ty| mention(contract, ty, &mut places));
    let line = |place: &usize| {
        format!("\n  where {} is {}", contract.types[*place].name, printer::shape(contract, *place))
    };
    places.iter().map(line).collect()
}

/// Adds the named types in a type, each before those in it, and once.
fn mention(contract: &Contract, ty: &Type, places: &mut Vec<usize>) {
    match ty {
        Type::List(of) | Type::Option(of) => mention(contract, of, places),
        Type::Result(ok, error) => {
            [ok, error].into_iter().flatten().for_each(|ty| mention(contract, ty, places));
        }
        Type::Tuple(parts) => parts.iter().for_each(|ty| mention(contract, ty, places)),
        Type::Named(place) if !places.contains(place) => {
            places.push(*place);
            match &contract.types[*place].kind {
                TypeKind::Alias(of) => mention(contract, of, places),
                TypeKind::Record(fields) => {
                    fields.iter().for_each(|field| mention(contract, &field.ty, places));
                }
                TypeKind::Variant(cases) => {
                    cases
                        .iter()
                        .filter_map(|case| case.ty.as_ref())
                        .for_each(|ty| mention(contract, ty, places));
                }
                TypeKind::Enum(_) | TypeKind::Flags(_) => {}
            }
        }
        _ => {}
    }
}

/// A case that has the name of one of WAVE's own words is written with `%`; says so where the text has it without.
fn percent(contract: &Contract, types: &[&Type], text: &str) -> String {
    let mut places = Vec::new();
    types.iter().for_each(|ty| mention(contract, ty, &mut places));
    let mut cases = places.iter().flat_map(|place| match &contract.types[*place].kind {
        TypeKind::Variant(cases) | TypeKind::Enum(cases) => cases.as_slice(),
        _ => &[],
    });
    let is_bare = |word: &str| {
        let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '%'));
        words.any(|other| other == word)
    };
    let case = cases.find(|case| WAVE_WORDS.contains(&case.name.as_str()) && is_bare(&case.name));
    case.map(|case| format!("; the case `{0}` is written `%{0}`", case.name)).unwrap_or_default()
}

/// Words that stand for values in WAVE.
const WAVE_WORDS: [&str; 8] = ["true", "false", "inf", "nan", "none", "some", "ok", "err"];

/// A function as it stands in the contract.
pub fn signature(contract: &Contract, function: &Function) -> String {
    printer::signature(contract, function)
}

fn unknown(contracts: &[Contract], path: &str) -> TextError {
    // As it was written: with its contract, or without.
    let spelt = |contract: &Contract, function: &Function| match path.contains('.') {
        true => contract.path(function),
        false => function.name.clone(),
    };
    let known: Vec<String> = contracts
        .iter()
        .flat_map(|contract| contract.functions.iter().map(move |function| spelt(contract, function)))
        .collect();
    let nearest = crate::nearest(path, known.iter().map(String::as_str)).map(str::to_owned);
    TextError::UnknownFunction { name: path.to_owned(), nearest }
}

/// A type as WAVE knows it.
fn wave_type(contract: &Contract, ty: &Type) -> WaveType {
    let inner = |ty: &Type| wave_type(contract, ty);
    // Contracts have no empty types, which are all that these constructors refuse.
    let made = |ty: Option<WaveType>| ty.unwrap_or(WaveType::BOOL);
    let names = |cases: &[Case]| cases.iter().map(|case| case.name.clone()).collect::<Vec<_>>();
    match ty {
        Type::Bool => WaveType::BOOL,
        Type::U8 => WaveType::U8,
        Type::U16 => WaveType::U16,
        Type::U32 => WaveType::U32,
        Type::U64 => WaveType::U64,
        Type::S8 => WaveType::S8,
        Type::S16 => WaveType::S16,
        Type::S32 => WaveType::S32,
        Type::S64 => WaveType::S64,
        Type::F32 => WaveType::F32,
        Type::F64 => WaveType::F64,
        Type::Char => WaveType::CHAR,
        Type::String => WaveType::STRING,
        Type::Pid | Type::Ref(_) => made(WaveType::record([("node", WaveType::U64), ("id", WaveType::U64)])),
        Type::List(of) => WaveType::list(inner(of)),
        Type::Option(of) => WaveType::option(inner(of)),
        Type::Result(ok, error) => WaveType::result(ok.as_deref().map(inner), error.as_deref().map(inner)),
        Type::Tuple(parts) => made(WaveType::tuple(parts.iter().map(inner).collect::<Vec<_>>())),
        Type::Named(place) => match &contract.types[*place].kind {
            TypeKind::Alias(of) => inner(of),
            TypeKind::Record(fields) => {
                made(WaveType::record(fields.iter().map(|field| (field.name.clone(), inner(&field.ty)))))
            }
            TypeKind::Variant(cases) => made(WaveType::variant(
                cases.iter().map(|case| (case.name.clone(), case.ty.as_ref().map(inner))),
            )),
            TypeKind::Enum(cases) => made(WaveType::enum_ty(names(cases))),
            TypeKind::Flags(flags) => made(WaveType::flags(names(flags))),
        },
    }
}

fn encode(contract: &Contract, ty: &Type, value: &Value, writer: &mut Writer) {
    match ty {
        Type::Bool => writer.byte(u8::from(value.unwrap_bool())),
        Type::U8 => writer.byte(value.unwrap_u8()),
        Type::U16 => writer.varint(value.unwrap_u16().into()),
        Type::U32 => writer.varint(value.unwrap_u32().into()),
        Type::U64 => writer.varint(value.unwrap_u64()),
        Type::S8 => writer.byte(value.unwrap_s8() as u8),
        Type::S16 => writer.zigzag(value.unwrap_s16().into()),
        Type::S32 => writer.zigzag(value.unwrap_s32().into()),
        Type::S64 => writer.zigzag(value.unwrap_s64()),
        Type::F32 => writer.f32(value.unwrap_f32()),
        Type::F64 => writer.f64(value.unwrap_f64()),
        Type::Char => writer.char(value.unwrap_char()),
        Type::String => writer.string(&value.unwrap_string()),
        Type::Pid | Type::Ref(_) => {
            for (_, half) in value.unwrap_record() {
                writer.varint(half.unwrap_u64());
            }
        }
        Type::List(of) => {
            let items: Vec<_> = value.unwrap_list().collect();
            writer.length(items.len());
            for item in items {
                encode(contract, of, &item, writer);
            }
        }
        Type::Option(of) => {
            let some = value.unwrap_option();
            writer.byte(u8::from(some.is_some()));
            if let Some(some) = some {
                encode(contract, of, &some, writer);
            }
        }
        Type::Result(ok, error) => {
            let (tag, ty, payload) = match value.unwrap_result() {
                Ok(payload) => (0, ok, payload),
                Err(payload) => (1, error, payload),
            };
            writer.varint(tag);
            if let (Some(ty), Some(payload)) = (ty, payload) {
                encode(contract, ty, &payload, writer);
            }
        }
        Type::Tuple(parts) => {
            for (ty, part) in parts.iter().zip(value.unwrap_tuple()) {
                encode(contract, ty, &part, writer);
            }
        }
        Type::Named(place) => match &contract.types[*place].kind {
            TypeKind::Alias(of) => encode(contract, of, value, writer),
            TypeKind::Record(fields) => {
                for (field, (_, value)) in fields.iter().zip(value.unwrap_record()) {
                    encode(contract, &field.ty, &value, writer);
                }
            }
            TypeKind::Variant(cases) => {
                let (name, payload) = value.unwrap_variant();
                let tag = cases.iter().position(|case| case.name == name).unwrap_or_default();
                writer.varint(tag as u64);
                if let (Some(ty), Some(payload)) = (&cases[tag].ty, payload) {
                    encode(contract, ty, &payload, writer);
                }
            }
            TypeKind::Enum(cases) => {
                let name = value.unwrap_enum();
                writer.varint(cases.iter().position(|case| case.name == name).unwrap_or_default() as u64);
            }
            TypeKind::Flags(flags) => {
                let set: Vec<String> = value.unwrap_flags().map(std::borrow::Cow::into_owned).collect();
                let bits: Vec<bool> = flags.iter().map(|flag| set.contains(&flag.name)).collect();
                writer.flags(&bits);
            }
        },
    }
}

fn decode(contract: &Contract, ty: &Type, reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let wave = || wave_type(contract, ty);
    // A value of parts that were decoded by the type fits the type.
    let made = |value: Result<Value, WasmValueError>| value.map_err(|_| DecodeError::Tag);
    Ok(match ty {
        Type::Bool => Value::make_bool(reader.bool()?),
        Type::U8 => Value::make_u8(reader.byte()?),
        Type::U16 => Value::make_u16(reader.varint(16)? as u16),
        Type::U32 => Value::make_u32(reader.varint(32)? as u32),
        Type::U64 => Value::make_u64(reader.varint(64)?),
        Type::S8 => Value::make_s8(reader.byte()? as i8),
        Type::S16 => Value::make_s16(reader.zigzag(16)? as i16),
        Type::S32 => Value::make_s32(reader.zigzag(32)? as i32),
        Type::S64 => Value::make_s64(reader.zigzag(64)?),
        Type::F32 => Value::make_f32(reader.f32()?),
        Type::F64 => Value::make_f64(reader.f64()?),
        Type::Char => Value::make_char(reader.char()?),
        Type::String => Value::make_string(reader.string()?.into()),
        Type::Pid | Type::Ref(_) => {
            let (node, id) = (Value::make_u64(reader.varint(64)?), Value::make_u64(reader.varint(64)?));
            made(Value::make_record(&wave(), [("node", node), ("id", id)]))?
        }
        Type::List(of) => {
            let length = reader.length()?;
            let items = (0..length).map(|_| decode(contract, of, reader)).collect::<Result<Vec<_>, _>>()?;
            made(Value::make_list(&wave(), items))?
        }
        Type::Option(of) => {
            let some = reader.bool()?.then(|| decode(contract, of, reader)).transpose()?;
            made(Value::make_option(&wave(), some))?
        }
        Type::Result(ok, error) => {
            let is_ok = reader.tag(2)? == 0;
            let ty = if is_ok { ok } else { error };
            let payload = ty.as_deref().map(|ty| decode(contract, ty, reader)).transpose()?;
            made(Value::make_result(&wave(), if is_ok { Ok(payload) } else { Err(payload) }))?
        }
        Type::Tuple(parts) => {
            let parts = parts.iter().map(|ty| decode(contract, ty, reader)).collect::<Result<Vec<_>, _>>()?;
            made(Value::make_tuple(&wave(), parts))?
        }
        Type::Named(place) => match &contract.types[*place].kind {
            TypeKind::Alias(of) => decode(contract, of, reader)?,
            TypeKind::Record(fields) => {
                let mut values = Vec::with_capacity(fields.len());
                for field in fields {
                    values.push((field.name.as_str(), decode(contract, &field.ty, reader)?));
                }
                made(Value::make_record(&wave(), values))?
            }
            TypeKind::Variant(cases) => {
                let case = &cases[reader.tag(cases.len() as u32)? as usize];
                let payload = case.ty.as_ref().map(|ty| decode(contract, ty, reader)).transpose()?;
                made(Value::make_variant(&wave(), &case.name, payload))?
            }
            TypeKind::Enum(cases) => {
                let case = &cases[reader.tag(cases.len() as u32)? as usize];
                made(Value::make_enum(&wave(), &case.name))?
            }
            TypeKind::Flags(flags) => {
                let mut bits = vec![false; flags.len()];
                reader.flags(&mut bits)?;
                let set = flags.iter().zip(bits).filter(|(_, on)| *on).map(|(flag, _)| flag.name.as_str());
                made(Value::make_flags(&wave(), set))?
            }
        },
    })
}

/// The arguments of a call without any: none of each, if all may be absent.
fn absent(types: &[WaveType]) -> Option<Vec<Value>> {
    let none = |ty: &WaveType| {
        (ty.kind() == WasmTypeKind::Option).then(|| Value::make_option(ty, None).ok()).flatten()
    };
    types.iter().map(none).collect()
}

/// The first field that a record of the type does not have; WAVE itself passes over it in silence.
fn unknown_field(node: &Node, ty: &WaveType, text: &str) -> Option<String> {
    let go = |node: &Node, ty: &WaveType| unknown_field(node, ty, text);
    match ty.kind() {
        WasmTypeKind::Record => {
            let fields: Vec<_> = ty.record_fields().map(|(name, ty)| (name.into_owned(), ty)).collect();
            node.as_record(text).ok()?.find_map(|(name, value)| {
                match fields.iter().find(|(known, _)| known == name) {
                    None => Some(name.to_owned()),
                    Some((_, ty)) => go(value, ty),
                }
            })
        }
        WasmTypeKind::List => {
            let of = ty.list_element_type()?;
            node.as_list().ok()?.find_map(|item| go(item, &of))
        }
        WasmTypeKind::Tuple => {
            node.as_tuple().ok()?.zip(ty.tuple_element_types()).find_map(|(part, ty)| go(part, &ty))
        }
        WasmTypeKind::Option => {
            let of = ty.option_some_type()?;
            match node.ty() {
                NodeType::OptionNone => None,
                NodeType::OptionSome => go(node.as_option().ok()??, &of),
                _ => go(node, &of),
            }
        }
        WasmTypeKind::Result => {
            let (ok, error) = ty.result_types()?;
            match node.ty() {
                NodeType::ResultOk => go(node.as_result().ok()?.ok()??, &ok?),
                NodeType::ResultErr => go(node.as_result().ok()?.err()??, &error?),
                _ => go(node, &ok?),
            }
        }
        WasmTypeKind::Variant => {
            let (name, payload) = node.as_variant(text).ok()?;
            let of = ty.variant_cases().find(|(case, _)| *case == name)?.1?;
            go(payload?, &of)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Wit;

    fn contract() -> Contract {
        let text = "package a:b@1.0.0; interface c {
            record item { sku: string, qty: option<u32> }
            variant v { one(item), two }
            flags f { x, y }
            put: func(item: item, more: list<v>, f: f) -> result<u32, v>;
            maybe: func(a: option<u8>);
        }";
        Wit::parse("c.wit", text).unwrap().contract("a:b/c").unwrap()
    }

    #[test]
    fn a_call_as_text_becomes_its_arguments() {
        let contracts = [contract()];
        let text = r#"put({sku: "a", qty: 2}, [two, one({sku: "b"})], {y})"#;
        for text in
            [text.to_owned(), format!("c.{text}"), format!("a:b/c.{text}"), format!("a:b/c@1.0.0.{text}")]
        {
            let call = parse_call(&contracts, &text).unwrap();
            assert_eq!(call.function.name, "put");
            assert_eq!(call.body, [1, b'a', 1, 2, 2, 1, 0, 1, b'b', 0, 2]);
        }
    }

    #[test]
    fn a_reply_prints_as_it_would_be_written() {
        let contract = contract();
        let ty = contract.functions[0].reply().unwrap();
        assert_eq!(print_value(&contract, &ty, &[0, 7]).unwrap(), "ok(7)");
        assert_eq!(print_value(&contract, &ty, &[1, 0, 1, b'a', 0]).unwrap(), r#"err(one({sku: "a"}))"#);
        assert_eq!(print_value(&contract, &ty, &[2]), Err(DecodeError::Tag));
    }

    #[test]
    fn mistakes_say_what_was_expected() {
        let contracts = [contract()];
        let error = |text| parse_call(&contracts, text).unwrap_err().to_string();
        assert!(error("putt()").contains("did you mean `put`?"));
        assert!(error(r#"put({sku: "a", quantity: 2}, [], {})"#).contains("no field `quantity`"));
        assert!(error("put(1)").contains("put: func(item: item"), "{}", error("put(1)"));
        assert_eq!(parse_call(&contracts, "maybe()").unwrap().body, [0]);
        let text = error(r#"put({sku: "a"}, [], {z})"#);
        assert!(text.starts_with("parameter `f`: `{z}` is no `f`: "), "{text}");
        assert!(text.ends_with("where f is flags { x, y }"), "{text}");
    }

    #[test]
    fn a_case_that_is_a_word_of_wave_is_written_with_a_percent_sign() {
        let text = "package t:e; interface e { enum word { none, some, ok, true, inf, get } variant v { none, some(u32) }
            w: func(a: word); many: func(a: list<v>, b: option<word>); }";
        let contracts = [Wit::parse("c.wit", text).unwrap().contract("t:e/e").unwrap()];
        let error = |text: &str| parse_call(&contracts, text).unwrap_err().to_string();
        for word in ["none", "ok", "true", "inf", "some"] {
            let text = error(&format!("w({word})"));
            assert!(text.contains(&format!("the case `{word}` is written `%{word}`")), "{text}");
            assert!(text.contains("where word is enum { none, some, ok, true, inf, get }"), "{text}");
            assert!(parse_call(&contracts, &format!("w(%{word})")).is_ok(), "{word}");
        }
        assert!(error("many([some(1)], get)").contains("`%some`"), "{}", error("many([some(1)], get)"));
        assert!(parse_call(&contracts, "many([%some(1), %none], %ok)").is_ok());
        assert!(!error("w(absent)").contains('%'), "{}", error("w(absent)"));
    }
    #[test]
    fn a_name_of_several_contracts_is_written_with_its_own() {
        let contracts: Vec<Contract> = [
            ("package a:b@1.0.0; interface c { get: func() -> u32; only: func(); }", "a:b/c@1.0.0"),
            ("package a:b@2.0.0; interface c { get: func() -> u32; }", "a:b/c@2.0.0"),
            ("package x:y; interface d { get: func() -> string; }", "x:y/d"),
        ]
        .map(|(text, id)| Wit::parse("c.wit", text).unwrap().contract(id).unwrap())
        .into();
        let called = |contracts: &[Contract], text: &str| {
            parse_call(contracts, text)
                .map(|call| format!("{}.{}", call.contract.versioned_id(), call.function.name))
                .map_err(|error| error.to_string())
        };
        assert_eq!(called(&contracts, "only()"), Ok("a:b/c@1.0.0.only".into()));
        assert_eq!(called(&contracts, "d.get()"), Ok("x:y/d.get".into()));
        assert_eq!(called(&contracts, "a:b/c@2.0.0.get()"), Ok("a:b/c@2.0.0.get".into()));
        let several = "is in several contracts: write `a:b/c@1.0.0.get` or `a:b/c@2.0.0.get`";
        assert_eq!(called(&contracts, "get()"), Err(format!("the function `get` {several} or `d.get`")));
        assert_eq!(called(&contracts, "c.get()"), Err(format!("the function `c.get` {several}")));
        assert_eq!(
            called(&contracts[1..], "get()"),
            Err("the function `get` is in several contracts: write `c.get` or `d.get`".into())
        );
        for (unknown, near) in
            [("e.get()", "; did you mean `d.get`?"), ("onli()", "; did you mean `only`?"), ("d.only()", "")]
        {
            let (name, _) = unknown.split_once('(').unwrap();
            let text = called(&contracts, unknown).unwrap_err();
            assert!(text.starts_with(&format!("there is no function `{name}`{near}")), "{text}");
        }
    }
}
