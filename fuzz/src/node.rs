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
    /// Returns whether it could be loaded.
    pub fn try_out(&self, bytes: Vec<u8>) -> bool {
        self.tokio.block_on(async {
            let mut profile = Profile::default();
            profile.limits.memory = 8 << 20;
            profile.limits.mailbox = 100;
            if self.engine.load("fuzzed", bytes, profile).await.is_err() {
                return false;
            }
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let engine = self.engine.clone();
            let watch = move |context: Context| async move {
                let spawn = Spawn::new("fuzzed").parent(context.pid(), false, true);
                // One that does not come through its start has ended already.
                if let Ok(spawned) = engine.spawn(spawn.deadline(FOR)).await {
                    let runtime = context.runtime().clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(FOR).await;
                        runtime.kill(spawned.pid);
                    });
                    let message = context.receive().await;
                    assert!(matches!(message, Message::Down { .. }), "{message:?}");
                }
                sender.send(()).expect("it is waited for");
                ExitReason::Normal
            };
            self.engine.runtime().spawn(SpawnOptions::new("watch"), watch).expect("it has no name");
            tokio::time::timeout(LIMIT, receiver).await.expect("the process ends").expect("it is watched");
            let gone = async {
                while self.engine.runtime().processes().iter().any(|process| &*process.label == "fuzzed") {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(LIMIT, gone).await.expect("it leaves nothing behind");
            true
        })
    }
}

const FOR: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(10);
