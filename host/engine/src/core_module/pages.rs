use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, MemorySection, Module, TypeSection, ValType,
};
use wasmparser::{FunctionBody, Parser, TypeRef};

/// The module with pages for the adapter of preview 1.
///
/// The adapter asks the module's `cabi_realloc` for a page for its stack and one for its state. For a module that has none it grows the
/// memory each time, and a memory that grows costs each process two changes of protection, a fifteenth of the time in which
/// an empty program starts and ends. The function that is added here grows it once for both. A module that has the function, or
/// lacks a section that it would have to stand in, is left as it is.
pub(super) fn with_pages(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut pages = Pages::default();
    let mut module = Module::new();
    // What cannot be read here is an error of those who read it next.
    pages.parse_core_module(&mut module, Parser::new(0), bytes).ok()?;
    let all = Added { ty: true, function: true, global: true, export: true, code: true };
    let its_own = pages.has_memory && pages.exports_memory && !pages.imports_memory;
    let fits = its_own && !pages.has_realloc && !pages.moves_code;
    (pages.added == all && fits).then(|| module.finish())
}

/// Adds a function to a module as it is read, each part at the end of its section.
#[derive(Default)]
struct Pages {
    types: u32,
    functions: u32,
    globals: u32,
    imports_memory: bool,
    /// The first of its own memories has 32 bits: the adapter knows no others.
    has_memory: bool,
    /// The adapter finds the first of all.
    exports_memory: bool,
    has_realloc: bool,
    /// One more function takes one more byte to count them: then what debug information says of its code is wrong.
    moves_code: bool,
    added: Added,
}

#[derive(Default, PartialEq)]
struct Added {
    ty: bool,
    function: bool,
    global: bool,
    export: bool,
    code: bool,
}

type Read = Result<(), Error<Infallible>>;

impl Reencode for Pages {
    type Error = Infallible;

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Read {
        for group in section.clone() {
            self.types += group?.types().len() as u32;
        }
        utils::parse_type_section(self, types, section)?;
        types.ty().function([ValType::I32; 4], [ValType::I32]);
        self.added.ty = true;
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Read {
        for import in section.clone().into_imports() {
            match import?.ty {
                TypeRef::Func(_) | TypeRef::FuncExact(_) => self.functions += 1,
                TypeRef::Global(_) => self.globals += 1,
                TypeRef::Memory(_) => self.imports_memory = true,
                _ => {}
            }
        }
        utils::parse_import_section(self, imports, section)
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Read {
        self.functions += section.count();
        utils::parse_function_section(self, functions, section)?;
        functions.function(self.types);
        self.added.function = true;
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Read {
        if let Some(memory) = section.clone().into_iter().next() {
            self.has_memory = !memory?.memory64;
        }
        utils::parse_memory_section(self, memories, section)
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Read {
        self.globals += section.count();
        utils::parse_global_section(self, globals, section)?;
        for _ in [NEXT, END] {
            let ty = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
            globals.global(ty, &ConstExpr::i32_const(0));
        }
        self.added.global = true;
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Read {
        for export in section.clone() {
            let export = export?;
            self.has_realloc |= export.name == REALLOC;
            self.exports_memory |= export.name == "memory" && export.index == 0;
        }
        utils::parse_export_section(self, exports, section)?;
        exports.export(REALLOC, ExportKind::Func, self.functions);
        self.added.export = true;
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Read {
        let bytes = |count: u32| count.max(1).ilog2() / 7;
        self.moves_code = bytes(section.count()) != bytes(section.count() + 1);
        utils::parse_code_section(self, code, section)?;
        code.function(&realloc(self.globals + NEXT, self.globals + END));
        self.added.code = true;
        Ok(())
    }

    /// As it is, for debug information counts its bytes.
    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Read {
        code.raw(body.as_bytes());
        Ok(())
    }

    /// As it is.
    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: wasmparser::CustomSectionReader<'_>,
    ) -> Read {
        module.section(&CustomSection { name: section.name().into(), data: section.data().into() });
        Ok(())
    }
}

/// Gives pages one after the other, and never takes any back: the adapter asks for two in all, at its start.
fn realloc(next: u32, end: u32) -> Function {
    let [old, _, _, size, start] = [0, 1, 2, 3, 4];
    let mut function = Function::new([(1, ValType::I32)]);
    let mut code = function.instructions();
    // It only makes, whole pages: nothing else is asked of it.
    code.local_get(old).local_get(size).i32_const(PAGE).i32_ne().i32_or();
    code.if_(BlockType::Empty).unreachable().end();
    code.global_get(next).local_tee(start).global_get(end).i32_eq();
    code.if_(BlockType::Empty);
    code.i32_const(PAGES).memory_grow(0).local_tee(start).i32_const(-1).i32_eq();
    code.if_(BlockType::Empty).unreachable().end();
    code.local_get(start).i32_const(PAGE_BITS).i32_shl().local_tee(start);
    code.i32_const(PAGES << PAGE_BITS).i32_add().global_set(end);
    code.end();
    code.local_get(start).i32_const(PAGE).i32_add().global_set(next);
    code.local_get(start).end();
    function
}

const REALLOC: &str = "cabi_realloc";

/// Where the next page begins, and where the last one ends: places after the module's own globals.
const NEXT: u32 = 0;
const END: u32 = 1;

/// One for the adapter's stack, one for its state.
const PAGES: i32 = 2;
const PAGE_BITS: i32 = 16;
const PAGE: i32 = 1 << PAGE_BITS;

#[cfg(test)]
mod tests {
    use wasmtime::{Engine, Instance, Module, Store};

    use super::*;

    /// With an import of either kind, so that places of imports and of its own differ.
    const PROGRAM: &str = r#"(module
        (import "host" "log" (func (param i32)))
        (import "host" "base" (global i32))
        (memory (export "memory") 3)
        (global $own (mut i32) (i32.const 7))
        (func (export "_start"))
        (func (export "own") (result i32) (global.get $own)))"#;

    fn module(text: &str) -> Vec<u8> {
        wat::parse_str(text).expect("a module")
    }

    #[test]
    fn two_pages_come_from_one_growth() {
        let engine = Engine::default();
        let paged = with_pages(&module(PROGRAM)).expect("it lacks nothing");
        let module = Module::new(&engine, paged).expect("it is valid");
        let mut store = Store::new(&engine, ());
        let log = wasmtime::Func::wrap(&mut store, |_: i32| {});
        let ty = wasmtime::GlobalType::new(wasmtime::ValType::I32, wasmtime::Mutability::Const);
        let base = wasmtime::Global::new(&mut store, ty, 1.into()).expect("a global");
        let instance = Instance::new(&mut store, &module, &[log.into(), base.into()]).expect("it starts");
        let memory = instance.get_memory(&mut store, "memory").expect("it is exported");
        let realloc = instance.get_typed_func::<(i32, i32, i32, i32), i32>(&mut store, REALLOC);
        let realloc = realloc.expect("it was added");
        let mut page = || realloc.call(&mut store, (0, 0, 8, PAGE));
        assert_eq!([page().ok(), page().ok(), page().ok()], [Some(3 * PAGE), Some(4 * PAGE), Some(5 * PAGE)]);
        assert_eq!(memory.size(&store), 7);
        let own = instance.get_typed_func::<(), i32>(&mut store, "own").expect("it is exported");
        assert_eq!(own.call(&mut store, ()).ok(), Some(7));
        assert!(realloc.call(&mut store, (0, 0, 8, PAGE + 1)).is_err());
    }

    #[test]
    fn a_module_that_cannot_have_it_or_has_it_is_left_alone() {
        for text in [
            "(module)",
            r#"(module (memory 1) (memory (export "memory") 3) (global i32 (i32.const 0)) (func (export "_start")))"#,
            r#"(module (import "host" "m" (memory 1)) (export "memory" (memory 0)) (global i32 (i32.const 0))
                (func (export "_start")))"#,
            r#"(module (global i32 (i32.const 0)) (func (export "_start")))"#,
            r#"(module (memory (export "memory") 1) (func (export "_start")))"#,
            r#"(module (memory (export "memory") i64 1) (global i32 (i32.const 0)) (func (export "_start")))"#,
            r#"(module (memory (export "memory") 1) (global i32 (i32.const 0)) (func (export "_start"))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))"#,
        ] {
            assert_eq!(with_pages(&module(text)), None, "{text}");
        }
        let many = |count: usize| {
            let functions = "(func)".repeat(count);
            module(&format!(
                "(module (memory (export \"memory\") 1) (global i32 (i32.const 0)) {functions} (export \"_start\" (func 0)))"
            ))
        };
        let paged = [126, 127, 128].map(|count| with_pages(&many(count)).is_some());
        assert_eq!(paged, [true, false, true]);
        assert_eq!(with_pages(b"\0asm\x01\0\0\0\x01\xff"), None);
    }
}
