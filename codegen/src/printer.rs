use std::fmt::Write as _;

use crate::contract::spell_result;
use crate::{Case, Contract, Function, Shape, Type, TypeKind};

/// The contract as WIT text that stands alone: types of other interfaces become its own.
///
/// What comes out reads back to the same contract, keys included, for a key spells named types out.
pub(crate) fn print(contract: &Contract) -> String {
    format!("package {};\n\n{}", package(contract), interface(contract))
}

/// Contracts as the text of one file: packages that hold an interface for each, in the order of the contracts.
///
/// WIT wants one package that the file is of: that is `head`, which holds nothing itself. What comes out reads back to the same contracts.
#[cfg(feature = "host")]
pub fn print_all(head: &str, contracts: &[Contract]) -> String {
    let mut out = format!("package {head};\n");
    for together in contracts.chunk_by(|one, other| package(one) == package(other)) {
        let interfaces: Vec<String> = together.iter().map(interface).collect();
        line(&mut out, 0, &format!("\npackage {} {{", package(&together[0])));
        for text in interfaces.join("\n").lines() {
            line(&mut out, usize::from(!text.is_empty()), text);
        }
        line(&mut out, 0, "}");
    }
    out
}

/// A contract's package, with its version.
fn package(contract: &Contract) -> String {
    let package = contract.id.split('/').next().unwrap_or_default();
    let package = package.split(':').map(id).collect::<Vec<_>>().join(":");
    let version = contract.version.as_ref().map(|version| format!("@{version}")).unwrap_or_default();
    format!("{package}{version}")
}

fn interface(contract: &Contract) -> String {
    let mut out = String::new();
    docs(&mut out, 0, &contract.docs);
    line(&mut out, 0, &format!("interface {} {{", id(&contract.name)));
    if mentions_pid(contract) {
        let own = pid_name(contract);
        let own = if own == "pid" { own } else { format!("pid as {own}") };
        line(&mut out, 1, &format!("use rusm:actor/types@0.1.0.{{{own}}};"));
    }
    for def in &contract.types {
        docs(&mut out, 1, &def.docs);
        let name = id(&def.name);
        match &def.kind {
            TypeKind::Alias(of) => line(&mut out, 1, &format!("type {name} = {};", spell(contract, of))),
            TypeKind::Record(fields) => {
                line(&mut out, 1, &format!("record {name} {{"));
                for field in fields {
                    docs(&mut out, 2, &field.docs);
                    line(&mut out, 2, &format!("{}: {},", id(&field.name), spell(contract, &field.ty)));
                }
                line(&mut out, 1, "}");
            }
            TypeKind::Variant(cases) => self::cases(&mut out, contract, "variant", &name, cases),
            TypeKind::Enum(cases) => self::cases(&mut out, contract, "enum", &name, cases),
            TypeKind::Flags(cases) => self::cases(&mut out, contract, "flags", &name, cases),
        }
    }
    for function in contract.all_functions() {
        docs(&mut out, 1, &function.docs);
        if let Some(since) = &function.since {
            line(&mut out, 1, &format!("@since(version = {since})"));
        }
        line(&mut out, 1, &format!("{};", signature(contract, function)));
    }
    line(&mut out, 0, "}");
    out
}

fn cases(out: &mut String, contract: &Contract, word: &str, name: &str, cases: &[Case]) {
    line(out, 1, &format!("{word} {name} {{"));
    for case in cases {
        docs(out, 2, &case.docs);
        let payload = case.ty.as_ref().map(|ty| format!("({})", spell(contract, ty))).unwrap_or_default();
        line(out, 2, &format!("{}{payload},", id(&case.name)));
    }
    line(out, 1, "}");
}

/// A function as it stands in WIT: `add: func(item: item) -> u32`.
pub(crate) fn signature(contract: &Contract, function: &Function) -> String {
    let param = |name: &str, ty: String| format!("{}: {ty}", id(name));
    let mut params: Vec<String> =
        function.params.iter().map(|own| param(&own.name, spell(contract, &own.ty))).collect();
    let spell_stream = |item: &Type| format!("stream<{}>", spell(contract, item));
    if let Some(stream) = &function.stream {
        params.insert(stream.place, param(&stream.name, spell_stream(&stream.item)));
    }
    let error = |refusal: &Option<Type>| refusal.as_ref().map(|ty| spell(contract, ty));
    let answer = match &function.shape {
        Shape::Cast | Shape::Constructor { refusal: None } => None,
        Shape::Constructor { refusal: Some(refusal) } => Some(result(None, error(refusal))),
        Shape::Call { result: reply } => Some(spell(contract, reply)),
        Shape::StreamOut { head, item, refusal } => {
            let stream = spell_stream(item);
            let answer = match head {
                None => stream,
                Some(head) => format!("tuple<{}, {stream}>", spell(contract, head)),
            };
            Some(match refusal {
                None => answer,
                Some(refusal) => result(Some(answer), error(refusal)),
            })
        }
    };
    let answer = answer.map(|ty| format!(" -> {ty}")).unwrap_or_default();
    format!("{}: func({}){answer}", id(&function.name), params.join(", "))
}

/// What a named type is, in a line: `enum { none, some }`.
#[cfg(feature = "host")]
pub(crate) fn shape(contract: &Contract, place: usize) -> String {
    let cases = |word: &str, cases: &[Case]| {
        let case = |case: &Case| match &case.ty {
            None => id(&case.name),
            Some(ty) => format!("{}({})", id(&case.name), spell(contract, ty)),
        };
        format!("{word} {{ {} }}", cases.iter().map(case).collect::<Vec<_>>().join(", "))
    };
    match &contract.types[place].kind {
        TypeKind::Alias(of) => spell(contract, of),
        TypeKind::Record(fields) => {
            let field = |field: &crate::Field| format!("{}: {}", id(&field.name), spell(contract, &field.ty));
            format!("record {{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        TypeKind::Variant(of) => cases("variant", of),
        TypeKind::Enum(of) => cases("enum", of),
        TypeKind::Flags(of) => cases("flags", of),
    }
}

pub(crate) fn spell(contract: &Contract, ty: &Type) -> String {
    ty.spell(", ", &pid_name(contract), &|place| id(&contract.types[place].name))
}

/// What the contract's text calls a pid: another thing in it may have that name.
fn pid_name(contract: &Contract) -> String {
    let types = contract.types.iter().map(|def| def.name.as_str());
    let taken: Vec<&str> =
        types.chain(contract.all_functions().map(|function| function.name.as_str())).collect();
    let mut name = "pid".to_owned();
    while taken.contains(&name.as_str()) {
        name.insert_str(0, "actor-");
    }
    name
}

fn result(ok: Option<String>, error: Option<String>) -> String {
    spell_result(", ", ok, error)
}

fn mentions_pid(contract: &Contract) -> bool {
    let mut found = false;
    contract.each_type(&mut |ty| found |= matches!(ty, Type::Pid | Type::Ref(_)));
    found
}

fn docs(out: &mut String, depth: usize, docs: &str) {
    for text in docs.lines() {
        line(out, depth, format!("/// {text}").trim_end());
    }
}

fn line(out: &mut String, depth: usize, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{:indent$}{text}", "", indent = depth * 2);
}

/// An identifier, marked where it is a word of the language.
fn id(name: &str) -> String {
    if KEYWORDS.contains(&name) { format!("%{name}") } else { name.to_owned() }
}

const KEYWORDS: [&str; 43] = [
    "as",
    "async",
    "bool",
    "borrow",
    "char",
    "constructor",
    "enum",
    "error-context",
    "export",
    "f32",
    "f64",
    "flags",
    "from",
    "func",
    "future",
    "import",
    "include",
    "interface",
    "list",
    "map",
    "option",
    "own",
    "package",
    "record",
    "resource",
    "result",
    "s16",
    "s32",
    "s64",
    "s8",
    "static",
    "stream",
    "string",
    "tuple",
    "type",
    "u16",
    "u32",
    "u64",
    "u8",
    "use",
    "variant",
    "with",
    "world",
];
