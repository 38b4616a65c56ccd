//! Gives the engine in a TypeScript component a limit of its stack, so that a recursion without end is a `RangeError` that can
//! be caught, and no trap.
//!
//! QuickJS compares its stack pointer with a limit at each call. For WASI it sets none, and what is full first is wasmtime's own
//! stack. The limit is a word of the engine's `JSRuntime`, which lies in the component's memory: here it gets a value. What is
//! not exactly of the expected shape is left as it is.

use wasm_encoder::reencode::{Reencode as _, RoundtripReencoder};
use wasm_encoder::{ConstExpr, DataSection, Module, RawSection};
use wasmparser::{BinaryReader, DataKind, DataSectionReader, Operator, Payload, Validator, WasmFeatures};

use super::sections::{Section, sections};

/// The component with the change; none if it is not one that can be changed so.
pub(crate) fn stack_limit(component: &[u8]) -> Option<Vec<u8>> {
    let changed = change(component)?;
    Validator::new_with_features(WasmFeatures::all()).validate_all(&changed).ok()?;
    Some(changed)
}

fn change(component: &[u8]) -> Option<Vec<u8>> {
    let mut changed = None;
    let mut out = wasm_encoder::Component::new();
    for section in &sections(component)? {
        let inner = match &section.payload {
            Payload::ComponentSection { .. } if changed.is_none() => change(section.bytes),
            Payload::ModuleSection { .. } if changed.is_none() => with_limit(section.bytes),
            _ => None,
        };
        out.section(&RawSection { id: section.id, data: inner.as_deref().unwrap_or(section.bytes) });
        changed = changed.or(inner);
    }
    changed.map(|_| out.finish())
}

/// The module that holds the memory, with one more segment of data.
fn with_limit(module: &[u8]) -> Option<Vec<u8>> {
    let parts = sections(module)?;
    let data = parts.iter().find(|part| matches!(part.payload, Payload::DataSection(_)))?;
    let reader = DataSectionReader::new(BinaryReader::new(data.bytes, 0)).ok()?;
    let place = runtime(&image(&reader)?)? + LIMIT;
    let mut segments = DataSection::new();
    for segment in reader {
        RoundtripReencoder.parse_data(&mut segments, segment.ok()?).ok()?;
    }
    segments.active(0, &ConstExpr::i32_const(i32::try_from(place).ok()?), LOWEST.to_le_bytes());
    let counted = parts.iter().any(|part| matches!(part.payload, Payload::DataCountSection { .. }));
    (!counted).then(|| {
        let mut out = Module::new();
        parts.iter().for_each(|part| copy(&mut out, part, &segments));
        out.finish()
    })
}

fn copy(out: &mut Module, part: &Section<'_>, segments: &DataSection) {
    match part.payload {
        Payload::DataSection(_) => out.section(segments),
        _ => out.section(&RawSection { id: part.id, data: part.bytes }),
    };
}

/// What the memory begins with.
fn image(segments: &DataSectionReader<'_>) -> Option<Vec<u8>> {
    let mut image = Vec::new();
    for segment in segments.clone() {
        let segment = segment.ok()?;
        let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else { return None };
        let Operator::I32Const { value } = offset_expr.get_operators_reader().read().ok()? else {
            return None;
        };
        let begin = usize::try_from(value).ok()?;
        let end = begin.checked_add(segment.data.len()).filter(|end| *end <= LARGEST)?;
        image.resize(image.len().max(end), 0);
        image[begin..end].copy_from_slice(segment.data);
    }
    Some(image)
}

/// Where the engine's `JSRuntime` is, if there is just one thing that looks like it: neither a size nor a limit of the stack, a
/// top of it below 1 MiB, no exception, and an empty list of jobs, which points to itself.
fn runtime(image: &[u8]) -> Option<usize> {
    let word = |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?));
    let is_one = |at: usize| {
        let jobs = u32::try_from(at + JOBS).ok()?;
        let top = word(at + LIMIT - 4)?;
        let fits = word(at + LIMIT - 8)? == 0
            && word(at + LIMIT)? == 0
            && (TOP / 2..TOP).contains(&top)
            && [word(at + LIMIT + 4)?, word(at + LIMIT + 8)?] == NO_EXCEPTION
            && word(at + JOBS)? == jobs
            && word(at + JOBS + 4)? == jobs;
        Some(fits)
    };
    let mut found = (0..image.len().saturating_sub(JOBS)).step_by(4).filter(|at| is_one(*at) == Some(true));
    found.next().filter(|_| found.next().is_none())
}

/// `stack_limit` in `JSRuntime`; `stack_size` and `stack_top` are before it, `current_exception` after it.
const LIMIT: usize = 636;

/// `job_list` in `JSRuntime`.
const JOBS: usize = 684;

/// `JS_UNINITIALIZED`: nothing was thrown.
const NO_EXCEPTION: [u32; 2] = [0, 4];

/// The engine's stack grows from here down to 0.
const TOP: u32 = 1 << 20;

/// What is below is for what the engine calls last: natives that have no check of their own.
const LOWEST: u32 = 128 << 10;

/// No engine begins with so much memory.
const LARGEST: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_found_if_it_is_the_only_one() {
        let mut image = vec![0; 10_000];
        assert_eq!(runtime(&image), None);
        let mut put = |at: usize| {
            image[at + LIMIT - 4..at + LIMIT].copy_from_slice(&(TOP - 500).to_le_bytes());
            image[at + LIMIT + 8..at + LIMIT + 12].copy_from_slice(&4_u32.to_le_bytes());
            for place in [at + JOBS, at + JOBS + 4] {
                image[place..place + 4]
                    .copy_from_slice(&u32::try_from(at + JOBS).expect("it fits").to_le_bytes());
            }
            runtime(&image)
        };
        assert_eq!(put(800), Some(800));
        assert_eq!(put(4000), None);
    }
}
