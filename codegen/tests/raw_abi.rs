//! `docs/raw-abi.md`: what core modules import, computed from the actor world, so that it cannot say anything else. Written anew
//! when `RUSM_BLESS` is set.
#![cfg(feature = "host")]

use std::fmt::Write as _;
use std::path::Path;

use rusm_codegen::actor_world;
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Handle, Int, Resolve, SizeAlign, Type, TypeDefKind, TypeId, WorldItem};

const HEAD: &str = "# The raw ABI

What a core module may import, with the layout of everything it passes: the interfaces of the world `rusm:actor/imports` by the
component model's canonical ABI. [Core modules](core-modules.md) says how it is used. Written by a test from `wit/`; do not edit.

A parameter that is a string or a list is two: where it begins and its length. `room` is where the host writes the result, when it
is no single number: as many bytes as the result's size, aligned as it asks. Offsets and sizes are in bytes.
";

#[test]
fn the_raw_abi_is_documented_as_it_is() {
    let text = document();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/raw-abi.md");
    if std::env::var_os("RUSM_BLESS").is_some() {
        std::fs::write(&path, &text).expect("the file can be written");
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(known, text, "docs/raw-abi.md is out of date: run the tests with RUSM_BLESS=1");
}

fn document() -> String {
    let (resolve, world) = actor_world("imports");
    let mut sizes = SizeAlign::default();
    sizes.fill(&resolve);
    let abi = Abi { resolve, sizes };
    let mut out = HEAD.to_owned();
    let mut types = Vec::new();
    for (key, item) in &abi.resolve.worlds[world].imports {
        let WorldItem::Interface { id, .. } = item else { continue };
        let interface = &abi.resolve.interfaces[*id];
        for (name, id) in &interface.types {
            // `use` of another interface's type is no type of its own.
            if !matches!(abi.resolve.types[*id].kind, TypeDefKind::Type(Type::Id(_))) {
                types.push((name, *id));
            }
        }
        if interface.functions.is_empty() {
            continue;
        }
        writeln!(
            out,
            "\n## `{}`\n\n| function | parameters | result |\n|---|---|---|",
            abi.resolve.name_world_key(key)
        )
        .expect("a string");
        for function in interface.functions.values() {
            out += &abi.function(function);
        }
    }
    out += "\n## Types\n\n| type | size, alignment | layout |\n|---|---|---|\n";
    for (name, id) in types {
        let (size, align) = abi.size(&Type::Id(id));
        writeln!(out, "| `{name}` | {size}, {align} | {} |", abi.layout(id)).expect("a string");
    }
    out
}

struct Abi {
    resolve: Resolve,
    sizes: SizeAlign,
}

impl Abi {
    fn function(&self, function: &Function) -> String {
        let signature = self.resolve.wasm_signature(AbiVariant::GuestImport, function);
        let room = signature.retptr.then(|| "`room`".to_owned());
        let parameters = if signature.indirect_params {
            let fields = function.params.iter().map(|param| (param.name.as_str(), param.ty));
            let fields = format!("where they lie ({})", self.fields(fields));
            std::iter::once(fields).chain(room).collect::<Vec<_>>().join(", ")
        } else {
            let flat = signature.params.iter().map(|ty| flat(*ty)).collect::<Vec<_>>().join(", ");
            let names =
                function.params.iter().map(|param| format!("{}: {}", param.name, self.name(&param.ty)));
            let names = names.chain(room).collect::<Vec<_>>().join(", ");
            if flat.is_empty() { "–".to_owned() } else { format!("`({flat})`: {names}") }
        };
        let result = match &function.result {
            None => "–".to_owned(),
            Some(ty) if signature.retptr => {
                let (size, align) = self.size(ty);
                format!("{} ({size}, {align}): {}", self.name(ty), self.shape(ty))
            }
            Some(ty) => format!("`{}`: {}", flat(signature.results[0]), self.name(ty)),
        };
        format!("| `{}` | {parameters} | {result} |\n", function.name)
    }

    fn size(&self, ty: &Type) -> (usize, usize) {
        (self.sizes.size(ty).size_wasm32(), self.sizes.align(ty).align_wasm32())
    }

    fn fields<'a>(&self, fields: impl Iterator<Item = (&'a str, Type)>) -> String {
        let fields: Vec<_> = fields.collect();
        let offsets = self.sizes.field_offsets(fields.iter().map(|(_, ty)| ty));
        let lines = fields
            .iter()
            .zip(offsets)
            .map(|((name, ty), (offset, _))| format!("{name} @{}: {}", offset.size_wasm32(), self.name(ty)));
        lines.collect::<Vec<_>>().join(", ")
    }

    fn layout(&self, id: TypeId) -> String {
        match &self.resolve.types[id].kind {
            TypeDefKind::Record(record) => {
                self.fields(record.fields.iter().map(|field| (field.name.as_str(), field.ty)))
            }
            TypeDefKind::Enum(own) => {
                let cases = own.cases.iter().enumerate().map(|(at, case)| format!("{at} {}", case.name));
                cases.collect::<Vec<_>>().join(", ")
            }
            TypeDefKind::Variant(variant) => {
                let payload =
                    self.sizes.payload_offset(Int::U8, variant.cases.iter().map(|case| case.ty.as_ref()));
                let cases = variant.cases.iter().enumerate().map(|(at, case)| match &case.ty {
                    Some(ty) => format!("{at} {}: {}", case.name, self.name(ty)),
                    None => format!("{at} {}", case.name),
                });
                let cases = cases.collect::<Vec<_>>().join(", ");
                format!("case @0 (one byte), payload @{}: {cases}", payload.size_wasm32())
            }
            TypeDefKind::Type(ty) => self.name(ty),
            _ => self.shape(&Type::Id(id)),
        }
    }

    /// Where the parts of a nameless type lie.
    fn shape(&self, ty: &Type) -> String {
        let Type::Id(id) = ty else { return self.name(ty) };
        match &self.resolve.types[*id].kind {
            TypeDefKind::Option(inner) => {
                let at = self.sizes.payload_offset(Int::U8, [None, Some(inner)]).size_wasm32();
                format!("@0 1 if there is one, @{at} it")
            }
            TypeDefKind::Result(result) => {
                let cases = [result.ok.as_ref(), result.err.as_ref()];
                let at = self.sizes.payload_offset(Int::U8, cases).size_wasm32();
                format!("@0 1 if it is the error, @{at} either")
            }
            TypeDefKind::List(_) => "@0 where it begins, @4 its length".to_owned(),
            TypeDefKind::Tuple(tuple) => {
                let names = ["first", "second", "third", "fourth"];
                self.fields(names.into_iter().zip(tuple.types.iter().copied()))
            }
            _ => format!("as `{}` below", self.name(ty).trim_matches('`')),
        }
    }

    fn name(&self, ty: &Type) -> String {
        let Type::Id(id) = ty else { return format!("`{}`", primitive(ty)) };
        let ty = &self.resolve.types[*id];
        if let Some(name) = &ty.name {
            return format!("`{name}`");
        }
        let inner = |ty: &Option<Type>| ty.as_ref().map_or("_".to_owned(), |ty| self.bare(ty));
        match &ty.kind {
            TypeDefKind::Option(ty) => format!("`option<{}>`", self.bare(ty)),
            TypeDefKind::Result(result) => format!("`result<{}, {}>`", inner(&result.ok), inner(&result.err)),
            TypeDefKind::List(ty) => format!("`list<{}>`", self.bare(ty)),
            TypeDefKind::Tuple(tuple) => {
                let types = tuple.types.iter().map(|ty| self.bare(ty)).collect::<Vec<_>>();
                format!("`tuple<{}>`", types.join(", "))
            }
            TypeDefKind::Handle(Handle::Own(_) | Handle::Borrow(_)) => "`handle`".to_owned(),
            other => panic!("the world has a {}", other.as_str()),
        }
    }

    fn bare(&self, ty: &Type) -> String {
        self.name(ty).trim_matches('`').to_owned()
    }
}

fn primitive(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::String => "string",
        other => panic!("the world has a {other:?}"),
    }
}

fn flat(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
    }
}
