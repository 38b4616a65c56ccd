//! Two versions of a contract resolved, as Avro resolves the schemas of a writer and a reader: which functions of the caller's version
//! the service's has, and how messages become those of the other side.
//!
//! | | |
//! |---|---|
//! | a function is added to the service | fine |
//! | only the caller has a function | refused, unless it is `@since` a version later than the service's: then only a call of it fails |
//! | a record gains a field of `option`, `list` or flags | absent: none or empty; towards the other side it is dropped |
//! | fields or cases are in another order | by name |
//! | an enum, a variant or flags gain a case | a value that the reader does not have is an error of its message |
//! | an integer gets wider, `f32` becomes `f64` | a number that the narrower type cannot hold is an error of its message; an `f64` is rounded to the nearest `f32` |
//! | a parameter is added behind all others | as a field |
//! | parameters are in another order | by name |
//! | a parameter has another name | by place, where no other could be meant |
//! | anything else | refused |
//!
//! Names of types do not matter, and aliases are looked through. Variants and enums without a common case are two types.
//!
//! ```
//! use rusm_codegen::Wit;
//! use rusm_codegen::resolve::{Resolution, Route};
//!
//! let cart = |version: &str, item: &str| {
//!     let text = format!("package shop:cart@{version}; interface cart {{ record item {{ {item} }} add: func(item: item); }}");
//!     Wit::parse("cart.wit", &text)?.contract("shop:cart/cart")
//! };
//! let caller = cart("1.0.0", "sku: string, qty: u32")?;
//! let service = cart("1.1.0", "sku: string, qty: u64, note: option<string>")?;
//! let resolution = Resolution::new(&caller, &service).expect("they can work together");
//! let Some(Route::Plan(plan)) = resolution.route(caller.functions[0].key) else { panic!("the signature is another") };
//! assert_eq!(plan.key, service.functions[0].key);
//! assert_eq!(plan.arguments.transcode(&[1, b'a', 2])?, [1, b'a', 2, 0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashMap;

use semver::Version;

use crate::{Contract, Function};

mod choices;
mod difference;
mod error;
mod functions;
mod matches;
mod members;
mod operation;
mod pass;
mod transcoder;
mod types;

use difference::Findings;
pub use difference::{Class, Difference};
pub use error::{Fault, Party, TranscodeError};
use functions::Messages;
pub use transcoder::Transcoder;
use types::{Types, Ways};

/// How a caller with one version of a contract and a service with another one work together.
#[derive(Debug, Clone)]
pub struct Resolution {
    /// By the caller's key.
    routes: HashMap<u32, Route>,
}

/// What becomes of the messages of one of the caller's functions.
#[derive(Debug, Clone)]
pub enum Route {
    /// Both versions have it alike: its key and all bytes are the same.
    Same,
    /// Its messages are transcoded.
    Plan(Box<Plan>),
    /// Only newer services have it: a call of it is an error.
    Later(Later),
}

/// How a function's messages get from the caller's version to the service's and back.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The function's key in the service's version.
    pub key: u32,
    /// The arguments, from the caller to the service.
    pub arguments: Transcoder,
    /// The items of the stream that the caller writes.
    pub to_callee: Option<Transcoder>,
    /// What the service replies: a value of [`Function::reply`], from the service to the caller.
    pub reply: Option<Transcoder>,
    /// The items of the stream that the service writes.
    pub to_caller: Option<Transcoder>,
}

/// A function that the service's version does not have yet. As an error it says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{function}` is of version {since}, and the service has version {version}")]
pub struct Later {
    /// Its name, below its contract's.
    pub function: String,
    /// The version that brought it.
    pub since: Version,
    /// The service's.
    pub version: Version,
}

impl Resolution {
    /// Resolves the version that a caller has with that of the service which it calls.
    ///
    /// # Errors
    /// The breaking differences, at most 1000.
    pub fn new(caller: &Contract, service: &Contract) -> Result<Self, Vec<Difference>> {
        let mut types = Types::new([caller, service], ["the caller", "the service"]);
        types.related().map_err(|difference| vec![difference])?;
        let mut findings = Findings::default();
        let mut routes = HashMap::new();
        let theirs = by_name(service);
        for function in caller.all_functions() {
            let route = match theirs.get(&*function.name) {
                Some(other) => {
                    let (messages, found) = types.functions(function, other);
                    findings.append_function(&caller.path(function), found);
                    messages.map(|messages| Route::new(function, other, &messages))
                }
                None => types.only(0, function).map(Route::Later).map_err(|it| findings.push(it)).ok(),
            };
            routes.extend(route.map(|route| (function.key, route)));
        }
        if findings.is_breaking() {
            let all = findings.into_vec().into_iter();
            return Err(all.filter(|difference| difference.class == Class::Breaking).collect());
        }
        Ok(Self { routes })
    }

    /// What becomes of the messages of the function that has this key in the caller's version; none if there is no such function.
    pub fn route(&self, key: u32) -> Option<&Route> {
        self.routes.get(&key)
    }

    /// Whether there is nothing to do: the service's version has all functions of the caller's, and has them alike.
    pub fn is_same(&self) -> bool {
        self.routes.values().all(|route| matches!(route, Route::Same))
    }
}

impl Route {
    fn new(caller: &Function, service: &Function, messages: &Messages) -> Self {
        if caller.key == service.key && messages.are_same() {
            return Self::Same;
        }
        let forth = |ways: &Ways, root: &str| Transcoder::new(&ways.forth, ways.same, root, Party::Service);
        let back = |ways: &Ways, root: &str| Transcoder::new(&ways.back, ways.same, root, Party::Caller);
        let stream = caller.stream.as_ref().map_or("", |stream| &stream.name);
        Self::Plan(Box::new(Plan {
            key: service.key,
            arguments: forth(&messages.arguments, ""),
            to_callee: messages.to_callee.as_ref().map(|ways| forth(ways, stream)),
            reply: messages.reply.as_ref().map(|ways| back(ways, RESULT)),
            to_caller: messages.to_caller.as_ref().map(|ways| back(ways, STREAM)),
        }))
    }
}

/// How two versions of a contract differ, for clients of the old one with services of the new one and the other way round: in the order
/// of the old version, then what only the new one has; at most 1000 differences of each class. Documentation is none, nor are names of types.
pub fn differences(old: &Contract, new: &Contract) -> Vec<Difference> {
    let mut types = Types::new([old, new], ["the old version", "the new version"]);
    if let Err(difference) = types.related() {
        return vec![difference];
    }
    let mut findings = Findings::default();
    let (ours, theirs) = (by_name(old), by_name(new));
    for function in old.all_functions() {
        match theirs.get(&*function.name) {
            Some(other) => findings.append_function(&old.path(function), types.functions(function, other).1),
            None => findings.push(types.only_difference(0, function)),
        }
    }
    for function in new.all_functions().filter(|function| !ours.contains_key(&*function.name)) {
        findings.push(types.only_difference(1, function));
    }
    findings.into_vec()
}

fn by_name(contract: &Contract) -> HashMap<&str, &Function> {
    contract.all_functions().map(|function| (&*function.name, function)).collect()
}

/// Where paths into a reply begin. WIT has the word, so that no parameter has the name.
const RESULT: &str = "result";

/// Where paths into the items begin that a service streams.
const STREAM: &str = "stream";
