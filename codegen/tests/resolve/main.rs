//! Versions of a contract resolved: every rule and every refusal by hand, then random contracts and changes of them.
#![cfg(feature = "host")]

mod changes;
mod faults;
mod functions;
mod model;
mod properties;
mod random;
mod types;

use rusm_codegen::resolve::{Plan, Resolution, Route};
use rusm_codegen::{Contract, Wit};

/// The interface `a:b/c` with this body.
fn contract(version: &str, body: &str) -> Contract {
    let text = format!(
        "package a:b@{version}; interface l {{ use rusm:actor/types@0.1.0.{{pid}}; type ref = pid; f: func(); }}
        interface m {{ use rusm:actor/types@0.1.0.{{pid}}; type ref = pid; f: func(); }}
        interface c {{ use rusm:actor/types@0.1.0.{{pid}}; use l.{{ref as l-ref}}; use m.{{ref as m-ref}}; {body} }}"
    );
    let read = Wit::parse("c.wit", &text).and_then(|wit| wit.contract("a:b/c"));
    read.unwrap_or_else(|error| panic!("{body}: {error}"))
}

/// The plan for a function of this name.
fn plan<'r>(resolution: &'r Resolution, caller: &Contract, name: &str) -> &'r Plan {
    let function = caller.function_named(name).expect(name);
    match resolution.route(function.key) {
        Some(Route::Plan(plan)) => plan,
        other => panic!("{name}: {other:?}"),
    }
}

/// The texts of the differences for which a caller with the one and a service with the other version are refused.
fn refusals(caller: &Contract, service: &Contract) -> Vec<String> {
    let refused = Resolution::new(caller, service).expect_err("it is refused");
    refused.into_iter().map(|difference| format!("{}: {}", difference.path, difference.what)).collect()
}
