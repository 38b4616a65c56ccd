//! A node that all inputs of a run share.

use std::sync::OnceLock;
use std::time::Duration;

use rusm_engine::{Engine, EngineConfig, Profile, Spawn};
use rusm_otp::{Context, ExitReason, Message, Runtime, SpawnOptions};
use tokio::runtime::Runtime as Tokio;

pub struct Node {
    tokio: Tokio,
    engine: Engine,
}

impl Node {
    pub fn get() -> &'static Self {
        static NODE: OnceLock<Node> = OnceLock::new();
        NODE.get_or_init(|| {
            let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let tokio = tokio.expect("a runtime");
            let config = EngineConfig {
                sync_processes: 8,
                async_processes: 8,
                cache: None,
                ..EngineConfig::default()
            };
            let engine = {
                let _entered = tokio.enter();
                Engine::new(Runtime::new(), config).expect("an engine")
            };
            Self { tokio, engine }
        })
    }

    /// Loads it, and if it can be, runs a process of it for some milliseconds. The node then has as many processes as before.
    ///
    /// Returns whether it could be loaded, and how its process ended.
    pub fn try_out(&self, bytes: Vec<u8>) -> (bool, Option<ExitReason>) {
        self.tokio.block_on(async {
            let mut profile = Profile::default();
            profile.limits.memory = 8 << 20;
            profile.limits.mailbox = Some(100);
            if self.engine.load("fuzzed", bytes, profile).await.is_err() {
                return (false, None);
            }
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let engine = self.engine.clone();
            let watch = move |context: Context| async move {
                let spawn = Spawn::new("fuzzed").parent(context.pid(), false, true);
                let end = match engine.spawn(spawn.deadline(FOR)).await {
                    Err(_) => None,
                    Ok(spawned) => {
                        let runtime = context.runtime().clone();
                        tokio::spawn(async move {
                            tokio::time::sleep(FOR).await;
                            runtime.kill(spawned.pid);
                        });
                        match context.receive().await {
                            Message::Down { reason, .. } => Some(reason),
                            other => panic!("{other:?}"),
                        }
                    }
                };
                sender.send(end).expect("it is waited for");
                ExitReason::Normal
            };
            self.engine.runtime().spawn(SpawnOptions::new("watch"), watch).expect("it has no name");
            let end = tokio::time::timeout(LIMIT, receiver).await.expect("the process ends").expect("an end");
            let gone = async {
                while self.engine.runtime().processes().iter().any(|process| &*process.label == "fuzzed") {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(LIMIT, gone).await.expect("it leaves nothing behind");
            (true, end)
        })
    }
}

const FOR: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(10);
