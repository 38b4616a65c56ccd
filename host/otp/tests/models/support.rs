//! What the models have in common.

use std::sync::Mutex;

use shuttle::future::block_on;
use shuttle::thread;
use tokio::sync::oneshot;

use crate::owner::Owner;
use crate::{Context, ExitReason, Message, Pid, Runtime, SpawnOptions};

/// A process that keeps what it gets until it gets mail.
pub(crate) struct Listener {
    pub(crate) pid: Pid,
    heard: oneshot::Receiver<Vec<Message>>,
}

impl Listener {
    pub(crate) fn start(runtime: &Runtime) -> Self {
        let (told, heard) = oneshot::channel();
        let body = |context: Context| async move {
            let mut messages = Vec::new();
            loop {
                match context.receive().await {
                    Message::Mail { .. } => break,
                    message => messages.push(message),
                }
            }
            // Nobody may wait for it any more.
            let _ = told.send(messages);
            ExitReason::Normal
        };
        let options = SpawnOptions::new("listener").trap_exit(true);
        Self { pid: runtime.spawn(options, body).expect("no name").pid, heard }
    }

    /// What it has got so far.
    pub(crate) fn heard(self, runtime: &Runtime) -> Vec<Message> {
        runtime.send(self.pid, &self.pid.into(), "end".into()).expect("its mailbox has no bound");
        block_on(self.heard).expect("it lives")
    }
}

/// Tells when a process is gone, and everybody has been told.
#[derive(Debug)]
struct End(Mutex<Option<oneshot::Sender<()>>>);

impl Owner for End {
    fn ended(&self, _: &Runtime, _: Pid) {
        let told = self.0.lock().expect("nobody panics with it").take();
        told.expect("it ends once").send(()).expect("somebody waits");
    }
}

/// The end of a process, to be waited for.
pub(crate) fn end_of(runtime: &Runtime, pid: Pid) -> oneshot::Receiver<()> {
    let (told, end) = oneshot::channel();
    assert!(runtime.tell_end(pid, std::sync::Arc::new(End(Mutex::new(Some(told))))), "it lives");
    end
}

/// Runs both at once.
pub(crate) fn both(one: impl FnOnce() + Send + 'static, other: impl FnOnce() + Send + 'static) {
    let one = thread::spawn(one);
    let other = thread::spawn(other);
    one.join().expect("it does not panic");
    other.join().expect("it does not panic");
}
