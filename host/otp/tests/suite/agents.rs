//! Agents: looks, changes, ends.

use std::time::Duration;

use rusm_otp::{Agent, CallError, ChildSpec, ExitReason, Runtime, ServerError, SpawnOptions, Supervisor};

use crate::support::{on_virtual_time, run};

const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn an_agent_is_looked_at_and_changed_in_order() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let agent =
            Agent::start(&runtime, SpawnOptions::new("numbers"), || vec![1]).await.expect("it starts");
        let seen = run(&runtime, |context| async move {
            agent.update(&context, |numbers| numbers.push(2), LIMIT).await.expect("it answers");
            agent.cast(&context, |numbers| numbers.push(3)).expect("it is taken");
            let last = agent.get_and_update(&context, Vec::pop, LIMIT).await;
            (last, agent.get(&context, Clone::clone, LIMIT).await)
        });
        assert_eq!(seen.await, (Ok(Some(3)), Ok(vec![1, 2])));
    });
}

#[test]
fn an_agent_is_stopped_once() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let agent = Agent::start(&runtime, SpawnOptions::new("number"), || 1).await.expect("it starts");
        let ends = run(&runtime, |context| async move {
            let first = agent.stop(&context, LIMIT).await;
            (first, agent.stop(&context, LIMIT).await, agent.get(&context, |number| *number, LIMIT).await)
        });
        assert_eq!(ends.await, (Ok(()), Err(CallError::NoProc), Err(CallError::NoProc)));
        assert!(runtime.processes().is_empty());
    });
}

#[test]
fn what_panics_in_an_agent_ends_it() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let broken = Agent::start(&runtime, SpawnOptions::new("number"), || -> u32 { panic!("broken") });
        assert!(matches!(broken.await, Err(ServerError::Init(ExitReason::Crash(_)))));
        let agent = Agent::start(&runtime, SpawnOptions::new("number"), || 1).await.expect("it starts");
        let heard =
            run(&runtime, |context| async move { agent.update(&context, |_| panic!("broken"), LIMIT).await });
        assert!(matches!(heard.await, Err(CallError::Exited(ExitReason::Crash(_)))));
    });
}

#[test]
fn an_agent_of_another_kind_says_so() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let options = SpawnOptions::new("number").name("number");
        Agent::start(&runtime, options, || 1_u32).await.expect("it starts");
        let heard = run(&runtime, |context| async move {
            Agent::<String>::new("number").get(&context, String::len, LIMIT).await
        });
        assert!(matches!(heard.await, Err(CallError::UnknownFunction(_))));
    });
}

#[test]
fn a_supervised_agent_starts_anew() {
    on_virtual_time(async {
        let runtime = Runtime::new();
        let tree = Supervisor::new("tree").child(ChildSpec::agent("number", || 7));
        let tree = tree.start(&runtime, None).await.expect("it starts");
        let heard = run(&runtime, |context| async move {
            let agent = Agent::<i32>::new("number");
            agent.update(&context, |number| *number = 8, LIMIT).await.expect("it answers");
            let changed = agent.get(&context, |number| *number, LIMIT).await;
            agent.update(&context, |_| panic!("broken"), LIMIT).await.expect_err("it breaks");
            context.sleep(Duration::from_millis(1)).await;
            (changed, agent.get(&context, |number| *number, LIMIT).await)
        });
        assert_eq!(heard.await, (Ok(8), Ok(7)));
        tree.stop().await;
    });
}
