//! Every identifier of generated code, for both languages: how a WIT name is spelt in its scope, and what gives way where
//! the generated code needs a name itself.
//!
//! What users write comes first. Helpers of the generated code have names that no WIT name can become (`$` in TypeScript,
//! `__` in Rust), or step aside ([`free`]). Only where a name is part of what users call (a client's own methods, say) does
//! the contract's name get something appended: `_`, and `Type` for types.

use std::collections::HashSet;

use heck::{ToLowerCamelCase as _, ToSnakeCase as _, ToUpperCamelCase as _};

use crate::{Contract, TypeDef};

/// A language that is generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    TypeScript,
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::Rust, Self::TypeScript];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::TypeScript => "TypeScript",
        }
    }
}

/// What a name is of: each is a scope of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A type of the contract.
    Type,
    /// A case of a variant or enum.
    Case,
    /// A field of a record, or a flag.
    Field,
    /// A field that may be absent, or a flag: in JavaScript reading it must not find what every object has.
    OptionalField,
    /// A function of the contract: a method of the client and of the service.
    Function,
    /// A parameter of a function.
    Param,
}

/// A WIT name as the language has it in its scope. Types are named together: [`type_names`].
pub(crate) fn spell(language: Language, kind: Kind, name: &str) -> String {
    let spelt = natural(language, kind, name);
    let taken: &[&[&str]] = match (language, kind) {
        (Language::Rust, Kind::Function) => &[&NEVER_RAW, &RUST_METHODS],
        (Language::Rust, _) => &[&NEVER_RAW],
        (Language::TypeScript, Kind::Function) => &[&TYPESCRIPT_METHODS, &OBJECT_MEMBERS],
        (Language::TypeScript, Kind::OptionalField) => &[&OBJECT_MEMBERS],
        (Language::TypeScript, Kind::Param) => &[&TYPESCRIPT_WORDS],
        (Language::TypeScript, _) => &[],
    };
    if taken.iter().any(|words| words.contains(&spelt.as_str())) { format!("{spelt}_") } else { spelt }
}

fn natural(language: Language, kind: Kind, name: &str) -> String {
    match (language, kind) {
        (_, Kind::Type) | (Language::Rust, Kind::Case) => name.to_upper_camel_case(),
        (Language::TypeScript, Kind::Case) => name.to_owned(),
        (Language::Rust, _) => name.to_snake_case(),
        (Language::TypeScript, _) => name.to_lower_camel_case(),
    }
}

/// The names of a contract's types, by their places. Those that need nothing appended come first, so that no name depends
/// on the order of types or functions.
pub(crate) fn type_names(language: Language, contract: &Contract) -> Vec<String> {
    let client = contract.name.to_upper_camel_case();
    let service = format!("{client}Service");
    let taken: Vec<&str> = match language {
        Language::Rust => RUST_TYPES.into_iter().chain(contract.referable.then_some("Callback")).collect(),
        Language::TypeScript => [&client, &service].into_iter().map(String::as_str).chain(GLOBALS).collect(),
    };
    let plain = |def: &TypeDef| def.name.to_upper_camel_case();
    let natural: HashSet<String> = contract.types.iter().map(plain).collect();
    let name = |def: &TypeDef| {
        let name = plain(def);
        if !taken.contains(&name.as_str()) {
            return name;
        }
        let mut longer = format!("{name}Type");
        let mut number = 2;
        while natural.contains(&longer) || taken.contains(&longer.as_str()) {
            longer = format!("{name}Type{number}");
            number += 1;
        }
        longer
    };
    contract.types.iter().map(name).collect()
}

/// A name of the generated code's own beside users' names: with `_` for as long as they have it.
pub(crate) fn free(name: &str, users: &[String]) -> String {
    let mut name = name.to_owned();
    while users.contains(&name) {
        name.push('_');
    }
    name
}

/// Two names of one scope that a language cannot tell apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Clash {
    pub(crate) first: usize,
    pub(crate) second: usize,
    pub(crate) spelt: String,
    pub(crate) language: Language,
}

/// The first two of a scope's names that come out as one.
pub(crate) fn clash<'a>(kind: Kind, names: impl Iterator<Item = &'a str> + Clone) -> Option<Clash> {
    Language::ALL.into_iter().find_map(|language| {
        let mut seen = std::collections::HashMap::new();
        names.clone().enumerate().find_map(|(second, name)| {
            let spelt = natural(language, kind, name);
            let first = seen.insert(spelt.clone(), second)?;
            Some(Clash { first, second, spelt, language })
        })
    })
}

/// Words that Rust takes as no raw identifier either.
const NEVER_RAW: [&str; 4] = ["self", "super", "crate", "Self"];

/// What a Rust client or service has besides the functions of its contract. The last two are methods of every value that
/// come before a client's own.
const RUST_METHODS: [&str; 14] = [
    "this",
    "spawn",
    "spawn_with",
    "child",
    "named",
    "from_pid",
    "pid",
    "with_deadline",
    "monitor",
    "call_start",
    "info",
    "terminate",
    "into",
    "try_into",
];

/// What a generated Rust module has besides the types of its contract.
const RUST_TYPES: [&str; 4] = ["Client", "Service", "Starter", "Self"];

/// What a TypeScript client or service has besides the functions of its contract; `then` would make the client something to
/// await.
const TYPESCRIPT_METHODS: [&str; 7] =
    ["pid", "equals", "monitor", "withDeadline", "info", "terminate", "then"];

/// What every object of JavaScript has, and what the language calls where an object becomes text or a number.
const OBJECT_MEMBERS: [&str; 7] = [
    "constructor",
    "toString",
    "toLocaleString",
    "valueOf",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
];

/// Globals of JavaScript that a module with a type of that name could not use any more.
const GLOBALS: [&str; 12] = [
    "Array",
    "Uint8Array",
    "Promise",
    "AsyncIterable",
    "Iterable",
    "Object",
    "String",
    "Number",
    "Boolean",
    "Error",
    "Map",
    "Set",
];

/// Those of them that generated code uses.
pub(crate) const USED_GLOBALS: [&str; 5] = ["Array", "Uint8Array", "Promise", "AsyncIterable", "Iterable"];

/// What a parameter cannot be called in a module of TypeScript, and what the bodies of generated methods use themselves.
const TYPESCRIPT_WORDS: [&str; 55] = [
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "component",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "options",
    "package",
    "private",
    "protected",
    "public",
    "r",
    "return",
    "started",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "v",
    "var",
    "void",
    "w",
    "while",
    "with",
    "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_language_cannot_tell_apart_are_found() {
        let found = |kind, names: &[&str]| clash(kind, names.iter().copied());
        let clash = found(Kind::Case, &["a", "sha-256", "sha256"]).expect("both are Sha256 in Rust");
        assert_eq!((clash.first, clash.second, clash.spelt.as_str()), (1, 2, "Sha256"));
        assert_eq!(clash.language, Language::Rust);
        let clash = found(Kind::Field, &["ipv-4", "ipv4"]).expect("both are ipv4 in TypeScript");
        assert_eq!((clash.spelt.as_str(), clash.language), ("ipv4", Language::TypeScript));
        assert_eq!(found(Kind::Case, &["a", "b-c", "bc"]), None);
        assert_eq!(found(Kind::Function, &["get-URL", "get-uri"]), None);
        assert!(found(Kind::Function, &["get-URL", "get-url"]).is_some());
    }

    #[test]
    fn a_name_of_the_generated_code_steps_aside() {
        let users = ["feed".to_owned(), "feed_".to_owned()];
        assert_eq!(free("feed", &users), "feed__");
        assert_eq!(free("spawn", &users), "spawn");
    }
}
