use std::sync::OnceLock;

use rusm_codegen::actor_world;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_parser::WorldItem;
use wit_parser::abi::{AbiVariant, WasmType};

use crate::node::Node;

/// Takes the input as a program of calls: a byte for the function of the actor world, then its arguments, each of which is a small
/// number, an address near an edge of memory, or eight bytes as they are. The whole input is also what lies in memory. A core
/// module makes these calls; it may end in any way, by itself or when its time is over.
///
/// # Panics
/// If the module is not loaded, does not end, or leaves something behind.
pub fn raw_abi(input: &[u8]) {
    let loaded = Node::get().try_out(module(input));
    assert!(loaded, "a module of the world's own functions is loaded");
}

struct Import {
    interface: String,
    name: String,
    params: Vec<ValType>,
    results: Vec<ValType>,
}

fn imports() -> &'static [Import] {
    static IMPORTS: OnceLock<Vec<Import>> = OnceLock::new();
    IMPORTS.get_or_init(|| {
        let (resolve, world) = actor_world("imports");
        let mut imports = Vec::new();
        for (key, item) in &resolve.worlds[world].imports {
            let WorldItem::Interface { id, .. } = item else { continue };
            for function in resolve.interfaces[*id].functions.values() {
                let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
                imports.push(Import {
                    interface: resolve.name_world_key(key),
                    name: function.name.clone(),
                    params: signature.params.iter().map(value_type).collect(),
                    results: signature.results.iter().map(value_type).collect(),
                });
            }
        }
        imports
    })
}

fn value_type(ty: &WasmType) -> ValType {
    match ty {
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
    }
}

fn module(input: &[u8]) -> Vec<u8> {
    let imports = imports();
    let mut types = TypeSection::new();
    let mut wanted = ImportSection::new();
    for (at, import) in (0..).zip(imports) {
        types.ty().function(import.params.clone(), import.results.clone());
        wanted.import(&import.interface, &import.name, EntityType::Function(at));
    }
    let count = u32::try_from(imports.len()).expect("some dozen");
    types.ty().function([], []);
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(count).function(count + 1);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: PAGES,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    let next = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    globals.global(next, &ConstExpr::i32_const(0x1_0000));
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("run", ExportKind::Func, count);
    exports.export("cabi_realloc", ExportKind::Func, count + 1);
    let mut code = CodeSection::new();
    code.function(&run(input, imports)).function(&realloc());
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(8), input.iter().copied().take(0x8000));
    let mut module = Module::new();
    module.section(&types).section(&wanted).section(&functions).section(&memories).section(&globals);
    module.section(&exports).section(&code).section(&data);
    module.finish()
}

/// The calls.
fn run(input: &[u8], imports: &[Import]) -> Function {
    let mut bytes = input.iter().copied();
    let mut body = Function::new([]);
    let mut calls = body.instructions();
    for _ in 0..MOST_CALLS {
        let Some(number) = bytes.next() else { break };
        let at = usize::from(number) % imports.len();
        for param in &imports[at].params {
            let value = argument(&mut bytes);
            match param {
                ValType::I64 => calls.i64_const(value),
                // Its lower half.
                _ => calls.i32_const(value as i32),
            };
        }
        calls.call(u32::try_from(at).expect("some dozen"));
        for _ in &imports[at].results {
            calls.drop();
        }
    }
    calls.end();
    body
}

fn argument(bytes: &mut impl Iterator<Item = u8>) -> i64 {
    let kind = bytes.next().unwrap_or(0);
    match kind % 8 {
        // Mostly what is valid, so that calls get past the first argument.
        0..=2 => i64::from(kind >> 3),
        3..=4 => 8 + i64::from(bytes.next().unwrap_or(0)) * 8,
        5 => 0x1_0000 * i64::try_from(PAGES).expect("a few") - i64::from(bytes.next().unwrap_or(0)),
        6 => -i64::from(kind >> 3),
        _ => bytes.take(8).fold(0, |value, byte| value << 8 | i64::from(byte)),
    }
}

/// Room for lists: a second page that begins anew when it is full.
fn realloc() -> Function {
    let mut body = Function::new([(1, ValType::I32)]);
    body.instructions()
        .global_get(0)
        // Aligned for everything.
        .i32_const(7)
        .i32_add()
        .i32_const(-8)
        .i32_and()
        .local_tee(4)
        .local_get(3)
        .i32_add()
        .global_set(0)
        .local_get(4)
        .end();
    body
}

const PAGES: u64 = 4;
const MOST_CALLS: usize = 64;
