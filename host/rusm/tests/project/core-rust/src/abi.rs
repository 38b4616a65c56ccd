//! The functions of the actor world that this program uses, as the canonical ABI of the component model lays them out.

use std::alloc::{Layout, alloc, realloc};

/// `record pid`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pid {
    node: u64,
    id: u64,
}

/// Some of `variant event`.
pub enum Event {
    Mail { sender: Pid, body: Vec<u8> },
    Down { monitor: u64, pid: Pid, reason: u8 },
    Exit { pid: Pid },
    Other,
}

/// Where a result is written: as large as the largest one.
#[repr(C, align(8))]
struct Room([u8; 96]);

impl Room {
    fn new() -> Self {
        Self([0xAA; 96])
    }

    fn u8(&self, at: usize) -> u8 {
        self.0[at]
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap())
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap())
    }

    fn pid(&self, at: usize) -> Pid {
        Pid { node: self.u64(at), id: self.u64(at + 8) }
    }

    /// A list that the host put into memory of ours.
    fn bytes(&self, at: usize) -> Vec<u8> {
        let (start, length) = (self.u32(at) as usize, self.u32(at + 4) as usize);
        if length == 0 {
            return Vec::new();
        }
        unsafe { Vec::from_raw_parts(start as *mut u8, length, length) }
    }

    fn done(&self) -> Result<(), u8> {
        if self.u8(0) == 0 { Ok(()) } else { Err(self.u8(8)) }
    }
}

/// The host takes memory for lists by this.
#[unsafe(export_name = "cabi_realloc")]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
    if size == 0 {
        return align as *mut u8;
    }
    unsafe {
        if old_size == 0 {
            return alloc(Layout::from_size_align_unchecked(size, align));
        }
        realloc(old, Layout::from_size_align_unchecked(old_size, align), size)
    }
}

#[link(wasm_import_module = "rusm:actor/process@0.1.0")]
unsafe extern "C" {
    #[link_name = "self"]
    fn raw_self(result: *mut Room);
    #[link_name = "send"]
    fn raw_send(to: u32, node: u64, id: u64, body: *const u8, length: usize, result: *mut Room);
    #[link_name = "link"]
    fn raw_link(node: u64, id: u64, result: *mut Room);
    #[link_name = "monitor"]
    fn raw_monitor(to: u32, node: u64, id: u64, result: *mut Room);
    #[link_name = "trap-exit"]
    fn raw_trap_exit(on: u32) -> u32;
}

#[link(wasm_import_module = "rusm:actor/names@0.1.0")]
unsafe extern "C" {
    #[link_name = "register"]
    fn raw_register(name: *const u8, length: usize, result: *mut Room);
    #[link_name = "whereis"]
    fn raw_whereis(name: *const u8, length: usize, result: *mut Room);
}

#[link(wasm_import_module = "rusm:actor/wait@0.1.0")]
unsafe extern "C" {
    #[link_name = "spawn"]
    fn raw_spawn(parameters: *const Spawn, result: *mut Room);
    #[link_name = "receive"]
    fn raw_receive(filter: u32, of: u64, limited: u32, ms: u64, result: *mut Room);
    #[link_name = "call-start"]
    fn raw_call_start(
        to: u32,
        name: u64,
        length: u64,
        key: u32,
        body: *const u8,
        body_length: usize,
        streams: u32,
        direction: u32,
        deadline_ms: u32,
        result: *mut Room,
    );
    #[link_name = "call-wait"]
    fn raw_call_wait(call: u64, result: *mut Room);
    #[link_name = "stream-write"]
    fn raw_stream_write(stream: u64, chunk: *const u8, length: usize, deadline_ms: u32, result: *mut Room);
    #[link_name = "stream-close"]
    fn raw_stream_close(stream: u64);
}

/// A string or a list.
#[repr(C)]
struct Slice {
    start: *const u8,
    length: usize,
}

impl From<&str> for Slice {
    fn from(text: &str) -> Self {
        Self { start: text.as_ptr(), length: text.len() }
    }
}

/// The parameters of `spawn`, too many to be passed one by one: the component and `record spawn-options`.
#[repr(C)]
struct Spawn {
    component: Slice,
    init: [u32; 2],
    body: Slice,
    contract: [u32; 3],
    link: u8,
    monitor: u8,
    name: [u32; 3],
    capabilities: [u32; 3],
    arguments: *const Slice,
    arguments_length: usize,
    deadline_ms: u32,
}

const PROCESS: u32 = 0;
const NAME: u32 = 1;
const ANY: u32 = 0;
const TO_CALLEE: u32 = 0;

pub fn own_pid() -> Pid {
    let mut room = Room::new();
    unsafe { raw_self(&mut room) };
    room.pid(0)
}

pub fn send(to: Pid, body: &[u8]) -> Result<(), u8> {
    let mut room = Room::new();
    unsafe { raw_send(PROCESS, to.node, to.id, body.as_ptr(), body.len(), &mut room) };
    room.done()
}

pub fn receive(timeout_ms: Option<u64>) -> Option<Event> {
    let mut room = Room::new();
    let (limited, ms) = timeout_ms.map_or((0, 0), |ms| (1, ms));
    unsafe { raw_receive(ANY, 0, limited, ms, &mut room) };
    if room.u8(0) == 0 {
        return None;
    }
    Some(match room.u8(8) {
        0 => Event::Mail { sender: room.pid(16), body: room.bytes(32) },
        2 => Event::Down { monitor: room.u64(16), pid: room.pid(24), reason: room.u8(40) },
        3 => Event::Exit { pid: room.pid(16) },
        _ => Event::Other,
    })
}

pub fn link(other: Pid) -> Result<(), u8> {
    let mut room = Room::new();
    unsafe { raw_link(other.node, other.id, &mut room) };
    room.done()
}

pub fn monitor(other: Pid) -> Result<u64, u8> {
    let mut room = Room::new();
    unsafe { raw_monitor(PROCESS, other.node, other.id, &mut room) };
    room.done().map(|()| room.u64(8))
}

pub fn trap_exit(on: bool) -> bool {
    unsafe { raw_trap_exit(on.into()) != 0 }
}

pub fn register(name: &str) -> bool {
    let mut room = Room::new();
    unsafe { raw_register(name.as_ptr(), name.len(), &mut room) };
    room.done().is_ok()
}

pub fn whereis(name: &str) -> Option<Pid> {
    let mut room = Room::new();
    unsafe { raw_whereis(name.as_ptr(), name.len(), &mut room) };
    (room.u8(0) != 0).then(|| room.pid(8))
}

pub fn spawn(component: &str, arguments: &[&str]) -> Result<Pid, u8> {
    let mut room = Room::new();
    let arguments: Vec<Slice> = arguments.iter().map(|argument| (*argument).into()).collect();
    let parameters = Spawn {
        component: component.into(),
        init: [0; 2],
        body: "".into(),
        contract: [0; 3],
        link: 0,
        monitor: 0,
        name: [0; 3],
        capabilities: [0; 3],
        arguments: arguments.as_ptr(),
        arguments_length: arguments.len(),
        deadline_ms: 5_000,
    };
    unsafe { raw_spawn(&parameters, &mut room) };
    room.done().map(|()| room.pid(8))
}

/// The call, and the caller's end of its stream.
pub fn call_with_stream(to: &str, key: u32, body: &[u8]) -> Result<(u64, u64), u8> {
    let mut room = Room::new();
    let (name, length) = (to.as_ptr() as u64, to.len() as u64);
    unsafe {
        raw_call_start(NAME, name, length, key, body.as_ptr(), body.len(), 1, TO_CALLEE, 5_000, &mut room);
    }
    room.done().map(|()| (room.u64(8), room.u64(24)))
}

pub fn call_wait(call: u64) -> Result<Vec<u8>, u8> {
    let mut room = Room::new();
    unsafe { raw_call_wait(call, &mut room) };
    room.done().map(|()| room.bytes(8))
}

pub fn stream_write(stream: u64, chunk: &[u8]) -> Result<(), u8> {
    let mut room = Room::new();
    unsafe { raw_stream_write(stream, chunk.as_ptr(), chunk.len(), 5_000, &mut room) };
    room.done()
}

pub fn stream_close(stream: u64) {
    unsafe { raw_stream_close(stream) };
}

/// A message that lies elsewhere than in memory.
pub fn send_range(start: u32, length: usize) {
    let own = own_pid();
    unsafe { raw_send(PROCESS, own.node, own.id, start as *const u8, length, &mut Room::new()) };
}

/// A name that lies elsewhere than in memory.
pub fn register_range(start: u32, length: u32) {
    unsafe { raw_register(start as *const u8, length as usize, &mut Room::new()) };
}

/// A result that goes elsewhere than into memory.
pub fn self_at(start: u32) {
    unsafe { raw_self(start as *mut Room) };
}
