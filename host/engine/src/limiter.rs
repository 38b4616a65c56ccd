use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytesize::ByteSize;
use rusm_otp::{Context, Memory};
use wasmtime::ResourceLimiter;

/// What one process's instances may take of the host.
pub(crate) struct Limiter {
    /// Bytes of all memories together.
    most: usize,
    used: usize,
    /// The bytes of all processes of the component. The node counts its own.
    total: Arc<Total>,
    /// Hears of it, once the instance is there.
    context: Context,
    begun: bool,
    /// The component's most.
    component_most: Option<usize>,
    /// Why the process did not get more memory; for its crash, which is likely to follow.
    refused: Option<String>,
    /// Whether it would have got it, had others taken less.
    is_shared: bool,
    /// What was charged for the growth that is under way, or was the last one.
    growing: usize,
}

/// Bytes of memory that several processes take together.
#[derive(Debug, Default)]
pub(crate) struct Total {
    used: AtomicUsize,
}

impl Total {
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize, most: Option<usize>) -> bool {
        let most = most.unwrap_or(usize::MAX);
        let more = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= most);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn sub(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Limiter {
    /// So many bytes at most, besides the limits of the component and of the node.
    pub(crate) fn new(
        most: usize,
        total: Arc<Total>,
        component_most: Option<usize>,
        context: Context,
    ) -> Self {
        Self {
            most,
            used: 0,
            total,
            context,
            begun: false,
            component_most,
            refused: None,
            is_shared: false,
            growing: 0,
        }
    }

    /// The instance is there. What it took is told here, and not while it was made on the guest's stack, which stays resident as
    /// deep as it was ever used.
    pub(crate) fn begin(&mut self) {
        self.begun = true;
        self.context.account_memory(self.used);
    }

    pub(crate) fn take_refused(&mut self) -> Option<String> {
        self.refused.take()
    }

    /// Why there is no room for its instance beside others.
    pub(crate) fn lacks_room(&self) -> Option<&str> {
        self.refused.as_deref().filter(|_| self.is_shared && !self.begun)
    }

    fn grow(&mut self, bytes: usize) -> Result<(), String> {
        self.is_shared = false;
        if self.used.saturating_add(bytes) > self.most {
            return Err(format!("its memory is limited to {}", size(self.most)));
        }
        self.is_shared = true;
        if !self.total.add(bytes, self.component_most) {
            let most = size(self.component_most.unwrap_or_default());
            return Err(format!("the memory of its component is limited to {most} in all"));
        }
        let node = self.context.runtime().memory();
        if !node.take(bytes) {
            self.total.sub(bytes);
            return Err(node_is_full(node));
        }
        self.used += bytes;
        if self.begun {
            self.context.account_memory(self.used);
        }
        Ok(())
    }
}

impl Limiter {
    /// Gives back what was charged for a growth that has failed.
    fn give_back(&mut self) {
        let bytes = std::mem::take(&mut self.growing);
        self.used -= bytes;
        self.total.sub(bytes);
        self.context.runtime().memory().give_back(bytes);
        if self.begun {
            self.context.account_memory(self.used);
        }
    }
}

/// What to say when the node has no more.
#[cold]
pub(crate) fn node_is_full(memory: &Memory) -> String {
    format!(
        "the memory of the node, with what it keeps for its processes, is limited to {}",
        size(memory.most())
    )
}

#[cold]
pub(crate) fn size(bytes: usize) -> ByteSize {
    ByteSize(bytes as u64)
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.total.sub(self.used);
        self.context.runtime().memory().give_back(self.used);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = desired.saturating_sub(current);
        match self.grow(bytes) {
            Ok(()) => {
                self.growing = bytes;
                Ok(true)
            }
            Err(why) => {
                self.refused = Some(why);
                Ok(false)
            }
        }
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        let text = format!("{error:#}");
        // It was not even asked for: nothing was charged.
        if !text.contains(PAST_ITS_TYPE) {
            self.give_back();
        }
        self.refused = Some(format!("the memory did not grow: {text}"));
        Ok(())
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        MODULES
    }

    fn tables(&self) -> usize {
        MODULES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

/// What wasmtime says of a growth past what the type of a memory can have, which it refuses before it asks.
const PAST_ITS_TYPE: &str = "exceeds memory type's limits";

/// More functions than any guest seen so far points to (QuickJS: 840, StarlingMonkey: 7,000).
pub(crate) const TABLE_ELEMENTS: usize = 20_000;

/// A Rust guest has 4 core instances and 2 tables, a QuickJS one 9 and 2.
pub(crate) const MODULES: usize = 32;

/// A Rust guest has one memory, a QuickJS one two.
pub(crate) const MEMORIES: usize = 4;

#[cfg(test)]
mod tests {
    use rusm_otp::{ExitReason, Runtime, SpawnOptions};
    use wasmtime::{Engine, Instance, Module, Store, TypedFunc};

    use super::*;

    /// A module whose `grow` grows its memory, which may have so many pages.
    fn grower(most: u32) -> Vec<u8> {
        use wasm_encoder::{
            CodeSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection, MemoryType,
            Module, TypeSection, ValType,
        };
        let (mut types, mut functions, mut memories) =
            (TypeSection::new(), FunctionSection::new(), MemorySection::new());
        let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
        types.ty().function([ValType::I32], [ValType::I32]);
        functions.function(0);
        let maximum = Some(u64::from(most));
        memories.memory(MemoryType {
            minimum: 1,
            maximum,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        exports.export("grow", ExportKind::Func, 0);
        let mut grow = Function::new([]);
        grow.instructions().local_get(0).memory_grow(0).end();
        code.function(&grow);
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
        module.finish()
    }

    #[tokio::test]
    async fn a_growth_that_fails_is_not_charged_and_one_that_succeeds_is() {
        const PAGE: usize = 65_536;
        let runtime = Runtime::new();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let body = move |context: Context| async move {
            let (total, node): (Arc<Total>, _) = (Arc::default(), context.runtime().clone());
            let used = || [total.used(), node.memory().guests()];
            let engine = Engine::default();
            let limiter = Limiter::new(100 * PAGE, total.clone(), None, context);
            let mut store = Store::new(&engine, limiter);
            store.limiter(|limiter| limiter);
            let module = Module::new(&engine, grower(10)).expect("a module");
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            let grow: TypedFunc<i32, i32> = instance.get_typed_func(&mut store, "grow").expect("it is there");
            let mut seen = Vec::new();
            // Past its own most, past what 32 bits can address, past what it may have.
            for pages in [2, 20, 65_536, 3, i32::MAX, 65_533, 1000] {
                let before = grow.call(&mut store, pages).expect("no trap");
                seen.push((before, used().map(|bytes| bytes / PAGE)));
            }
            drop(store);
            seen.push((0, used()));
            let _ = sender.send(seen);
            ExitReason::Normal
        };
        runtime.spawn(SpawnOptions::new("test"), body).expect("no name");
        let failed = |pages| (-1, [pages; 2]);
        let expected =
            [(1, [3; 2]), failed(3), failed(3), (3, [6; 2]), failed(6), failed(6), failed(6), (0, [0; 2])];
        assert_eq!(receiver.await.expect("it runs"), expected);
    }
}
