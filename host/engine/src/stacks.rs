use std::io;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use wasmtime::{StackCreator, StackMemory};

/// The stacks of the processes beyond the pools.
///
/// A stack of the pools costs the node two memory maps, one for its guard. Here the stacks of a slab share one: their guards
/// are marks in the page table (`MADV_GUARD_INSTALL`, Linux 6.13), which split no map. An older kernel gets guards that do.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    free: Arc<Mutex<Vec<Place>>>,
}

/// Where a stack is: its guard first, the lowest page, and then its bytes.
#[derive(Debug, Clone, Copy)]
struct Place {
    bottom: usize,
    size: usize,
}

#[derive(Debug)]
struct Stack {
    place: Place,
    free: Arc<Mutex<Vec<Place>>>,
}

// SAFETY: a place is handed out once until it is given back, is mapped for as long as the node lives, is aligned to pages,
// and begins with a page that no access passes.
unsafe impl StackCreator for Stacks {
    fn new_stack(&self, size: usize, _zeroed: bool) -> wasmtime::Result<Box<dyn StackMemory>> {
        let size = size.next_multiple_of(PAGE);
        let mut free = self.free.lock();
        // All stacks of an engine have one size.
        let place = match free.pop() {
            Some(place) if place.size == size => place,
            _ => {
                let mut places = slab(size).map_err(wasmtime::Error::new)?;
                let first = places.pop().ok_or_else(|| wasmtime::Error::msg("a slab has stacks"))?;
                free.append(&mut places);
                first
            }
        };
        Ok(Box::new(Stack { place, free: self.free.clone() }))
    }
}

// SAFETY: as above.
unsafe impl StackMemory for Stack {
    fn top(&self) -> *mut u8 {
        ptr::with_exposed_provenance_mut(self.range().end)
    }

    fn range(&self) -> Range<usize> {
        let start = self.place.bottom + PAGE;
        start..start + self.place.size
    }

    fn guard_range(&self) -> Range<*mut u8> {
        let guard = self.place.bottom..self.place.bottom + PAGE;
        ptr::with_exposed_provenance_mut(guard.start)..ptr::with_exposed_provenance_mut(guard.end)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // A stack is kept as it is while it is likely to be wanted again; else its pages are given back, and read as
        // zeros from then on.
        let mut free = self.free.lock();
        if free.len() >= WARM {
            let range = self.range();
            // SAFETY: nobody uses the stack any more, and its pages are the slab's own.
            let given = unsafe {
                rustix::mm::madvise(
                    ptr::with_exposed_provenance_mut(range.start),
                    range.len(),
                    rustix::mm::Advice::LinuxDontNeed,
                )
            };
            // Otherwise they stay resident, which harms nobody.
            let _ = given;
        }
        free.push(self.place);
    }
}

/// Maps room for so many stacks at once. It is never unmapped: its places are used again.
fn slab(size: usize) -> io::Result<Vec<Place>> {
    let each = PAGE + size;
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::STACK;
    // SAFETY: a new mapping where the kernel finds room.
    let start =
        unsafe { mmap_anonymous(ptr::null_mut(), each * SLAB, ProtFlags::READ | ProtFlags::WRITE, flags)? };
    let places: Vec<Place> =
        (0..SLAB).map(|index| Place { bottom: start.expose_provenance() + index * each, size }).collect();
    for place in &places {
        if let Err(error) = guard(place.bottom) {
            // SAFETY: the mapping from above, of which nothing was handed out.
            unsafe { munmap(start, each * SLAB)? };
            return Err(error);
        }
    }
    Ok(places)
}

/// Lets no access to this page pass.
fn guard(page: usize) -> io::Result<()> {
    let page: *mut std::ffi::c_void = ptr::with_exposed_provenance_mut(page);
    // SAFETY: the lowest page of a place, which nobody uses yet.
    let marked = unsafe { libc::madvise(page, PAGE, MADV_GUARD_INSTALL) };
    if marked == 0 {
        return Ok(());
    }
    // SAFETY: the same page.
    unsafe { mprotect(page, PAGE, MprotectFlags::empty())? };
    Ok(())
}

/// Of x86-64.
const PAGE: usize = 4096;

/// Stacks that are mapped at once.
const SLAB: usize = 64;

/// Free stacks whose pages stay resident: what came and went lately comes again.
const WARM: usize = 256;

/// Linux's own number; the crate `libc` does not name it yet.
const MADV_GUARD_INSTALL: libc::c_int = 102;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_used_again_and_lies_above_its_guard() {
        let stacks = Stacks::default();
        let first = stacks.new_stack(1 << 20, false).expect("there is room");
        let range = first.range();
        assert_eq!(range.len(), 1 << 20);
        assert_eq!(first.guard_range().end as usize, range.start);
        assert_eq!(first.top() as usize, range.end);
        drop(first);
        let again = stacks.new_stack(1 << 20, false).expect("there is room");
        assert_eq!(again.range(), range);
    }

    #[test]
    fn many_stacks_take_few_maps() {
        let stacks = Stacks::default();
        let maps = || std::fs::read_to_string("/proc/self/maps").expect("it is there").lines().count();
        let before = maps();
        let many: Vec<_> =
            (0..1000).map(|_| stacks.new_stack(1 << 20, false).expect("there is room")).collect();
        let taken = maps() - before;
        // A kernel without these marks splits the map for each.
        assert!(!(100..1000).contains(&taken), "{taken} maps for {} stacks", many.len());
    }
}
