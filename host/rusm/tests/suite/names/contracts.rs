//! Contracts by chance, of names that languages, the generated code and the SDKs have other uses for.

use std::collections::HashSet;
use std::fmt::Write as _;

use fastrand::Rng;
use rusm_codegen::{ContractError, Wit};

/// WIT text with so many interfaces that are contracts, in packages of their own, some in two versions.
pub(super) fn text(rng: &mut Rng, count: usize) -> String {
    let mut out = String::from("package names:all;\n\n");
    let mut known = HashSet::new();
    let mut made = 0;
    while made < count {
        let package = format!("{}:{}", word(rng, WORDS), word(rng, WORDS));
        // A package is defined once.
        if !known.insert(package.replace('%', "")) {
            continue;
        }
        let versions: &[&str] = match rng.u8(0..8) {
            0 => &["@1.0.0", "@2.0.0-rc.1"],
            1 => &["@0.1.0"],
            _ => &[""],
        };
        for version in versions {
            // Names that a language cannot tell apart are a mistake: another try.
            let package = loop {
                let text = format!("package {package}{version} {{\n{}}}\n\n", interfaces(rng));
                match check(&text) {
                    Ok(()) => break text,
                    Err(ContractError::Unsupported { what, .. }) if what.contains(" are both ") => {}
                    Err(ContractError::Syntax(text)) if text.contains("is defined more than once") => {}
                    Err(error) => panic!("{error}\n{text}"),
                }
            };
            out += &package;
            made += 1;
        }
    }
    out
}

fn check(package: &str) -> Result<(), ContractError> {
    let wit = Wit::parse("a.wit", &format!("package names:all;\n\n{package}"))?;
    wit.contracts().iter().try_for_each(|id| wit.contract(&id.to_string()).map(|_| ()))
}

/// A contract, and an interface of types that it uses under names of its own.
fn interfaces(rng: &mut Rng) -> String {
    let (types, contract) = pair(rng);
    let mut out = String::new();
    let mut foreign = Types::default();
    foreign.define(rng, 2);
    let _ = writeln!(out, "  interface {types} {{\n{}  }}\n  interface {contract} {{", foreign.text);
    let mut own = Types::default();
    for name in &foreign.names {
        let alias = rng.bool().then(|| own.fresh(rng));
        match alias {
            Some(alias) => {
                let _ = writeln!(out, "    use {types}.{{{name} as {alias}}};");
                own.names.push(alias);
            }
            None if own.taken.insert(name.clone()) => {
                let _ = writeln!(out, "    use {types}.{{{name}}};");
                own.names.push(name.clone());
            }
            None => {}
        }
    }
    if rng.bool() {
        let alias = own.fresh(rng);
        let _ = writeln!(out, "    use rusm:actor/types@0.1.0.{{pid as {alias}}};");
        own.names.push(alias);
    }
    let count = rng.usize(1..5);
    own.define(rng, count);
    out += &own.text;
    out += &own.functions(rng);
    out += "  }\n";
    out
}

#[derive(Default)]
struct Types {
    names: Vec<String>,
    taken: HashSet<String>,
    text: String,
}

impl Types {
    /// A name that the interface does not have yet.
    fn fresh(&mut self, rng: &mut Rng) -> String {
        loop {
            let name = word(rng, WORDS);
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }

    fn define(&mut self, rng: &mut Rng, count: usize) {
        for _ in 0..count {
            let name = self.fresh(rng);
            let body = match rng.u8(0..5) {
                0 => format!("type {name} = {};", self.ty(rng, 3)),
                1 => format!("record {name} {{ {} }}", self.members(rng, |ty| format!(": {ty}"))),
                2 => {
                    let cases = self
                        .members(rng, |ty| if ty.len() % 3 == 0 { String::new() } else { format!("({ty})") });
                    format!("variant {name} {{ {cases} }}")
                }
                3 => format!("enum {name} {{ {} }}", self.members(rng, |_| String::new())),
                _ => format!("flags {name} {{ {} }}", self.members(rng, |_| String::new())),
            };
            let _ = writeln!(self.text, "    {body}");
            self.names.push(name);
        }
    }

    fn members(&self, rng: &mut Rng, end: impl Fn(&str) -> String) -> String {
        let mut taken = HashSet::new();
        let members = (0..rng.usize(1..7)).map(|_| (word(rng, WORDS), self.ty(rng, 2)));
        let members: Vec<String> = members
            .filter(|(name, _)| taken.insert(name.clone()))
            .map(|(name, ty)| format!("{name}{}", end(&ty)))
            .collect();
        members.join(", ")
    }

    fn ty(&self, rng: &mut Rng, depth: usize) -> String {
        if depth == 0 || rng.bool() {
            return match self.names.len() {
                0 => rng.choice(PLAIN).copied().unwrap_or("u8").to_owned(),
                _ if rng.bool() => rng.choice(PLAIN).copied().unwrap_or("u8").to_owned(),
                count => self.names[rng.usize(..count)].clone(),
            };
        }
        let inner = |rng: &mut Rng| self.ty(rng, depth - 1);
        match rng.u8(0..7) {
            0 => format!("list<{}>", inner(rng)),
            1 => format!("option<{}>", inner(rng)),
            2 => format!("result<{}, {}>", inner(rng), inner(rng)),
            3 => format!("result<_, {}>", inner(rng)),
            4 => format!("result<{}>", inner(rng)),
            5 => "result".to_owned(),
            _ => {
                format!("tuple<{}>", (0..rng.usize(1..5)).map(|_| inner(rng)).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// Each type there and back, and one function of every other form.
    fn functions(&mut self, rng: &mut Rng) -> String {
        let mut out = String::new();
        let mut put = |line: String| out += &format!("    {line};\n");
        for ty in self.names.clone() {
            let name = self.fresh(rng);
            put(format!("{name}: func({}: {ty}) -> {ty}", word(rng, WORDS)));
        }
        let mut params = HashSet::new();
        let params: Vec<(String, String)> = (0..rng.usize(2..7))
            .map(|_| (word(rng, WORDS), self.ty(rng, 2)))
            .filter(|(name, _)| params.insert(name.clone()))
            .collect();
        let list = |params: &[(String, String)]| {
            params.iter().map(|(name, ty)| format!("{name}: {ty}")).collect::<Vec<_>>().join(", ")
        };
        let types = params.iter().map(|(_, ty)| ty.as_str()).collect::<Vec<_>>().join(", ");
        let (many, cast) = (self.fresh(rng), self.fresh(rng));
        put(format!("{many}: func({}) -> tuple<{types}>", list(&params)));
        put(format!("{cast}: func({})", list(&params)));
        if rng.bool() && self.taken.insert("init".into()) {
            let refusal =
                if rng.bool() { format!(" -> result<_, {}>", self.ty(rng, 1)) } else { String::new() };
            put(format!("init: func({}){refusal}", list(&params)));
        }
        let (read, write) = (self.fresh(rng), self.fresh(rng));
        put(format!(
            "{read}: func({}) -> result<stream<{}>, {}>",
            list(&params),
            self.ty(rng, 1),
            self.ty(rng, 1)
        ));
        let mut with_stream = params;
        with_stream[0].1 = format!("stream<{}>", self.ty(rng, 1));
        put(format!("{write}: func({}) -> {}", list(&with_stream), self.ty(rng, 2)));
        out
    }
}

fn pair(rng: &mut Rng) -> (String, String) {
    loop {
        let (one, two) = (word(rng, WORDS), word(rng, WORDS));
        if one != two {
            return (one, two);
        }
    }
}

/// A word, or two of them; WIT's own words need the sign, the others take it.
fn word(rng: &mut Rng, words: &[&str]) -> String {
    let one = rng.choice(words).copied().unwrap_or("a");
    match rng.u8(0..4) {
        0 => {
            let end = rng.choice(ENDS).copied().unwrap_or("a");
            format!("%{one}-{end}")
        }
        _ => format!("%{one}"),
    }
}

const PLAIN: &[&str] = &[
    "bool",
    "u8",
    "u16",
    "u32",
    "u64",
    "s8",
    "s16",
    "s32",
    "s64",
    "f32",
    "f64",
    "char",
    "string",
    "list<u8>",
    "option<option<u32>>",
    "list<option<bool>>",
    "tuple<u8, s64, string, f32, u8, bool, char, u16, s8, s16, s32, f64>",
];

const ENDS: &[&str] =
    &["a", "2", "x2", "URL", "service", "type", "type2", "reply", "item", "self", "cases", "of-x"];

/// Words of Rust, TypeScript and WIT, names of globals and of every object, and what the generated code calls its own.
const WORDS: &[&str] = &[
    // Rust.
    "self",
    "super",
    "crate",
    "as",
    "async",
    "await",
    "box",
    "break",
    "const",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "static",
    "struct",
    "trait",
    "true",
    "try",
    "type",
    "union",
    "unsafe",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "abstract",
    "become",
    "do",
    "final",
    "typeof",
    "unsized",
    "macro-rules",
    "std",
    "core",
    "alloc",
    "rt",
    "str",
    "string",
    "vec",
    "option",
    "some",
    "none",
    "result",
    "ok",
    "err",
    "sized",
    "clone",
    "copy",
    "debug",
    "default",
    "eq",
    "hash",
    "ord",
    "drop",
    "into",
    "from",
    "iterator",
    "borrow",
    "as-ref",
    "display",
    "error",
    "panic",
    "fmt",
    "main",
    "rusm-rs",
    "never",
    "encode",
    "decode",
    "rusm-writer",
    // TypeScript and JavaScript.
    "arguments",
    "case",
    "catch",
    "class",
    "continue",
    "debugger",
    "delete",
    "eval",
    "export",
    "extends",
    "finally",
    "function",
    "implements",
    "import",
    "instanceof",
    "interface",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "switch",
    "this",
    "throw",
    "var",
    "void",
    "with",
    "any",
    "number",
    "object",
    "symbol",
    "undefined",
    "unknown",
    "bigint",
    "boolean",
    "declare",
    "get",
    "set",
    "is",
    "keyof",
    "namespace",
    "readonly",
    "require",
    "module",
    "satisfies",
    "infer",
    "asserts",
    "global",
    "of",
    "constructor",
    "prototype",
    "to-string",
    "to-locale-string",
    "value-of",
    "to-json",
    "has-own-property",
    "is-prototype-of",
    "property-is-enumerable",
    "then",
    "catch",
    "length",
    "name",
    "caller",
    "apply",
    "bind",
    "proto",
    "array",
    "uint8-array",
    "promise",
    "async-iterable",
    "iterable",
    "map",
    "date",
    "math",
    "function",
    "reg-exp",
    "global-this",
    "nan",
    "infinity",
    "record",
    "partial",
    "iterator-result",
    // WIT.
    "bool",
    "char",
    "f32",
    "flags",
    "func",
    "future",
    "include",
    "list",
    "own",
    "resource",
    "s8",
    "stream",
    "tuple",
    "u8",
    "u64",
    "variant",
    "world",
    "error-context",
    "inf",
    // What is generated, and what it calls.
    "client",
    "service",
    "starter",
    "spawner",
    "target",
    "answer",
    "stream-answer",
    "call-options",
    "spawn-options",
    "child-options",
    "child-spec",
    "dispatch",
    "reader",
    "writer",
    "writing",
    "written",
    "child-of",
    "no-bytes",
    "pid",
    "rusm-error",
    "spawn",
    "spawn-with",
    "child",
    "named",
    "from-pid",
    "monitor",
    "with-deadline",
    "call-start",
    "info",
    "terminate",
    "feed",
    "pending",
    "component",
    "options",
    "started",
    "body",
    "reply",
    "refusal",
    "value",
    "input",
    "w",
    "v",
    "r",
    "a0",
    "argument-0",
    "key",
    "call",
    "tag",
    "val",
    "contract",
    "functions",
    "incoming",
    "outcome",
    "event",
    "exit-reason",
    "core-client",
    "interface-type",
    "client-type",
    "product",
    "product-type",
    "encode-a",
    "cases-of-a",
    // Their form.
    "URL",
    "HTTP",
    "GET",
    "API",
    "get-URL",
    "HTTP-gate",
    "sha-256",
    "v1-0",
    "x-2",
    "a",
    "b",
    "c1",
    "ipv-4",
    "A-b-C",
];
