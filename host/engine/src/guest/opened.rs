//! What a guest has of WASI: made at the first use, and how many files are open in it.

use std::fs::File;
use std::sync::Weak;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::p2::DynPollable;

use crate::spawn::Command;

/// Made at the first use: most services never use it, and it costs as much as an instance.
#[derive(Default)]
pub(crate) struct Opened {
    pub(crate) command: Option<Box<Command>>,
    pub(crate) context: Option<Box<WasiCtx>>,
    pub(crate) table: Option<Box<ResourceTable>>,
    pub(crate) files: Files,
}

/// How many files are open at most: counting them at each call would cost more than the calls.
#[derive(Default)]
pub(crate) struct Files {
    /// When they were counted last.
    open: usize,
    /// Since then.
    calls: usize,
    /// Those whose descriptors are gone, while a stream may still have them.
    pub(crate) streamed: Vec<Weak<File>>,
    /// Why no more may be opened.
    pub(crate) refused: Option<String>,
}

impl Files {
    /// What is open now, if that is more than may be. One call opens two files at most.
    pub(crate) fn too_many(&mut self, table: &mut ResourceTable, most: usize) -> Option<usize> {
        self.calls += 1;
        if self.open + 2 * self.calls <= most {
            return None;
        }
        self.streamed.retain(|file| file.strong_count() > 0);
        self.open = table.iter_mut().filter(|entry| !entry.is::<DynPollable>()).count() + self.streamed.len();
        self.calls = 0;
        (self.open > most).then_some(self.open)
    }
}

impl Opened {
    pub(crate) fn new(command: Option<Box<Command>>) -> Self {
        Self { command, ..Self::default() }
    }

    /// Why it may open nothing more, once.
    pub(crate) fn take_refused(&mut self) -> Option<String> {
        self.files.refused.take()
    }
}
