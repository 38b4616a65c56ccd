//! What a component is, read from its bytes before they are compiled.

use rusm_codegen::section::{self, Contracts};
use rusm_codegen::{Contract, Streams};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

use crate::types::StreamDirection;
use crate::{Kind, Lane, LoadError};

/// What a component is, read before it is compiled.
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    pub(crate) lane: Lane,
    pub(crate) contracts: Contracts,
    /// The export that makes it a process.
    pub(crate) entry: String,
}

/// The functions of a component that have a stream, in the order of their keys.
pub(crate) fn streams(contracts: &Contracts) -> Box<[(u32, StreamDirection)]> {
    let functions = contracts.implements.iter().flat_map(Contract::all_functions);
    let mut streams: Vec<_> = functions
        .filter_map(|function| {
            let Streams { to_callee, to_caller } = function.streams();
            let direction = match (to_callee, to_caller) {
                (false, false) => return None,
                (true, false) => StreamDirection::ToCallee,
                (false, true) => StreamDirection::ToCaller,
                (true, true) => StreamDirection::Both,
            };
            Some((function.key, direction))
        })
        .collect();
    streams.sort_by_key(|(key, _)| *key);
    streams.into()
}

pub(crate) fn examine(name: &str, bytes: &[u8]) -> Result<Shape, LoadError> {
    let contracts = section::read(bytes)
        .map_err(|source| LoadError::Section { name: name.to_owned(), source: Box::new(source) })?;
    let exports = exports(bytes);
    let found = ENTRIES.iter().find_map(|(prefix, kind)| {
        let entry = exports.iter().find(|export| export.starts_with(prefix))?;
        Some((entry.clone(), *kind))
    });
    let Some((entry, kind)) = found else {
        let exports = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
        return Err(LoadError::NoProcess { name: name.to_owned(), exports });
    };
    let lane = if needs_concurrency(bytes) { Lane::Async } else { Lane::Sync };
    Ok(Shape { kind, lane, contracts, entry })
}

fn exports(bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentExportSection(section) if depth == 1 => {
                names.extend(section.into_iter().flatten().map(|export| export.name.name.to_owned()));
            }
            _ => {}
        }
    }
    names
}

/// Whether a component has async functions, streams or futures anywhere: whether it is only valid with them. Function bodies
/// are left to the compiler.
fn needs_concurrency(bytes: &[u8]) -> bool {
    let mut validator = Validator::new_with_features(WasmFeatures::all().difference(WasmFeatures::CM_ASYNC));
    let mut payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    payloads.any(|payload| validator.payload(&payload).is_err())
}

/// The exports that make a component a process, by the beginning of their name, and as what. A service may well export `run`
/// for other hosts.
const ENTRIES: [(&str, Kind); 5] = [
    ("rusm:actor/server@0.1.", Kind::Service),
    ("rusm:actor/server-async@0.1.", Kind::Service),
    ("wasi:cli/run@0.2.", Kind::Command),
    ("wasi:cli/run@0.3.", Kind::Command),
    ("run", Kind::Raw),
];
