//! Services of several contracts: functions of one name told apart, versions side by side, one constructor.

use crate::support::TestNode;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_contract_of_a_service_has_its_functions() {
    let node = TestNode::boot().await;
    for one in ["plural-rust", "plural-ts"] {
        for other in ["plural-rust", "plural-ts"].into_iter().filter(|other| *other != one) {
            let observed = node.call(one, &format!("ask({other:?})")).await;
            let needs = format!("malformed: the constructor of `{other}` needs (owner)");
            let versions = ["old k", "new k", "1", "2"];
            let expected =
                [&["ann", "true", "true", "6"][..], &versions, &[&needs, "refused: whose?", "eve"]].concat();
            assert_eq!(observed, Ok(format!("{expected:?}")), "{one} -> {other}");
        }
        // What several contracts have is asked for by one of them.
        let several = "the function `get` is in several contracts: write `desk.get` or `status.get` or \
                       `test:store/store@1.4.0.get` or `test:store/store@2.0.0.get`";
        assert_eq!(node.call(one, "get()").await, Err(several.into()));
        assert_eq!(node.call(one, "desk.get()").await, Ok("\"ann\"".into()));
        assert_eq!(node.call(one, "test:store/store@2.0.0.get(\"k\")").await, Ok("\"new k\"".into()));
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_is_the_client_of_its_contract_in_both_languages() {
    let node = TestNode::boot().await;
    let pairs = [("plural-rust", "plural-ts"), ("plural-ts", "plural-rust")];
    for (one, other) in pairs {
        let place = node.node().engine().runtime().whereis(other).expect("it runs");
        let enter = format!("enter({{node: {}, id: {}}}, {one:?})", place.node, place.id);
        let expected = ["1", &format!("refused: {one} is there"), "true", "true", "true", "1"];
        let observed = node.call(one, &enter).await;
        assert_eq!(observed, Ok(format!("{expected:?}")), "{one} -> {other}");
    }
    for (one, other) in pairs {
        node.cast(other, other, "say(\"hello\")").await;
        // In the text of a call a reference is a pid.
        let found = node.call(other, &format!("find({one:?})")).await.expect("it answers");
        assert!(found.starts_with("some({node: "), "{found}");
        assert_eq!(node.call(one, "heard()").await, Ok("[\"hello\"]".into()), "{one} hears {other}");
    }
    node.stop().await;
}
