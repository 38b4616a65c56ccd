//! A component that exports every import of its lane: whoever calls it does what a guest does, once or again and again. Its `run`
//! gives back what calls have allocated in it.

use rusm_codegen::{ACTOR_WIT, resolve_world};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function as WitFunction, Resolve, WorldId, WorldItem};

use crate::Lane;

const SYNC: &str = "package rusm:actor@0.1.0;
world mirror {
    include imports;
    import text;
    export process; export names; export timers; export groups; export logging; export text; export supervisors; export wait;
    export callbacks;
    export run: func();
}";

const ASYNC: &str = "package rusm:actor@0.1.0;
world mirror {
    include imports-async;
    export process; export names; export timers; export groups; export logging; export text;
    export supervisors-async; export wait-async; export callbacks-async;
    export run: func();
}";

/// The world of a lane's mirror.
pub(super) fn world(lane: Lane) -> (Resolve, WorldId) {
    let own = match lane {
        Lane::Sync => SYNC,
        Lane::Async => ASYNC,
    };
    let files: Vec<_> = ACTOR_WIT.into_iter().chain([("mirror.wit", own)]).collect();
    resolve_world(&files, "mirror").unwrap_or_else(|error| panic!("{error}"))
}

/// The functions that a mirror exports, each with its interface.
pub(super) fn functions(resolve: &Resolve, world: WorldId) -> Vec<(String, WitFunction)> {
    let interfaces = resolve.worlds[world].exports.values().filter_map(|item| match item {
        WorldItem::Interface { id, .. } => Some(*id),
        _ => None,
    });
    let functions = interfaces.flat_map(|id| {
        let name = resolve.id_of(id).expect("it is one of the package");
        resolve.interfaces[id].functions.values().map(move |function| (name.clone(), function.clone()))
    });
    functions.collect()
}

/// One whose exports call their import so many times.
pub(super) fn component(lane: Lane, times: i32) -> Vec<u8> {
    let (resolve, world) = world(lane);
    let functions = functions(&resolve, world);
    let mut module = core_module(&resolve, &functions, times);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the world is known");
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&module).expect("a module of the world");
    encoder.encode().unwrap_or_else(|error| panic!("{error:#}"))
}

/// Each export passes its parameters on, and its last result back.
fn core_module(resolve: &Resolve, functions: &[(String, WitFunction)], times: i32) -> Vec<u8> {
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    let (mut own, mut exports, mut code) = (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    let count = u32::try_from(functions.len()).expect("few");
    for (index, (interface, function)) in (0..).zip(functions) {
        let inner = resolve.wasm_signature(AbiVariant::GuestImport, function);
        let outer = resolve.wasm_signature(AbiVariant::GuestExport, function);
        types.ty().function(flat(&inner.params), flat(&inner.results));
        types.ty().function(flat(&outer.params), flat(&outer.results));
        imports.import(interface, &function.name, EntityType::Function(2 * index));
        own.function(2 * index + 1);
        exports.export(&format!("{interface}#{}", function.name), ExportKind::Func, count + index);
        let params = u32::try_from(outer.params.len()).expect("few");
        // How often it is still to be called, and where its results are allocated.
        let (left, heap) = (params, params + 1);
        let mut locals = vec![(2, ValType::I32)];
        locals.extend(flat(&inner.results).first().map(|result| (1, *result)));
        let mut body = Function::new(locals);
        let mut instructions = body.instructions();
        instructions.i32_const(times).local_set(left).global_get(0).local_set(heap);
        instructions.loop_(BlockType::Empty).local_get(heap).global_set(0);
        for param in 0..params {
            instructions.local_get(param);
        }
        if inner.retptr {
            instructions.i32_const(ROOM);
        }
        instructions.call(index);
        if !inner.results.is_empty() {
            instructions.local_set(heap + 1);
        }
        instructions.local_get(left).i32_const(1).i32_sub().local_tee(left).br_if(0).end();
        if inner.retptr {
            instructions.i32_const(ROOM);
        } else if !inner.results.is_empty() {
            instructions.local_get(heap + 1);
        }
        instructions.end();
        code.function(&body);
    }
    // `run`, and an allocator that gives nothing back.
    types.ty().function([], []);
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    own.function(2 * count).function(2 * count + 1);
    let mut run = Function::new([]);
    run.instructions().i32_const(HEAP).global_set(0).end();
    let mut allocate = Function::new([]);
    let aligned = |body: &mut Function| {
        body.instructions().global_get(0).i32_const(15).i32_add().i32_const(-16).i32_and();
    };
    aligned(&mut allocate);
    allocate
        .instructions()
        .global_set(0)
        .global_get(0)
        .global_get(0)
        .local_get(3)
        .i32_add()
        .global_set(0)
        .end();
    code.function(&run).function(&allocate);
    let mut memories = MemorySection::new();
    let memory =
        MemoryType { minimum: 16, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(memory);
    let mut globals = GlobalSection::new();
    let global = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    globals.global(global, &ConstExpr::i32_const(HEAP));
    exports.export("run", ExportKind::Func, 2 * count);
    exports.export("cabi_realloc", ExportKind::Func, 2 * count + 1);
    exports.export("memory", ExportKind::Memory, 0);
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&own).section(&memories).section(&globals);
    module.section(&exports).section(&code);
    module.finish()
}

fn flat(types: &[WasmType]) -> Vec<ValType> {
    let flat = types.iter().map(|ty| match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    });
    flat.collect()
}

/// Where results are written, and what is above them.
const ROOM: i32 = 1024;
const HEAP: i32 = 4096;
