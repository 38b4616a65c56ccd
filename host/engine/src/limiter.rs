use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusm_otp::Context;
use wasmtime::ResourceLimiter;

/// What one process's instances may take of the host.
pub(crate) struct Limiter {
    /// Bytes of all memories together.
    most: usize,
    used: usize,
    /// The bytes of all processes of the component, and of the node.
    totals: [Arc<Total>; 2],
    /// Hears of it, once the instance is there.
    context: Context,
    begun: bool,
    /// The component's most.
    component_most: Option<usize>,
    /// Why the process did not get more memory; for its crash, which is likely to follow.
    refused: Option<String>,
}

/// Bytes of memory that several processes take together.
#[derive(Debug, Default)]
pub(crate) struct Total {
    used: AtomicUsize,
    most: Option<usize>,
}

impl Total {
    pub(crate) fn new(most: Option<usize>) -> Self {
        Self { used: AtomicUsize::new(0), most }
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize, most: Option<usize>) -> bool {
        let most = most.or(self.most).unwrap_or(usize::MAX);
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
        totals: [Arc<Total>; 2],
        component_most: Option<usize>,
        context: Context,
    ) -> Self {
        Self { most, used: 0, totals, context, begun: false, component_most, refused: None }
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

    fn grow(&mut self, bytes: usize) -> Result<(), String> {
        if self.used.saturating_add(bytes) > self.most {
            return Err(format!("its memory is limited to {}", mib(self.most)));
        }
        let [component, node] = &self.totals;
        if !component.add(bytes, self.component_most) {
            let most = mib(self.component_most.unwrap_or_default());
            return Err(format!("the memory of its component is limited to {most} in all"));
        }
        if !node.add(bytes, None) {
            component.sub(bytes);
            return Err(format!(
                "the memory of the node is limited to {}",
                mib(node.most.unwrap_or_default())
            ));
        }
        self.used += bytes;
        if self.begun {
            self.context.account_memory(self.used);
        }
        Ok(())
    }
}

#[cold]
fn mib(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.totals.iter().for_each(|total| total.sub(self.used));
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        match self.grow(desired.saturating_sub(current)) {
            Ok(()) => Ok(true),
            Err(why) => {
                self.refused = Some(why);
                Ok(false)
            }
        }
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
