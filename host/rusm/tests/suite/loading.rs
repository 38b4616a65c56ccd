//! Components that guests load from bytes.

use crate::support::TestNode;

/// A program that ends with this code, as a list of bytes in text.
fn program(wat: &str) -> String {
    let bytes = wat::parse_str(wat).expect("a component");
    format!("[{}]", bytes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

const QUIET: &str = "(component (core module $m (func (export \"run\"))) (core instance $i (instantiate $m)) \
     (func (export \"run\") (canon lift (core func $i \"run\"))))";
const BROKEN: &str = "(component (core module $m (func (export \"run\") unreachable)) (core instance $i \
     (instantiate $m)) (func (export \"run\") (canon lift (core func $i \"run\"))))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_loads_runs_and_loads_again() {
    let node = TestNode::boot().await;
    let load = async |keeper: &str, wat: &str, grants: &str| {
        let answer = node.call(keeper, &format!("load({}, {grants})", program(wat))).await;
        answer.expect("it answers").trim_matches('"').to_owned()
    };
    for keeper in ["keeper-rust", "keeper-ts"] {
        let first = load(keeper, QUIET, "[]").await;
        let (name, ended) = first.split_once(' ').expect("a name and an end");
        assert!(name.starts_with("loaded-"), "{first}");
        assert_eq!(ended, "normal");
        assert_eq!(load(keeper, QUIET, "[]").await, first, "it is there already");
        let component = node.node().engine().component(name).expect("it is loaded");
        assert_eq!(component.profile().grants, []);

        let granted = load(keeper, QUIET, "[\"spawn:probe-rust\"]").await;
        assert_ne!(granted, first, "with other grants it is another one");
        let broken = load(keeper, BROKEN, "[]").await;
        assert!(broken.contains("crash"), "{broken}");
        let wider = load(keeper, QUIET, "[\"control\"]").await;
        assert!(wider.contains("wider than the profile of the loading process"), "{wider}");
        let unknown = load(keeper, QUIET, "[\"everything\"]").await;
        assert!(unknown.contains("is no grant"), "{unknown}");
        let invalid = node.call(keeper, "load([1, 2, 3], [])").await.expect("it answers");
        assert!(invalid.contains("not a WebAssembly component"), "{invalid}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_load_the_same_at_once_load_it_once() {
    let node = TestNode::boot().await;
    let text = format!("load({}, [])", program(QUIET));
    let calls = (0..20).map(|number| {
        let keeper = if number % 2 == 0 { "keeper-rust" } else { "keeper-ts" };
        node.call(keeper, &text)
    });
    let answers = futures::future::join_all(calls).await;
    assert!(
        answers.iter().all(|answer| answer.as_ref().is_ok_and(|text| text.ends_with("normal\""))),
        "{answers:?}"
    );
    let names = node.node().engine().component_names();
    // Two keepers, two profiles of the same content.
    assert_eq!(names.iter().filter(|name| name.starts_with("loaded-")).count(), 1, "{names:?}");
    node.stop().await;
}
