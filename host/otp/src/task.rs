use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::timers::deadline;
use crate::{Context, ExitReason, Message, Pid, Reference, Runtime, SpawnOptions};

/// A process that computes one value for the process that starts it, its owner: Elixir's `Task`.
///
/// The value does not come as mail: only what waits for the task takes something out of the owner's
/// mailbox, and nothing of the task is left there. Dropping a task lets it run on, and nobody hears
/// of its value; a link remains.
///
/// ```
/// use std::time::Duration;
///
/// use rusm_otp::{ExitReason, Runtime, SpawnOptions, Task};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let runtime = Runtime::new();
/// let (done, sum) = tokio::sync::oneshot::channel();
/// runtime.spawn(SpawnOptions::new("owner"), move |context| async move {
///     let left = Task::start(&context, |_| async { 20 });
///     let right = Task::start(&context, |_| async { 22 });
///     let limit = Duration::from_secs(5);
///     let sides = (left.join(&context, limit).await, right.join(&context, limit).await);
///     done.send(sides.0.unwrap() + sides.1.unwrap()).ok();
///     ExitReason::Normal
/// }).unwrap();
/// assert_eq!(sum.await.unwrap(), 42);
/// # }
/// ```
#[must_use = "nobody hears of the value of a task that is dropped"]
pub struct Task<T> {
    runtime: Runtime,
    owner: Pid,
    pid: Pid,
    /// The owner's; none when its message has been taken.
    monitor: Option<Reference>,
    value: Arc<Mutex<Option<T>>>,
    linked: bool,
    /// It is of no use to anybody but its owner.
    ends_when_dropped: bool,
}

/// Why a task has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// It was not done in time, and is killed.
    #[error("timeout: the task was not done in time")]
    Timeout,
    /// It ended before it was done; `noproc` if its value was taken before.
    #[error("the task ended: {0}")]
    Exited(ExitReason),
    /// Only the process that started it can wait for it.
    #[error("the task belongs to another process")]
    NotOwner,
}

impl<T: Send + 'static> Task<T> {
    /// Starts a task that is linked to its owner: if it crashes, so does the owner, unless that
    /// traps exits.
    pub fn start<F, Run>(owner: &Context, body: F) -> Self
    where
        F: FnOnce(Context) -> Run + Send + 'static,
        Run: Future<Output = T> + Send + 'static,
    {
        Self::spawn(owner, true, body)
    }

    /// Starts a task whose crash only its value tells of. It outlives its owner.
    pub fn start_unlinked<F, Run>(owner: &Context, body: F) -> Self
    where
        F: FnOnce(Context) -> Run + Send + 'static,
        Run: Future<Output = T> + Send + 'static,
    {
        Self::spawn(owner, false, body)
    }

    fn spawn<F, Run>(owner: &Context, linked: bool, body: F) -> Self
    where
        F: FnOnce(Context) -> Run + Send + 'static,
        Run: Future<Output = T> + Send + 'static,
    {
        let value = Arc::new(Mutex::new(None));
        let (slot, parent) = (value.clone(), owner.pid());
        let process = move |context: Context| async move {
            let done = body(context.clone()).await;
            *slot.lock() = Some(done);
            // An owner that traps exits is not to hear of an end that it waits for.
            context.runtime().unlink(context.pid(), parent);
            ExitReason::Normal
        };
        let options = SpawnOptions::new("task").parent(parent).link(linked).monitor(true);
        let spawned = owner.runtime().spawn(options, process).expect("it has no name");
        let (runtime, pid, monitor) = (owner.runtime().clone(), spawned.pid, spawned.monitor);
        Self { runtime, owner: parent, pid, monitor, value, linked, ends_when_dropped: false }
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Its value, at most after so long. A task that is late is killed: nobody could take its value
    /// any more.
    ///
    /// # Errors
    /// [`TaskError`].
    pub async fn join(mut self, context: &Context, limit: Duration) -> Result<T, TaskError> {
        self.join_by(context, deadline(limit)).await
    }

    /// The values of several tasks in their order, at most after so long for all of them together.
    pub async fn join_all(
        context: &Context,
        tasks: impl IntoIterator<Item = Self>,
        limit: Duration,
    ) -> Vec<Result<T, TaskError>> {
        let deadline = deadline(limit);
        let mut values = Vec::new();
        for mut task in tasks {
            values.push(task.join_by(context, deadline).await);
        }
        values
    }

    async fn join_by(&mut self, context: &Context, deadline: Instant) -> Result<T, TaskError> {
        match self.outcome(context, deadline).await {
            Some(outcome) => outcome,
            None => {
                self.kill(context).await;
                Err(TaskError::Timeout)
            }
        }
    }

    /// Its value, if it is there within the time, which may be zero; otherwise it can be asked
    /// again. Never [`TaskError::Timeout`].
    pub async fn try_join(&mut self, context: &Context, limit: Duration) -> Option<Result<T, TaskError>> {
        self.outcome(context, deadline(limit)).await
    }

    /// Ends it by `shutdown`, by force if it has not ended after so long, and waits until it is
    /// gone. Its value if it was done before.
    ///
    /// # Errors
    /// [`TaskError::Exited`] if it ended for another reason before; [`TaskError::NotOwner`].
    pub async fn shutdown(mut self, context: &Context, limit: Duration) -> Result<Option<T>, TaskError> {
        if context.pid() == self.owner {
            self.runtime.unlink(self.owner, self.pid);
            self.runtime.exit(self.owner, self.pid, ExitReason::Shutdown);
        }
        let outcome = match self.outcome(context, deadline(limit)).await {
            Some(outcome) => outcome,
            None => {
                self.runtime.kill(self.pid);
                let Some(monitor) = self.monitor else { return Ok(None) };
                let end = context.receive_matching(|message| is_down(message, monitor)).await;
                self.taken(context, end).await
            }
        };
        match outcome {
            Err(TaskError::Exited(ExitReason::Shutdown | ExitReason::Killed)) => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    /// None if it is not done in time.
    async fn outcome(&mut self, context: &Context, deadline: Instant) -> Option<Result<T, TaskError>> {
        if context.pid() != self.owner {
            return Some(Err(TaskError::NotOwner));
        }
        let Some(monitor) = self.monitor else {
            return Some(Err(TaskError::Exited(ExitReason::NoProc)));
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let end = context.receive_within(left, |message| is_down(message, monitor)).await?;
        Some(self.taken(context, end).await)
    }

    /// What the message of its end means, the only one of it that was still to come.
    async fn taken(&mut self, context: &Context, end: Message) -> Result<T, TaskError> {
        self.monitor = None;
        let value = self.value.lock().take();
        match (value, end) {
            (Some(value), _) => Ok(value),
            (None, Message::Down { reason, .. }) => {
                self.forget_exit(context).await;
                Err(TaskError::Exited(reason))
            }
            (None, _) => Err(TaskError::Exited(ExitReason::NoProc)),
        }
    }

    async fn kill(&mut self, context: &Context) {
        self.runtime.unlink(self.owner, self.pid);
        self.runtime.kill(self.pid);
        if let Some(monitor) = self.monitor.take() {
            self.runtime.demonitor(self.owner, monitor);
        }
        self.forget_exit(context).await;
    }

    /// An owner that traps exits has heard of this one.
    async fn forget_exit(&self, context: &Context) {
        if self.linked {
            let is_own = |message: &Message| matches!(message, Message::Exit { pid, .. } if *pid == self.pid);
            context.receive_within(Duration::ZERO, is_own).await;
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        let Some(monitor) = self.monitor else { return };
        if self.ends_when_dropped {
            self.runtime.kill(self.pid);
        }
        self.runtime.demonitor(self.owner, monitor);
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("pid", &self.pid).field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// How [`map_concurrently`] goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskOptions {
    /// The most tasks at once, at least one; as many as the machine has processors by default.
    pub concurrency: usize,
    /// How long one may take, five seconds by default. A task that is late is killed when its value
    /// is waited for.
    pub limit: Duration,
    /// Whether the values come in the order of the items, which is the default, or as they are
    /// done.
    pub ordered: bool,
}

impl Default for TaskOptions {
    fn default() -> Self {
        let concurrency = available_parallelism().map_or(1, NonZeroUsize::get);
        Self { concurrency, limit: Duration::from_secs(5), ordered: true }
    }
}

/// Runs a function on every item, several at once, each in a task of its own: Elixir's
/// `async_stream_nolink`.
///
/// A task is started when a value is asked for and there are fewer than may be; so there are never
/// more values waiting than tasks at once. A crash is that item's value, and not the end of the
/// owner.
///
/// ```
/// use rusm_otp::{ExitReason, Runtime, SpawnOptions, TaskOptions, map_concurrently};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let runtime = Runtime::new();
/// let (done, squares) = tokio::sync::oneshot::channel();
/// runtime.spawn(SpawnOptions::new("owner"), move |context| async move {
///     let options = TaskOptions { concurrency: 2, ..TaskOptions::default() };
///     let mut stream = map_concurrently(&context, 1..=4, options, |_, number| async move { number * number });
///     let mut squares = Vec::new();
///     while let Some(square) = stream.next().await {
///         squares.push(square.unwrap());
///     }
///     done.send(squares).ok();
///     ExitReason::Normal
/// }).unwrap();
/// assert_eq!(squares.await.unwrap(), [1, 4, 9, 16]);
/// # }
/// ```
pub fn map_concurrently<I, F, Run>(
    context: &Context,
    items: I,
    options: TaskOptions,
    function: F,
) -> TaskStream<I::IntoIter, F, Run::Output>
where
    I: IntoIterator,
    F: Fn(Context, I::Item) -> Run,
    Run: Future,
{
    let (context, items) = (context.clone(), items.into_iter());
    TaskStream { context, items, function, options, running: VecDeque::new() }
}

/// The values of [`map_concurrently`]. Dropping it kills the tasks that still run.
#[must_use = "no task is started before a value is asked for"]
pub struct TaskStream<I, F, T> {
    context: Context,
    items: I,
    function: F,
    options: TaskOptions,
    /// Those that were started, first the oldest, each with its deadline.
    running: VecDeque<(Task<T>, Instant)>,
}

impl<I, F, Run> TaskStream<I, F, Run::Output>
where
    I: Iterator<Item: Send + 'static>,
    F: Fn(Context, I::Item) -> Run + Clone + Send + 'static,
    Run: Future<Output: Send + 'static> + Send + 'static,
{
    /// The next value, or none if there are no more. Cancellation-safe.
    pub async fn next(&mut self) -> Option<Result<Run::Output, TaskError>> {
        self.start_tasks();
        let (task, deadline) = self.running.front_mut()?;
        if self.options.ordered {
            let value = task.join_by(&self.context, *deadline).await;
            self.running.pop_front();
            return Some(value);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let place = |running: &VecDeque<(Task<_>, _)>, message: &Message| {
            running.iter().position(|(task, _)| task.monitor.is_some_and(|monitor| is_down(message, monitor)))
        };
        let end = self.context.receive_within(left, |message| place(&self.running, message).is_some()).await;
        // The oldest one is the first to be late.
        let place = end.as_ref().and_then(|end| place(&self.running, end)).unwrap_or(0);
        let (mut task, _) = self.running.remove(place)?;
        Some(match end {
            Some(end) => task.taken(&self.context, end).await,
            None => Err(TaskError::Timeout),
        })
    }

    fn start_tasks(&mut self) {
        while self.running.len() < self.options.concurrency.max(1) {
            let Some(item) = self.items.next() else { return };
            let function = self.function.clone();
            let mut task = Task::start_unlinked(&self.context, move |context| function(context, item));
            task.ends_when_dropped = true;
            self.running.push_back((task, deadline(self.options.limit)));
        }
    }
}

impl<I, F, T> fmt::Debug for TaskStream<I, F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskStream").field("options", &self.options).finish_non_exhaustive()
    }
}

fn is_down(message: &Message, wanted: Reference) -> bool {
    matches!(message, Message::Down { monitor, .. } if *monitor == wanted)
}
