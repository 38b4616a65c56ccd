use wasmtime::ResourceLimiter;

/// What one process's instances may take of the host.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Bytes of all memories together.
    memory: usize,
    used: usize,
}

impl Limits {
    pub(crate) fn new(memory: usize) -> Self {
        Self { memory, used: 0 }
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used - current.min(self.used) + desired;
        let allowed = used <= self.memory;
        if allowed {
            self.used = used;
        }
        Ok(allowed)
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

/// More functions than any guest seen so far points to (QuickJS: 840, StarlingMonkey: 7,000).
pub(crate) const TABLE_ELEMENTS: usize = 20_000;

/// A Rust guest has 4 core instances and 2 tables, a QuickJS one 9 and 2.
pub(crate) const MODULES: usize = 32;

/// A Rust guest has one memory, a QuickJS one two.
pub(crate) const MEMORIES: usize = 4;
