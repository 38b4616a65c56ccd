//! A store whose guest takes no more of the host, and no more time, than its profile allows.

use wasmtime::{Store, UpdateDeadline};

use crate::code::Code;
use crate::crash::{GuestExit, crash};
use crate::guest::{Guest, turn_began};

/// What wasmtime keeps for a handle of a guest: one of its own resources takes less, an end of a future or a stream more.
const HANDLE: usize = 512;

/// A store whose guest can take no more of the host than its profile allows.
pub(crate) fn bounded_store(code: &Code, guest: Guest) -> Store<Guest> {
    let limits = &guest.profile.limits;
    let (host_call, handles) = (limits.host_call, limits.handles.min(limits.host_memory / HANDLE));
    let mut store = Store::new(&code.engine, guest);
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(host_call);
    store.set_max_component_handles(handles);
    // A new store's deadline has passed already: without this, each one would yield at its first step.
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| tick_over(store.data_mut()));
    store
}

/// A tick is over while the guest, or the host for it, has run: others get their turn, and one that takes more than it may
/// is ended. A call of the host may have taken several ticks.
fn tick_over(guest: &mut Guest) -> wasmtime::Result<UpdateDeadline> {
    let now = guest.host.ticks();
    guest.ticks += now.saturating_sub(guest.counted.max(turn_began()));
    guest.counted = now;
    let tick = guest.host.tick();
    let spent = tick.saturating_mul(u32::try_from(guest.ticks).unwrap_or(u32::MAX));
    let limits = &guest.profile.limits;
    if let Some(most) = limits.message_cpu.filter(|most| spent > *most) {
        let text = format!("its processor time for one message is spent: {most:?}");
        return Err(wasmtime::Error::new(GuestExit(crash(guest, text, String::new()))));
    }
    Ok(UpdateDeadline::Yield(1))
}
