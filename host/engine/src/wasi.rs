//! The WASI that guests import: made from the process's profile, with its output captured.

use std::sync::{Arc, LazyLock};

use rustix::process::{Resource as Limit, getrlimit};
use wasmtime::component::{Linker, Resource, ResourceTable, ResourceType};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::guest::{Guest, Opened};
use crate::output::Channel;
use crate::spawn::Command;
use crate::{Grant, Lane, Profile};

mod network;
mod seeded;
mod stdio;

pub(crate) use seeded::fill_seeded;

/// What guests of a lane import of WASI.
pub(crate) fn add(linker: &mut Linker<Guest>, lane: Lane) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    if lane == Lane::Sync {
        return Ok(());
    }
    wasmtime_wasi::p3::add_to_linker(linker)?;
    // A stream of preview 3 has no entry in the table, and keeps its file when the descriptor is gone.
    linker.allow_shadowing(true);
    let descriptor = ResourceType::host::<Descriptor>();
    linker.instance(FILESYSTEM)?.resource("descriptor", descriptor, |mut store, id| {
        let guest = store.data_mut();
        let descriptor = guest.ctx().table.delete(Resource::<Descriptor>::new_own(id))?;
        if let Descriptor::File(wasmtime_wasi::filesystem::File { file, .. }) = &descriptor
            && Arc::strong_count(file) > 1
        {
            guest.wasi.files.streamed.push(Arc::downgrade(file));
        }
        Ok(())
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// As wasmtime-wasi registers it.
const FILESYSTEM: &str = "wasi:filesystem/types@0.3.0";

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        if self.wasi.context.is_none() {
            self.wasi.context = Some(Box::new(context(self)));
        }
        let most = self.profile.limits.handles;
        let files_most = self.profile.limits.files.min(*NODES_FILES);
        let Opened { context, table, files, .. } = &mut self.wasi;
        let table = table.get_or_insert_with(|| {
            let mut table = ResourceTable::new();
            table.set_max_capacity(most);
            Box::new(table)
        });
        if let Some(open) = files.too_many(table, files_most) {
            // It may still run for a moment, and opens nothing more then.
            table.set_max_capacity(0);
            let text = format!(
                "{open} files, folders, sockets and streams of them are open; the limit `files` of its capabilities, here \
                 {files_most}, sets how many that may be"
            );
            files.refused = Some(text.clone());
            self.context.runtime().crash(self.context.pid(), text);
        }
        // It was made above.
        WasiCtxView { ctx: context.get_or_insert_default(), table }
    }
}

/// Random bytes that one call gives, as the Web's `getRandomValues`.
pub(crate) const MOST_RANDOM: u32 = 65_536;

/// What a guest may have open at most: the node keeps some for its sockets, its cache and its log.
static NODES_FILES: LazyLock<usize> = LazyLock::new(|| {
    let most = getrlimit(Limit::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(KEPT_FILES).max(8)
});

const KEPT_FILES: usize = 64;

fn context(guest: &mut Guest) -> WasiCtx {
    let mut builder = WasiCtx::builder();
    let output = guest.output();
    builder
        .stdout(stdio::Lines::new(Channel::Stdout, output.clone()))
        .stderr(stdio::Lines::new(Channel::Stderr, output))
        .max_random_size(MOST_RANDOM.into());
    let Command { arguments, stdin } = guest.wasi.command.as_deref().cloned().unwrap_or_default();
    // A program's first argument is its name.
    builder.arg(&*guest.component.name).args(&arguments).stdin(MemoryInputPipe::new(stdin));
    for (name, value) in environment(&guest.profile) {
        builder.env(name, value);
    }
    preopen(&mut builder, guest);
    network::allow(&mut builder, guest);
    if let Some(seed) = guest.profile.limits.seed {
        seeded::apply(&mut builder, seed);
    }
    builder.build()
}

/// The environment that a profile grants: its own values, and the node's for the other names.
fn environment(profile: &Profile) -> Vec<(String, String)> {
    let own = |name: &str| profile.env.iter().any(|(known, _)| known == name);
    let of_node = std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        (profile.allows(&Grant::Env(name.clone())) && !own(&name)).then_some((name, value))
    });
    profile.env.iter().cloned().chain(of_node).collect()
}

/// One variable of it.
pub(crate) fn variable(profile: &Profile, name: &str) -> Option<String> {
    let own = profile.env.iter().find(|(known, _)| known == name);
    own.map_or_else(|| std::env::var(name).ok(), |(_, value)| Some(value.clone()))
}

fn preopen(builder: &mut WasiCtxBuilder, guest: &Guest) {
    for folder in &guest.profile.folders {
        let perms = if guest.profile.allows(&Grant::Write(folder.guest.clone())) {
            FsPerms::ReadWrite
        } else if guest.profile.allows(&Grant::Read(folder.guest.clone())) {
            FsPerms::ReadOnly
        } else {
            continue;
        };
        if let Err(error) = builder.preopened_dir(&folder.host, &folder.guest, perms) {
            // It was there when the node started.
            let folder = folder.host.display();
            tracing::warn!(component = %guest.component.name, %folder, %error, "a granted folder cannot be opened");
        }
    }
}
