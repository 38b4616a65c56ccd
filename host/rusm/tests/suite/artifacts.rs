//! What a build makes.

use wasmparser::{DataKind, ElementItems, ElementKind, Operator, Parser, Payload};

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
                Operator::I32Const { .. } => prepared += functions.count(),
                _ => anew += functions.count(),
            }
        }
    }
    assert!(prepared > 500 && anew < 200, "{prepared} functions have a known place, {anew} have not");
}

/// Likewise: if its heap had another shape, it would be left as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_heap_of_a_typescript_guest_begins_without_holes() {
    TestNode::boot().await.stop().await;
    let component = std::fs::read(folder().join(".rusm/build/probe-ts.wasm")).expect("it was built");
    let mut image = vec![0; 8 << 20];
    for payload in Parser::new(0).parse_all(&component) {
        let Payload::DataSection(reader) = payload.expect("it parses") else { continue };
        for segment in reader {
            let segment = segment.expect("a segment");
            let DataKind::Active { offset_expr, .. } = segment.kind else { continue };
            let Operator::I32Const { value } =
                offset_expr.get_operators_reader().read().expect("an operator")
            else {
                continue;
            };
            image[value as usize..][..segment.data.len()].copy_from_slice(segment.data);
        }
    }
    let word = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().expect("four bytes"));
    // dlmalloc's state: 36 bytes on, its mark, and then lists, the second of which is of a size that nobody has.
    let states = (0..image.len() - 64).step_by(4).filter(|at| {
        word(at + 36) == 0x555a_ab78 && word(at + 56) as usize == at + 48 && word(at + 60) as usize == at + 48
    });
    let [state] = states.collect::<Vec<_>>()[..] else { panic!("it has one") };
    assert_eq!(word(state), 0, "small free chunks");
    assert!(word(state + 8) >= 16 << 10, "one large one, from which is taken first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typescript_component_imports_what_its_bundle_uses() {
    let node = TestNode::boot().await;
    let has = |component: &str, interface: &str, name: &str| {
        let component = node.node().engine().component(component).expect("it is loaded");
        let is_it = |(from, own): &(String, String)| from.starts_with(interface) && own == name;
        component.imports().iter().any(is_it)
    };
    for (component, supervises) in [("plural-ts", false), ("keeper-ts", true)] {
        assert!(has(component, "rusm:actor/wait-async@", "park"), "{component} waits");
        assert_eq!(has(component, "rusm:actor/supervisors-async@", "start"), supervises, "{component}");
    }
    assert!(
        !has("plural-ts", "rusm:actor/groups@", "join") && !has("plural-ts", "rusm:actor/process@", "link")
    );
    node.stop().await;
}
