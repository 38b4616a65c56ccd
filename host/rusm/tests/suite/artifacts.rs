//! What a build makes.

use wasmparser::{ElementItems, ElementKind, Parser, Payload};

use crate::support::{TestNode, folder};

/// componentize-qjs may change how it links, and spawns would become slower without anything else being wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_engine_of_a_typescript_guest_has_a_table_of_its_own() {
    TestNode::boot().await.stop().await;
    let component = std::fs::read(folder().join(".rusm/build/probe-ts.wasm")).expect("it was built");
    let (mut prepared, mut anew) = (0, 0);
    for payload in Parser::new(0).parse_all(&component) {
        let Payload::ElementSection(reader) = payload.expect("it parses") else { continue };
        for element in reader {
            let element = element.expect("an element");
            let ElementItems::Functions(functions) = element.items else { continue };
            let ElementKind::Active { offset_expr, .. } = element.kind else { continue };
            match offset_expr.get_operators_reader().read().expect("an operator") {
                wasmparser::Operator::I32Const { .. } => prepared += functions.count(),
                _ => anew += functions.count(),
            }
        }
    }
    assert!(prepared > 500 && anew < 200, "{prepared} functions have a known place, {anew} have not");
}
