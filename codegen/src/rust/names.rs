use proc_macro2::{Ident, Span};

use crate::Function;
use crate::names::{Kind, Language, free, spell};

/// The module of a contract: called like its interface.
pub(super) fn module(interface: &str) -> Ident {
    ident(&spell(Language::Rust, Kind::Param, interface))
}

/// A method of the contract's client and service.
pub(super) fn method(name: &str) -> Ident {
    ident(&spell(Language::Rust, Kind::Function, name))
}

/// A field of a record, or a flag.
pub(super) fn field(name: &str) -> Ident {
    ident(&spell(Language::Rust, Kind::Field, name))
}

/// A case of a variant or enum.
pub(super) fn case(name: &str) -> Ident {
    ident(&spell(Language::Rust, Kind::Case, name))
}

/// A parameter of a function.
pub(super) fn param(name: &str) -> Ident {
    ident(&spell(Language::Rust, Kind::Param, name))
}

/// Names of the generated code's own within a function: its parameters, the stream among them, come first.
pub(super) struct Locals(Vec<String>);

impl Locals {
    pub(super) fn of(function: Option<&Function>) -> Self {
        let params = function.into_iter().flat_map(|function| &function.params).map(|param| &param.name);
        let stream = function.and_then(|function| function.stream.as_ref()).map(|stream| &stream.name);
        Self(params.chain(stream).map(|name| spell(Language::Rust, Kind::Param, name)).collect())
    }

    pub(super) fn own(&self, name: &str) -> Ident {
        ident(&free(name, &self.0))
    }
}

pub(super) fn ident(name: &str) -> Ident {
    match KEYWORDS.contains(&name) {
        true => Ident::new_raw(name, Span::call_site()),
        false => Ident::new(name, Span::call_site()),
    }
}

const KEYWORDS: [&str; 50] = [
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
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
    "typeof",
    "union",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "macro_rules",
];

#[cfg(all(test, feature = "host"))]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_words_of_rust_are_raw() {
        let words = KEYWORDS
            .iter()
            .chain(&["self", "super", "crate", "union", "auto", "dyn", "default", "raw", "safe", "a"]);
        for word in words {
            let plain = syn::parse_str::<Ident>(word).is_ok();
            // These are words in some places only, or were words once: marking them is right, too.
            let either = ["union", "gen", "dyn", "macro_rules"].contains(word);
            assert!(
                plain != KEYWORDS.contains(word) || either || ["self", "super", "crate"].contains(word),
                "{word}"
            );
            let made = param(word).to_string();
            assert!(syn::parse_str::<Ident>(&made).is_ok(), "{word} became {made}");
        }
    }
}
