//! Processes on virtual time: nothing here waits for a real clock.

use std::future::{Future, pending};

use rusm_otp::{Context, ExitReason, Runtime, SpawnOptions};
use tokio::sync::oneshot;

/// Runs a test on one thread whose clock jumps to the next timer.
pub fn on_virtual_time(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(test);
}

/// Runs a body as a process, and answers with its value.
pub async fn run<T, F, Body>(runtime: &Runtime, body: F) -> T
where
    T: Send + 'static,
    F: FnOnce(Context) -> Body + Send + 'static,
    Body: Future<Output = T> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let process = |context: Context| async move {
        // A test that no longer waits has failed elsewhere.
        let _ = sender.send(body(context).await);
        ExitReason::Normal
    };
    runtime.spawn(SpawnOptions::new("test"), process).expect("it has no name");
    receiver.await.expect("the process lives to its end")
}

/// A process that does nothing until it is ended.
pub fn idle(_: Context) -> impl Future<Output = ExitReason> + Send {
    pending()
}
