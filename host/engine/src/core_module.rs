//! Core modules: programs of WASI preview 1, and modules that import the actor world by hand. Each is made a component when it
//! is loaded, so that it has everything a component has, and nothing else runs it.
//!
//! Its imports of preview 1 become calls of the adapter that the maintainers of wasmtime publish, its imports of `rusm:actor/..`
//! those of the world, by the component model's canonical ABI.

use std::borrow::Cow;

use rusm_codegen::{ACTOR_WIT, resolve_world};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW_1, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER as COMMAND,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as REACTOR,
};
use wasm_encoder::reencode::{Reencode as _, RoundtripReencoder};
use wasm_encoder::{ImportSection, Module, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

mod pages;

/// A component as it is, or the component that a core module becomes.
///
/// # Errors
/// Why the module cannot be one: an import that nobody provides, or an export that is missing.
pub(crate) fn into_component(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    if !Parser::is_core_wasm(bytes) {
        return Ok(Cow::Borrowed(bytes));
    }
    encode(bytes).map(Cow::Owned).map_err(|error| {
        let causes = std::iter::successors(Some(&*error), |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    })
}

fn encode(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let outline = Outline::read(bytes)?;
    let mut module = outline.module.finish();
    if outline.exits {
        embed(&mut module, &[("exit.wit", EXIT_WIT)], "program")?;
    }
    let world = match (outline.starts, outline.runs) {
        _ if outline.described => None,
        (false, true) => Some("raw"),
        _ => outline.acts.then_some("imports"),
    };
    if let Some(world) = world {
        embed(&mut module, &ACTOR_WIT, world)?;
    }
    // What the world's functions return goes into memory that the module has to give itself.
    if !outline.acts
        && !outline.described
        && let Some(paged) = pages::with_pages(&module)
    {
        module = paged;
    }
    let adapter = if outline.starts { COMMAND } else { REACTOR };
    let mut encoder = ComponentEncoder::default();
    Ok(encoder.validate(true).module(&module)?.adapter(PREVIEW_1, adapter)?.encode()?)
}

/// Says in the module which world its imports are of.
fn embed(
    module: &mut Vec<u8>,
    files: &[(&str, &str)],
    world: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let (resolve, world) = resolve_world(files, world)?;
    Ok(embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)?)
}

/// A module whose exit code goes past the adapter, and what else there is to know of it.
#[derive(Default)]
struct Outline {
    module: Module,
    /// It is a program, with a `_start`.
    starts: bool,
    /// It exports a `run`.
    runs: bool,
    /// It imports the actor world.
    acts: bool,
    /// Its bindings say what its world is.
    described: bool,
    /// It ends with an exit code.
    exits: bool,
}

impl Outline {
    fn read(bytes: &[u8]) -> Result<Self, Box<dyn std::error::Error>> {
        let mut outline = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            if let Payload::ImportSection(imports) = payload {
                outline.imports(imports)?;
                continue;
            }
            match &payload {
                Payload::ExportSection(exports) => {
                    for export in exports.clone() {
                        let name = export?.name;
                        outline.starts |= name == "_start";
                        outline.runs |= name == "run";
                    }
                }
                Payload::CustomSection(section) => {
                    outline.described |= section.name().starts_with("component-type");
                }
                _ => {}
            }
            if let Some((id, range)) = payload.as_section() {
                let data = usize::try_from(range.start)?..usize::try_from(range.end)?;
                outline.module.section(&RawSection { id, data: &bytes[data] });
            }
        }
        Ok(outline)
    }

    fn imports(
        &mut self,
        imports: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let mut section = ImportSection::new();
        for import in imports.into_imports() {
            let import = import?;
            let ty = RoundtripReencoder.entity_type(import.ty)?;
            if (import.module, import.name) == (PREVIEW_1, "proc_exit") {
                self.exits = true;
                section.import(EXIT_INTERFACE, EXIT, ty);
            } else {
                self.acts |= import.module.starts_with("rusm:actor/");
                section.import(import.module, import.name, ty);
            }
        }
        self.module.section(&section);
        Ok(())
    }
}

/// How such a program ends, which its component imports beside the actor world.
pub(crate) const EXIT_INTERFACE: &str = "rusm:program/exit@0.1.0";
pub(crate) const EXIT: &str = "exit";

const EXIT_WIT: &str = "
package rusm:program@0.1.0;

/// How a program of preview 1 ends.
interface exit {
    exit: func(code: u32);
}

world program {
    import exit;
}
";
