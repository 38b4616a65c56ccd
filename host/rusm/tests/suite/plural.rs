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
