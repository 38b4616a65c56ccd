//! Gives the engine in a TypeScript component a function table of its own.
//!
//! The linker of componentize-qjs puts the one function table into a small module beside the engine's, and the engine
//! fills it at an offset that it imports. wasmtime prepares the elements of a table when it compiles, but only where module
//! and offset are known then: here each new process would make all 850 references anew, which was 40 % of what a spawn
//! took. So the table moves into the engine's module, the offset becomes a constant, and whoever came after the engine
//! takes the table from there. What is not exactly of the expected shape is left as it is.

use std::collections::BTreeMap;

use wasm_encoder::reencode::{Reencode as _, RoundtripReencoder};
use wasm_encoder::{
    Alias, ComponentAliasSection, ComponentSectionId, ConstExpr, ElementMode, ElementSection, ElementSegment,
    Elements, ExportKind, ExportSection, ImportSection, InstanceSection, Module, ModuleArg, RawSection,
    TableSection, TableType,
};
use wasmparser::{
    ElementItems, ElementKind, ExternalKind, Instance, Operator, Payload, TypeRef, Validator, WasmFeatures,
};

use super::sections::{Section, sections};

/// The component with the change; none if it is not one that can be changed so.
pub(crate) fn own_table(component: &[u8]) -> Option<Vec<u8>> {
    let changed = change(component)?;
    // A mistake here would be a component that does not load: then the linker's own is the better one.
    Validator::new_with_features(WasmFeatures::all()).validate_all(&changed).ok()?;
    Some(changed)
}

fn change(component: &[u8]) -> Option<Vec<u8>> {
    let sections = sections(component)?;
    if let Some(plan) = Plan::of(&sections) {
        return plan.carry_out(&sections);
    }
    // The linked component may be inside of another one.
    let mut changed = None;
    let mut out = wasm_encoder::Component::new();
    for section in &sections {
        let inner = match &section.payload {
            Payload::ComponentSection { .. } if changed.is_none() => change(section.bytes),
            _ => None,
        };
        out.section(&RawSection { id: section.id, data: inner.as_deref().unwrap_or(section.bytes) });
        changed = changed.or(inner);
    }
    changed.map(|_| out.finish())
}

/// A core instance of the component, and the section that it stands in.
struct CoreInstance<'a> {
    section: usize,
    made: Instance<'a>,
}

impl<'a> CoreInstance<'a> {
    /// The instance that it is given under a name.
    fn argument(&self, name: &str) -> Option<u32> {
        let Instance::Instantiate { args, .. } = &self.made else { return None };
        args.iter().find(|argument| argument.name == name).map(|argument| argument.index)
    }

    fn export(&self, name: &str, kind: ExternalKind) -> Option<u32> {
        let Instance::FromExports(exports) = &self.made else { return None };
        exports.iter().find(|export| export.name == name && export.kind == kind).map(|export| export.index)
    }

    fn module(&self) -> Option<usize> {
        match self.made {
            Instance::Instantiate { module_index, .. } => usize::try_from(module_index).ok(),
            Instance::FromExports(_) => None,
        }
    }
}

/// What is changed in a component.
struct Plan {
    /// The section of the engine's module, and what takes its place.
    module: (usize, Vec<u8>),
    /// The section with the engine's instance, after which its table has a name; and that instance.
    engine: (usize, u32),
    /// The sections whose instances take the table, all of them after the engine's.
    users: Vec<usize>,
}

impl Plan {
    fn of(sections: &[Section<'_>]) -> Option<Self> {
        let (mut modules, mut instances) = (Vec::new(), Vec::new());
        let (mut tables, mut globals) = (Vec::new(), Vec::new());
        for (place, section) in sections.iter().enumerate() {
            match &section.payload {
                Payload::ModuleSection { .. } => modules.push(place),
                Payload::InstanceSection(reader) => {
                    for made in reader.clone() {
                        instances.push(CoreInstance { section: place, made: made.ok()? });
                    }
                }
                Payload::ComponentAliasSection(reader) => {
                    for alias in reader.clone() {
                        match alias.ok()? {
                            wasmparser::ComponentAlias::CoreInstanceExport {
                                kind: ExternalKind::Table,
                                instance_index,
                                name,
                            } => tables.push((instance_index, name)),
                            wasmparser::ComponentAlias::CoreInstanceExport {
                                kind: ExternalKind::Global,
                                instance_index,
                                name,
                            } => globals.push((instance_index, name)),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        // The one table of the component, and the module that defines it.
        let [(main, TABLE)] = tables[..] else { return None };
        let module_of = |instance: u32| -> Option<usize> {
            let module = instances.get(usize::try_from(instance).ok()?)?.module()?;
            modules.get(module).copied()
        };
        let main_module = CoreModule::read(sections[module_of(main)?].bytes)?;
        let table = main_module.table?;
        // The engine: it fills most of that table.
        let candidates = instances.iter().zip(0_u32..).filter_map(|(instance, index)| {
            let env = instance.argument("env")?;
            let env = instances.get(usize::try_from(env).ok()?)?;
            env.export(TABLE, ExternalKind::Table)?;
            let base = globals.get(usize::try_from(env.export(BASE, ExternalKind::Global)?).ok()?)?;
            let base = *main_module.constants.get(base.1).filter(|_| base.0 == main)?;
            let place = module_of(index)?;
            let module = CoreModule::read(sections[place].bytes)?;
            Some((module.functions_in_table, index, place, base, module))
        });
        let (_, engine, place, base, module) = candidates.max_by_key(|candidate| candidate.0)?;
        let env = instances.get(usize::try_from(engine).ok()?)?.argument("env")?;
        let engine_section = instances[usize::try_from(engine).ok()?].section;

        let mut extra = Vec::new();
        let mut users = Vec::new();
        for (instance, index) in instances.iter().zip(0_u32..) {
            if instance.export(TABLE, ExternalKind::Table).is_some() && index != env {
                if instance.section <= engine_section {
                    return None;
                }
                users.push(instance.section);
            }
            // What the linker writes into the table of the small module is written into the engine's, too.
            let Instance::Instantiate { args, .. } = &instance.made else { continue };
            for argument in args.iter().filter(|argument| argument.index == main) {
                let own = CoreModule::read(sections[module_of(index)?].bytes)?;
                for (slot, (from, name)) in own.fills(argument.name)? {
                    if instance.argument(from) != Some(engine) {
                        return None;
                    }
                    extra.push((slot, *module.exported_functions.get(name)?));
                }
            }
        }
        let module = with_own_table(sections[place].bytes, table, base, &extra)?;
        Some(Self { module: (place, module), engine: (engine_section, engine), users })
    }

    fn carry_out(&self, sections: &[Section<'_>]) -> Option<Vec<u8>> {
        let mut out = wasm_encoder::Component::new();
        for (place, section) in sections.iter().enumerate() {
            match &section.payload {
                _ if place == self.module.0 => {
                    let id = ComponentSectionId::CoreModule.into();
                    out.section(&RawSection { id, data: &self.module.1 });
                }
                Payload::InstanceSection(reader) if self.users.contains(&place) => {
                    let mut instances = InstanceSection::new();
                    for made in reader.clone() {
                        copy_instance(&mut instances, &made.ok()?)?;
                    }
                    out.section(&instances);
                }
                _ => drop(out.section(&RawSection { id: section.id, data: section.bytes })),
            }
            if place == self.engine.0 {
                let mut aliases = ComponentAliasSection::new();
                let (kind, instance) = (ExportKind::Table, self.engine.1);
                aliases.alias(Alias::CoreInstanceExport { instance, kind, name: TABLE });
                out.section(&aliases);
            }
        }
        Some(out.finish())
    }
}

/// An instance as it was, with the engine's table instead of the other one.
fn copy_instance(out: &mut InstanceSection, made: &Instance<'_>) -> Option<()> {
    match made {
        Instance::Instantiate { module_index, args } => {
            let args = args.iter().map(|argument| (argument.name, ModuleArg::Instance(argument.index)));
            out.instantiate(*module_index, args);
        }
        Instance::FromExports(exports) => {
            let mut same = RoundtripReencoder;
            let exports = exports.iter().map(|export| {
                // There was one table before: the engine's is the second.
                let index = if export.kind == ExternalKind::Table { 1 } else { export.index };
                Some((export.name, same.export_kind(export.kind).ok()?, index))
            });
            out.export_items(exports.collect::<Option<Vec<_>>>()?);
        }
    }
    Some(())
}

/// What has to be known of a core module.
#[derive(Default)]
struct CoreModule<'a> {
    imported_functions: Vec<(&'a str, &'a str)>,
    imported_tables: Vec<(&'a str, &'a str)>,
    /// The table that it defines first.
    table: Option<TableType>,
    exported_functions: BTreeMap<&'a str, u32>,
    /// Exported globals that never change.
    constants: BTreeMap<&'a str, i32>,
    /// How many functions it puts into its first table, at a place that it imports.
    functions_in_table: usize,
    segments: Vec<Segment>,
}

/// Functions that a module puts into a table at a known place.
struct Segment {
    table: u32,
    offset: i32,
    functions: Vec<u32>,
}

impl<'a> CoreModule<'a> {
    fn read(module: &'a [u8]) -> Option<Self> {
        let mut own = Self::default();
        let mut globals = Vec::new();
        for section in sections(module)? {
            match section.payload {
                Payload::ImportSection(reader) => {
                    for import in reader.into_imports() {
                        let import = import.ok()?;
                        let from = (import.module, import.name);
                        match import.ty {
                            TypeRef::Func(_) => own.imported_functions.push(from),
                            TypeRef::Table(_) => own.imported_tables.push(from),
                            TypeRef::Global(_) => globals.push(None),
                            _ => {}
                        }
                    }
                }
                Payload::TableSection(reader) => {
                    for table in reader {
                        let table = RoundtripReencoder.table_type(table.ok()?.ty).ok()?;
                        own.table.get_or_insert(table);
                    }
                }
                Payload::GlobalSection(reader) => {
                    for global in reader {
                        let global = global.ok()?;
                        globals.push(constant(&global.init_expr).filter(|_| !global.ty.mutable));
                    }
                }
                Payload::ExportSection(reader) => {
                    for export in reader {
                        let export = export.ok()?;
                        match export.kind {
                            ExternalKind::Func => {
                                own.exported_functions.insert(export.name, export.index);
                            }
                            ExternalKind::Global => {
                                let value = globals.get(usize::try_from(export.index).ok()?)?;
                                own.constants.extend(value.map(|value| (export.name, value)));
                            }
                            _ => {}
                        }
                    }
                }
                Payload::ElementSection(reader) => {
                    for element in reader {
                        let element = element.ok()?;
                        let ElementKind::Active { table_index, offset_expr } = element.kind else { continue };
                        let ElementItems::Functions(functions) = element.items else { return None };
                        let functions: Vec<u32> = functions.into_iter().collect::<Result<_, _>>().ok()?;
                        let table = table_index.unwrap_or(0);
                        match constant(&offset_expr) {
                            Some(offset) => own.segments.push(Segment { table, offset, functions }),
                            None if table == 0 => own.functions_in_table += functions.len(),
                            None => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Some(own)
    }

    /// What it puts into a table that it imports from this module: the slot, and the function's own import.
    fn fills(&self, from: &str) -> Option<Vec<(i32, (&'a str, &'a str))>> {
        let mut filled = Vec::new();
        let tables = self.imported_tables.iter().zip(0_u32..);
        let Some((_, table)) = tables.into_iter().find(|(import, _)| **import == (from, TABLE)) else {
            return Some(filled);
        };
        for segment in self.segments.iter().filter(|segment| segment.table == table) {
            for (function, slot) in segment.functions.iter().zip(segment.offset..) {
                filled.push((slot, *self.imported_functions.get(usize::try_from(*function).ok()?)?));
            }
        }
        Some(filled)
    }
}

fn constant(expression: &wasmparser::ConstExpr<'_>) -> Option<i32> {
    let mut operators = expression.get_operators_reader();
    match (operators.read().ok()?, operators.read().ok()?) {
        (Operator::I32Const { value }, Operator::End) => Some(value),
        _ => None,
    }
}

/// The module with a table of its own, which it exports. Its elements go to `base`; `extra` ones into slots of their own.
fn with_own_table(module: &[u8], table: TableType, base: i32, extra: &[(i32, u32)]) -> Option<Vec<u8>> {
    let (mut out, mut same) = (Module::new(), RoundtripReencoder);
    let mut tables = TableSection::new();
    tables.table(table);
    let (mut globals, mut own_base) = (0, None);
    for section in sections(module)? {
        match section.payload {
            Payload::ImportSection(reader) => {
                let mut imports = ImportSection::new();
                for import in reader.into_imports() {
                    let import = import.ok()?;
                    if let TypeRef::Global(_) = import.ty {
                        own_base =
                            own_base.or(((import.module, import.name) == ("env", BASE)).then_some(globals));
                        globals += 1;
                    }
                    if (import.module, import.name) != ("env", TABLE) {
                        same.parse_import(&mut imports, import).ok()?;
                    } else if !matches!(import.ty, TypeRef::Table(ty) if ty.element_type.is_func_ref()) {
                        return None;
                    }
                }
                out.section(&imports);
            }
            // It has another table: then the places of the two would change.
            Payload::TableSection(_) => return None,
            Payload::FunctionSection(_) => {
                out.section(&RawSection { id: section.id, data: section.bytes });
                out.section(&tables);
            }
            Payload::ExportSection(reader) => {
                let mut exports = ExportSection::new();
                for export in reader {
                    same.parse_export(&mut exports, export.ok()?).ok()?;
                }
                exports.export(TABLE, ExportKind::Table, 0);
                out.section(&exports);
            }
            Payload::ElementSection(reader) => {
                let mut elements = ElementSection::new();
                for element in reader {
                    let element = element.ok()?;
                    let ElementKind::Active { offset_expr, .. } = &element.kind else {
                        same.parse_element(&mut elements, element).ok()?;
                        continue;
                    };
                    let mut operators = offset_expr.get_operators_reader();
                    match (operators.read().ok()?, operators.read().ok()?) {
                        (Operator::GlobalGet { global_index }, Operator::End)
                            if Some(global_index) == own_base => {}
                        _ => return None,
                    }
                    let items = same.element_items(element.items).ok()?;
                    active(&mut elements, base, items);
                }
                for (slot, function) in extra {
                    active(&mut elements, *slot, Elements::Functions(vec![*function].into()));
                }
                out.section(&elements);
            }
            _ => drop(out.section(&RawSection { id: section.id, data: section.bytes })),
        }
    }
    Some(out.finish())
}

fn active(elements: &mut ElementSection, slot: i32, items: Elements<'_>) {
    let mode = ElementMode::Active { table: None, offset: &ConstExpr::i32_const(slot) };
    elements.segment(ElementSegment { mode, elements: items });
}

/// What the linker calls the table, and where a module's part of it begins.
const TABLE: &str = "__indirect_function_table";
const BASE: &str = "__table_base";

#[cfg(test)]
mod tests {
    use wasmparser::Parser;

    use super::*;

    /// A component as the linker makes it; where its engine puts its elements is the test's.
    fn linked(offset: &str) -> Vec<u8> {
        let text = format!(
            r#"(component (component
                (core module $main
                    (table (export "__indirect_function_table") 4 funcref)
                    (global (export "engine:table_base") i32 (i32.const 1)))
                (core module $engine
                    (import "env" "__table_base" (global i32))
                    (import "env" "other" (global i32))
                    (import "env" "__indirect_function_table" (table 2 funcref))
                    (func $first) (func $second) (func (export "realloc"))
                    (elem (table 0) ({offset}) func $first $second))
                (core module $user (import "env" "__indirect_function_table" (table 0 funcref)))
                (core module $fixup
                    (import "main" "__indirect_function_table" (table 0 funcref))
                    (import "engine" "realloc" (func $realloc))
                    (elem (i32.const 3) func $realloc))
                (core instance $main (instantiate $main))
                (alias core export $main "__indirect_function_table" (core table $table))
                (alias core export $main "engine:table_base" (core global $base))
                (core instance $env (export "__table_base" (global $base)) (export "other" (global $base))
                    (export "__indirect_function_table" (table $table)))
                (core instance $engine (instantiate $engine (with "env" (instance $env))))
                (alias core export $engine "realloc" (core func $realloc))
                (core instance $late (export "__indirect_function_table" (table $table)))
                (core instance (instantiate $user (with "env" (instance $late))))
                (core instance (instantiate $fixup (with "main" (instance $main))
                    (with "engine" (instance $engine))))
            ))"#
        );
        wat::parse_str(text).expect("a component")
    }

    /// How many functions the modules of a component put into tables at places that are known, and at others.
    fn elements(component: &[u8]) -> (usize, usize) {
        let mut found = (0, 0);
        for payload in Parser::new(0).parse_all(component) {
            let Payload::ElementSection(reader) = payload.expect("it parses") else { continue };
            for element in reader {
                let element = element.expect("an element");
                let ElementItems::Functions(functions) = element.items else { continue };
                let ElementKind::Active { offset_expr, .. } = element.kind else { continue };
                match constant(&offset_expr) {
                    Some(_) => found.0 += functions.count() as usize,
                    None => found.1 += functions.count() as usize,
                }
            }
        }
        found
    }

    #[test]
    fn the_engines_elements_have_a_known_place_afterwards() {
        let component = linked("global.get 0");
        assert_eq!(elements(&component), (1, 2));
        let changed = own_table(&component).expect("it can be changed");
        // Two of the engine, and the one that is written into both tables.
        assert_eq!(elements(&changed), (4, 0));
        assert_eq!(own_table(&changed), None, "there is nothing left to change");
    }

    #[test]
    fn another_shape_is_left_alone() {
        assert_eq!(own_table(&linked("global.get 1")), None, "elements at another place");
        assert_eq!(own_table(b"\0asm"), None);
        let plain = wat::parse_str("(component (core module))").expect("a component");
        assert_eq!(own_table(&plain), None);
    }
}
