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

/// Bytes of this program's own that are resident, and so many MiB.
fn resident_and(mib: usize) -> usize {
    let own = procfs::process::Process::myself().and_then(|own| own.statm()).expect("it is there");
    (own.resident - own.shared) as usize * procfs::page_size() as usize + (mib << 20)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_node_refuses_by_a_typed_error_and_lives() {
    let small = EngineConfig { sync_processes: 64, async_processes: 32, ..EngineConfig::default() };
    let node = TestNode::boot_with(EngineConfig { resident: resident_and(100), ..small }).await;
    let take = node.key("limits-rust", "take");
    // Until there is none left, each uses what it is granted.
    let mut full = false;
    let refused = loop {
        match spawn(&node, "limits-rust").await {
            Ok(pid) if !full => full = node.raw_call(pid, take, vec![5]).await.is_err(),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(full, "memory does not grow either");
    let SpawnError::Capacity(why) = &refused else { panic!("{refused}") };
    assert!(
        why.contains("the memory of the node, with what it keeps for its processes, is limited to"),
        "{why}"
    );
    assert_eq!(node.call_as("one", "limits-rust", "alive()").await, Ok("true".into()));
    node.stop_at_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_idle_services_are_granted_and_do_not_use_is_there_for_others() {
    let node = TestNode::boot_with(EngineConfig { resident: resident_and(300), ..small() }).await;
    let mut pids = Vec::new();
    for _ in 0..1500 {
        pids.push(spawn(&node, "limits-rust").await.expect("there is memory"));
    }
    let granted = node.node().engine().runtime().memory().guests();
    assert!(granted > 1500 << 20, "each has a stack of 1 MiB, and together {granted} bytes");
    for pid in pids {
        assert_eq!(node.raw_call(pid, node.key("limits-rust", "alive"), Vec::new()).await, Ok(vec![1]));
    }
    node.stop_at_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bound_that_the_manifest_sets_is_of_what_is_granted() {
    let node = TestNode::boot_with(EngineConfig { total_memory: Some(80 << 20), ..small() }).await;
    let mut living = 0;
    let refused = loop {
        match spawn(&node, "limits-rust").await {
            Ok(_) => living += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&refused, SpawnError::Capacity(why) if why.contains("is limited to 80.0 MiB")),
        "{refused}"
    );
    assert!((10..60).contains(&living), "{living}");
    node.stop_at_once();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_an_emergency_those_that_take_more_end_and_those_at_rest_live() {
    let config = EngineConfig { resident: usize::MAX, emergency: resident_and(184), ..small() };
    let emergency = config.emergency;
    let node = TestNode::boot_with(config).await;
    let (take, runtime) = (node.key("limits-rust", "take"), node.node().engine().runtime().clone());
    let at_rest = spawn(&node, "limits-rust").await.expect("there is memory");
    node.raw_call(at_rest, take, vec![6]).await.expect("there is memory");
    let mut pids = Vec::new();
    for _ in 0..60 {
        pids.push(spawn(&node, "limits-rust").await.expect("there is memory"));
    }
    // Each touches some MiB of its own, again and again, until there is room.
    let begun = std::time::Instant::now();
    while pids.iter().all(|pid| runtime.is_alive(*pid)) || resident_and(0) > emergency {
        assert!(begun.elapsed().as_secs() < 60, "{} bytes are resident, of {emergency}", resident_and(0));
        for pid in &pids {
            let _ = node.raw_call(*pid, take, vec![6]).await;
        }
    }
    assert!(runtime.is_alive(at_rest), "it had nothing to do with it");
    let living = pids.iter().filter(|pid| runtime.is_alive(**pid)).count();
    assert!(living > 5, "no more are ended than have to be: {living} live");
    assert_eq!(node.call_as("one", "limits-rust", "alive()").await, Ok("true".into()));
    node.stop_at_once();
}
