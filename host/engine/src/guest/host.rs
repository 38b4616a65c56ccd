use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use rusm_otp::{Pid, Spawned};

use crate::error::NotLoaded;
use crate::output::Output;
use crate::{Component, Profile, Spawn, SpawnError};

/// What guests ask of the engine that runs them.
pub(crate) trait Host: Send + Sync {
    /// Starts a process and waits until its constructor is done.
    fn spawn(self: Arc<Self>, spawn: Spawn) -> BoxFuture<'static, Result<Spawned, SpawnError>>;

    /// Loads a component from its bytes, unless it is there already; its name.
    fn load(
        self: Arc<Self>,
        bytes: Vec<u8>,
        profile: Profile,
    ) -> BoxFuture<'static, Result<Arc<str>, NotLoaded>>;

    /// The component that was loaded under this name.
    fn component(&self, name: &str) -> Option<Arc<Component>>;

    /// How many ticks there have been.
    fn ticks(&self) -> u64;

    /// How long one is.
    fn tick(&self) -> Duration;

    /// Keeps the last of what a process writes.
    fn keep_output(&self, pid: Pid, output: Arc<Output>);

    /// Nothing more comes of it.
    fn process_ended(&self, pid: Pid);
}
