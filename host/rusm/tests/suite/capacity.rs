//! What a node does when its pools are full: it goes on beyond them, and past its memory it refuses and lives.

use rusm_engine::{EngineConfig, Lane, Spawn, SpawnError};
use rusm_otp::Pid;

use crate::support::TestNode;

/// Smaller pools than the test project's own tree takes.
fn small() -> EngineConfig {
    EngineConfig { sync_processes: 4, async_processes: 2, ..EngineConfig::default() }
}

async fn spawn(node: &TestNode, component: &str) -> Result<Pid, SpawnError> {
    node.node().engine().spawn(Spawn::new(component)).await.map(|spawned| spawned.pid)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_pools_processes_of_both_lanes_live_and_answer() {
    let node = TestNode::boot_with(small()).await;
    for (component, lane) in [("limits-rust", Lane::Sync), ("witness-ts", Lane::Async)] {
        let before = node.node().engine().places(lane);
        let mut pids = Vec::new();
        for _ in 0..20 {
            pids.push(spawn(&node, component).await.expect("there is memory"));
        }
        let (taken, total, overflow) = node.node().engine().places(lane);
        assert_eq!(taken, total, "the pool is full");
        assert_eq!(taken + overflow, before.0 + before.2 + 20);
        for pid in &pids {
            assert!(node.node().engine().runtime().is_alive(*pid));
        }
        if component == "limits-rust" {
            for pid in &pids {
                let reply = node.raw_call(*pid, node.key("limits-rust", "alive"), Vec::new()).await;
                assert_eq!(reply, Ok(vec![1]));
            }
        }
        for pid in pids {
            node.node().engine().runtime().kill(pid);
        }
        let count = |node: &TestNode| {
            let (taken, _, overflow) = node.node().engine().places(lane);
            taken + overflow
        };
        node.wait_until(|node| count(node) == before.0 + before.2).await;
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_limits_hold_beyond_the_pool() {
    let node = TestNode::boot_with(small()).await;
    for _ in 0..8 {
        let pid = spawn(&node, "limits-rust").await.expect("there is memory");
        let reply = node.raw_call(pid, node.key("limits-rust", "take"), vec![16]).await;
        assert!(reply.is_err(), "it has 8 MiB: {reply:?}");
        assert!(!node.node().engine().runtime().is_alive(pid));
    }
    assert_eq!(node.call_as("one", "limits-rust", "alive()").await, Ok("true".into()));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_node_refuses_by_a_typed_error_and_lives() {
    let node = TestNode::boot_with(EngineConfig {
        sync_processes: 64,
        async_processes: 32,
        resident: 1 << 20,
        ..EngineConfig::default()
    })
    .await;
    let refused = loop {
        match spawn(&node, "limits-rust").await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    let SpawnError::Capacity(why) = &refused else { panic!("{refused}") };
    assert!(why.contains("of the 1 MiB of memory that it may"), "{why}");
    assert_eq!(node.call_as("one", "limits-rust", "alive()").await, Ok("true".into()));
    node.stop_at_once();
}
