//! Ctrl-C and SIGTERM, heard by a thread of their own: whatever the node's threads do, the second one ends it.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How often the node was asked to stop.
#[derive(Clone)]
pub(super) struct Asked(watch::Receiver<u32>);

impl Asked {
    /// Begins to listen. From the second time on the node has a moment to kill what is left, and then the process ends.
    pub(super) fn listen() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (interrupt, terminate) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let (sender, receiver) = watch::channel(0);
        let hear = move || runtime.block_on(hear(interrupt, terminate, sender));
        std::thread::Builder::new().name("rusm-signals".into()).spawn(hear)?;
        Ok(Self(receiver))
    }

    /// Waits until it was asked so often.
    pub(super) async fn times(&self, times: u32) {
        if self.0.clone().wait_for(|asked| *asked >= times).await.is_err() {
            // Nobody listens: it runs until it is killed.
            std::future::pending::<()>().await;
        }
    }
}

async fn hear(mut interrupt: Signal, mut terminate: Signal, asked: watch::Sender<u32>) {
    let mut once = async || {
        tokio::select! {
            heard = interrupt.recv() => heard,
            heard = terminate.recv() => heard,
        }
    };
    for times in 1..=2 {
        if once().await.is_none() {
            return;
        }
        // It has stopped by itself, if nobody hears it.
        let _ = asked.send(times);
    }
    // Whoever asks for the third time waits no longer.
    let _ = tokio::time::timeout(LAST_MOMENT, once()).await;
    std::process::exit(INTERRUPTED);
}

/// Longer than processes that are killed have to end.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// As a shell says of a program that SIGINT has ended.
const INTERRUPTED: i32 = 130;
