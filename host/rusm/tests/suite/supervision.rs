//! Guests of both languages that supervise guests of both, and belong to groups.

use crate::support::TestNode;

const KEEPERS: [&str; 2] = ["keeper-rust", "keeper-ts"];

/// The lines that a function of both keepers answers.
async fn lines(node: &TestNode, keeper: &str, text: &str) -> Vec<String> {
    let answer = node.call(keeper, text).await.expect("it answers");
    let inner = answer.trim_start_matches('[').trim_end_matches(']').trim_matches('"').to_owned();
    inner.split("\", \"").map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_strategy_restarts_its_children() {
    let node = TestNode::boot().await;
    for keeper in KEEPERS {
        for (strategy, new) in [("one-for-one", "b"), ("rest-for-one", "b c"), ("one-for-all", "a b c")] {
            let answer = node.call(keeper, &format!("crash(\"{strategy}\")")).await;
            assert_eq!(answer, Ok(format!("\"new: {new}; 3 of 3, true restarts\"")), "{keeper} {strategy}");
        }
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_are_stopped_started_deleted_and_added() {
    let node = TestNode::boot().await;
    for keeper in KEEPERS {
        assert_eq!(
            lines(&node, keeper, "steer()").await,
            [
                "a running, b running, c running",
                "done",
                "a running, b stopped, c running",
                "running",
                "done",
                "done",
                "not-found",
                "done",
                "a running, b running, d running",
                "done",
                "noproc",
            ],
            "{keeper}"
        );
        assert_eq!(
            lines(&node, keeper, "crowd()").await,
            ["too-many", "done", "2", "wrong-strategy"],
            "{keeper}"
        );
        assert_eq!(
            lines(&node, keeper, "nest()").await,
            ["inner (supervisor) running", "a running", "true a running", "noproc"],
            "{keeper}"
        );
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_granted_is_denied_to_supervisors_too() {
    let node = TestNode::boot().await;
    for (keeper, other) in [("keeper-rust", "keeper-ts"), ("keeper-ts", "keeper-rust")] {
        let others = node.call(other, "keep()").await.expect("it keeps one");
        let denied = lines(&node, keeper, &format!("deny({others})")).await;
        assert!(denied[0].contains("the grant `spawn:crowd-ts` is missing"), "{denied:?}");
        assert!(denied[1].contains("the grant `control` is missing"), "{denied:?}");
        assert_eq!(denied[2], "noproc");
        assert!(denied[3].contains("the grant `group:secret` is missing"), "{denied:?}");
        let component = node.node().engine().component(keeper).expect("it is loaded");
        let kinds: Vec<_> =
            component.denials().iter().map(|(operation, kind, _)| (*operation, *kind)).collect();
        assert_eq!(kinds, [("join", "group"), ("spawn", "spawn"), ("stop", "control")]);
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guests_supervisor_ends_with_the_guest() {
    let node = TestNode::boot().await;
    for keeper in KEEPERS {
        let count =
            |node: &TestNode| node.node().engine().component("probe-rust").expect("it is loaded").living();
        let before = count(&node);
        node.call(keeper, "keep()").await.expect("it keeps one");
        assert_eq!(count(&node), before + 1);
        let runtime = node.node().engine().runtime();
        runtime.kill(runtime.whereis(keeper).expect("it runs"));
        node.wait_until(|node| count(node) == before).await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_join_groups_and_hear_of_them() {
    let node = TestNode::boot().await;
    for keeper in KEEPERS {
        assert_eq!(
            lines(&node, keeper, "gather()").await,
            [
                "0 members",
                "true 1",
                "true hello",
                "true false",
                "true true test true",
                "true true test false",
                "true false"
            ],
            "{keeper}"
        );
    }
    node.stop().await;
}
