//! The locks and atomics at which threads meet. `tests/models` puts others in their place, which try out the orders in
//! which threads may.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence};
pub(crate) use std::thread_local;

pub(crate) use parking_lot::{Mutex, MutexGuard, RwLock};

/// One that only counts, of which no order matters: the models leave it alone.
pub(crate) use std::sync::atomic::AtomicU64 as Count;
