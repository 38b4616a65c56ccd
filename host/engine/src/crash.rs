use std::sync::Arc;

use rusm_otp::{Crash, ExitReason};
use wasmtime::{FrameInfo, FrameSymbol, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::guest::Guest;

/// Ends a guest from inside of a host function, with a reason of its own choice.
#[derive(Debug)]
pub(crate) struct GuestExit(pub(crate) ExitReason);

impl std::fmt::Display for GuestExit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit: {}", self.0)
    }
}

impl std::error::Error for GuestExit {}

/// Why a guest's process ends after its code has ended with an error.
pub(crate) fn exit_reason(guest: &mut Guest, error: &wasmtime::Error) -> ExitReason {
    if let Some(GuestExit(reason)) = error.downcast_ref::<GuestExit>() {
        return reason.clone();
    }
    if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        return exit_of_code(*code);
    }
    let reported = guest.reported_crash.take();
    let frames = error.downcast_ref::<WasmBacktrace>().map(frames).unwrap_or_default();
    let (text, backtrace) = match reported {
        Some((text, own)) if !own.is_empty() => (text, own),
        Some((text, _)) => (text, frames),
        None => (trap_text(error), frames),
    };
    // What the guest made of a refusal says less than why it was refused.
    let text = match guest.limiter.take_refused().or_else(|| guest.wasi.take_refused()) {
        Some(why) => format!("{text} ({why})"),
        None => text,
    };
    crash(guest, text, backtrace)
}

/// A crash of this guest, at what it is doing now.
pub(crate) fn crash(guest: &Guest, text: String, backtrace: String) -> ExitReason {
    let function = guest.function.map(|key| guest.component.function_name(key)).unwrap_or_default();
    let backtrace = guest.component.sources.resolve(&guest.component.bytes, backtrace);
    let component = guest.component.name.clone();
    ExitReason::Crash(Arc::new(Crash { text, backtrace, component, pid: guest.context.pid(), function }))
}

/// An exit code as the reason of an exit.
pub(crate) fn exit_of_code(code: i32) -> ExitReason {
    if code == 0 { ExitReason::Normal } else { ExitReason::Custom(format!("exit code {code}").into()) }
}

fn trap_text(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        // A language's own stack lies in memory, and overflows into nothing.
        Some(trap @ Trap::MemoryOutOfBounds) if is_recursion(error) => {
            format!("{trap}: its stack is full, by a recursion without end")
        }
        Some(Trap::NoAsyncResult) => "the function waits for a promise that nothing will resolve".to_owned(),
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    }
}

/// The guest's frames, innermost first, without those of the panic itself.
fn frames(backtrace: &WasmBacktrace) -> String {
    let names: Vec<String> = backtrace.frames().iter().flat_map(lines).collect();
    let own = names.iter().rposition(|name| PANIC_FRAMES.iter().any(|of_panic| name.contains(of_panic)));
    let names = &names[own.map_or(0, |last| last + 1)..];
    names.iter().map(|name| format!("  at {name}\n")).collect()
}

/// Whether most of the frames are one function.
fn is_recursion(error: &wasmtime::Error) -> bool {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return false };
    let frames = backtrace.frames();
    let last = frames.last().map(FrameInfo::func_index);
    let same = frames.iter().filter(|frame| Some(frame.func_index()) == last).count();
    frames.len() == FRAMES && same > FRAMES / 2
}

/// A frame's function; with debug information its place too, and the functions that were inlined into it before.
fn lines(frame: &FrameInfo) -> Vec<String> {
    let function = |name: Option<&str>| match name {
        Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
        None => format!("function {} of {}", frame.func_index(), frame.module().name().unwrap_or("a module")),
    };
    if frame.symbols().is_empty() {
        return vec![function(frame.func_name())];
    }
    let last = frame.symbols().len() - 1;
    let line = |(place, symbol): (usize, &FrameSymbol)| {
        // The debug information of Rust has no path before the name, that of the function has.
        let own = frame.func_name().filter(|_| place == last);
        let name = function(own.or(symbol.name()));
        match (symbol.file(), symbol.line()) {
            (Some(file), Some(line)) => format!("{name} ({file}:{line})"),
            _ => name,
        }
    };
    frame.symbols().iter().enumerate().map(line).collect()
}

/// What stands between a panic and the code that panicked.
const PANIC_FRAMES: [&str; 6] = [
    "rust_panic",
    "rust_begin_unwind",
    "core::panicking::",
    "std::panicking::",
    "__rust_start_panic",
    "__rustc::",
];

/// Enough to leave the frames of a panic and reach the guest's own.
pub(crate) const FRAMES: usize = 40;
