//! What the engine in a TypeScript component is given for its `JSRuntime`: a limit of its stack, and somebody who is told of
//! promises whose rejection nobody handles.
//!
//! QuickJS compares its stack pointer with a limit at each call, but sets none for WASI: a recursion without end filled
//! wasmtime's own stack, which is a trap, before it was a `RangeError` that can be caught. And it knows which rejections nobody
//! handles, but componentize-qjs does not ask. Both are words of the `JSRuntime`, which lies in the component's memory. Who is
//! told is a small function beside the engine's own, which calls the one that `rusm-ts/src/rejections.ts` has put into an array
//! for that. What is not exactly of the expected shape is
//! left as it is: then recursions are crashes, and rejections leave no trace.

use sha2::{Digest as _, Sha256};
use wasm_encoder::reencode::{Reencode as _, RoundtripReencoder};
use wasm_encoder::{ConstExpr, DataSection, Encode as _, Function, MemArg, Module, RawSection, TableSection};
use wasmparser::{
    BinaryReader, DataKind, DataSectionReader, Operator, Payload, TypeRef, ValType, Validator, WasmFeatures,
};

use super::heap::{gathered, word};
use super::sections::{Section, sections};

/// The component with the change; none if it is not one that can be changed so.
pub(crate) fn js_runtime(component: &[u8]) -> Option<Vec<u8>> {
    let changed = change(component)?;
    Validator::new_with_features(WasmFeatures::all()).validate_all(&changed).ok()?;
    Some(changed)
}

fn change(component: &[u8]) -> Option<Vec<u8>> {
    let parts = sections(component)?;
    let modules = |part: &&Section<'_>| matches!(part.payload, Payload::ModuleSection { .. });
    let memory = parts.iter().filter(modules).find_map(|part| Memory::of(part.bytes));
    let Some(memory) = memory else {
        // The linked component may be inside of another one.
        let mut changed = None;
        let inner = parts.iter().map(|part| match part.payload {
            Payload::ComponentSection { .. } if changed.is_none() => {
                changed = change(part.bytes);
                changed.clone()
            }
            _ => None,
        });
        let out = assembled(&parts, &inner.collect::<Vec<_>>());
        return changed.map(|_| out);
    };
    let engine =
        memory.slots.and_then(|_| parts.iter().filter(modules).find_map(|part| Engine::of(part.bytes)));
    let changed = parts.iter().map(|part| match (&part.payload, &engine) {
        (Payload::ModuleSection { .. }, _) if part.bytes == memory.module => {
            Some(memory.with(engine.as_ref().map(|engine| engine.place)))
        }
        (Payload::ModuleSection { .. }, Some(engine)) if part.bytes == engine.module => {
            Some(engine.with_tracker())
        }
        _ => None,
    });
    Some(assembled(&parts, &changed.collect::<Vec<_>>()))
}

fn assembled(parts: &[Section<'_>], changed: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut out = wasm_encoder::Component::new();
    for (part, changed) in parts.iter().zip(changed) {
        out.section(&RawSection { id: part.id, data: changed.as_deref().unwrap_or(part.bytes) });
    }
    out.finish()
}

/// The module that holds the memory, with what it begins with.
struct Memory<'a> {
    module: &'a [u8],
    parts: Vec<Section<'a>>,
    segments: DataSection,
    /// Where the `JSRuntime` is.
    runtime: usize,
    /// Where the array has its values, the first of which is told.
    slots: Option<usize>,
    image: Vec<u8>,
}

impl<'a> Memory<'a> {
    fn of(module: &'a [u8]) -> Option<Self> {
        let parts = sections(module)?;
        let data = parts.iter().find(|part| matches!(part.payload, Payload::DataSection(_)))?;
        if parts.iter().any(|part| matches!(part.payload, Payload::DataCountSection { .. })) {
            return None;
        }
        let reader = DataSectionReader::new(BinaryReader::new(data.bytes, 0)).ok()?;
        let image = image(&reader)?;
        let mut segments = DataSection::new();
        for segment in reader {
            RoundtripReencoder.parse_data(&mut segments, segment.ok()?).ok()?;
        }
        let (runtime, slots) = (runtime(&image)?, slots(&image));
        Some(Self { module, parts, segments, runtime, slots, image })
    }

    /// The module with more segments of data; `tracker` is the function's place in the engine's table.
    fn with(&self, tracker: Option<u32>) -> Vec<u8> {
        let mut segments = self.segments.clone();
        let mut put = |at: usize, bytes: &[u8]| {
            segments.active(0, &ConstExpr::i32_const(at as i32), bytes.iter().copied());
        };
        put(self.runtime + LIMIT, &LOWEST.to_le_bytes());
        if let (Some(tracker), Some(slots)) = (tracker, self.slots) {
            put(self.runtime + TRACKER, &tracker.to_le_bytes());
            put(self.runtime + TRACKER + 4, &(slots as u32).to_le_bytes());
        }
        if let Some(gathered) = gathered(&self.image, self.runtime) {
            differences(&self.image, &gathered).for_each(|(at, bytes)| put(at, bytes));
        }
        let mut out = Module::new();
        for part in &self.parts {
            match part.payload {
                Payload::DataSection(_) => out.section(&segments),
                _ => out.section(&RawSection { id: part.id, data: part.bytes }),
            };
        }
        out.finish()
    }
}

/// The engine's module: the one with a table of its own, into which a function is put.
struct Engine<'a> {
    module: &'a [u8],
    parts: Vec<Section<'a>>,
    /// The function's place in the table.
    place: u32,
    table: TableSection,
    /// The index of its type.
    ty: u32,
    /// Its index among the module's functions.
    function: u32,
}

impl<'a> Engine<'a> {
    fn of(module: &'a [u8]) -> Option<Self> {
        let parts = sections(module)?;
        let (mut tables, mut ty, mut function) = (None, None, 0);
        let (mut elements, mut known) = (0, false);
        for part in &parts {
            match &part.payload {
                Payload::TypeSection(reader) => {
                    let types: Vec<_> =
                        reader.clone().into_iter_err_on_gc_types().collect::<Result<_, _>>().ok()?;
                    let is_it = types.iter().position(|ty| ty.params() == PARAMS && ty.results().is_empty());
                    ty = is_it.and_then(|place| u32::try_from(place).ok());
                }
                Payload::ImportSection(reader) => {
                    for import in reader.clone().into_imports() {
                        function += u32::from(matches!(import.ok()?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::FunctionSection(reader) => function += reader.count(),
                Payload::TableSection(reader) => tables = Some(reader.clone()),
                Payload::ElementSection(reader) => elements = reader.count(),
                // What its functions do is in its code alone.
                Payload::CodeSectionStart { .. } => known = Sha256::digest(part.bytes)[..] == ENGINE,
                _ => {}
            }
        }
        let only = tables.filter(|tables| tables.count() == 1)?.into_iter().next()?.ok()?.ty;
        let mut larger = RoundtripReencoder.table_type(only).ok()?;
        let place = u32::try_from(larger.minimum).ok()?;
        larger.minimum += 1;
        larger.maximum = larger.maximum.map(|most| most + 1);
        let mut table = TableSection::new();
        table.table(larger);
        (elements > 0 && known).then_some(())?;
        Some(Self { module, parts, place, table, ty: ty?, function })
    }

    fn with_tracker(&self) -> Vec<u8> {
        let mut ty = Vec::new();
        self.ty.encode(&mut ty);
        let mut body = Vec::new();
        tracker().encode(&mut body);
        let mut element = vec![0];
        ConstExpr::i32_const(self.place.cast_signed()).encode(&mut element);
        [self.function].as_slice().encode(&mut element);
        let mut out = Module::new();
        for part in &self.parts {
            let item = match part.payload {
                Payload::TableSection(_) => {
                    out.section(&self.table);
                    continue;
                }
                Payload::FunctionSection(_) => Some(&ty),
                Payload::ElementSection(_) => Some(&element),
                Payload::CodeSectionStart { .. } => Some(&body),
                _ => None,
            };
            let longer = item.and_then(|item| with_item(part.bytes, item));
            out.section(&RawSection { id: part.id, data: longer.as_deref().unwrap_or(part.bytes) });
        }
        out.finish()
    }
}

/// A section that is a list, with one item more.
fn with_item(section: &[u8], item: &[u8]) -> Option<Vec<u8>> {
    let mut reader = BinaryReader::new(section, 0);
    let count = reader.read_var_u32().ok()?;
    let items = section.get(usize::try_from(reader.original_position()).ok()?..)?;
    let mut out = Vec::with_capacity(section.len() + item.len() + 1);
    (count + 1).encode(&mut out);
    out.extend_from_slice(items);
    out.extend_from_slice(item);
    Some(out)
}

/// `JSHostPromiseRejectionTracker`: of the context, the promise, the reason, whether it is handled now, and where the function is
/// that is told. It calls that one, with the last three but one on the engine's stack.
fn tracker() -> Function {
    let (context, promise, reason, handled, told) = (0, 1, 2, 3, 4);
    let arguments = 5;
    let value = |offset: u64| MemArg { offset, align: 3, memory_index: 0 };
    let mut function = Function::new([(1, wasm_encoder::ValType::I32)]);
    let mut code = function.instructions();
    code.global_get(STACK_POINTER).i32_const(32).i32_sub().local_tee(arguments).global_set(STACK_POINTER);
    code.local_get(arguments).local_get(promise).i64_store(value(0));
    code.local_get(arguments).local_get(reason).i64_store(value(8));
    code.local_get(arguments).local_get(handled).i64_extend_i32_u().i64_store(value(16));
    code.local_get(context).local_get(told).i64_load(value(0)).i64_const(UNDEFINED).i64_const(UNDEFINED);
    code.i32_const(3).local_get(arguments).i32_const(COPY_ARGUMENTS).call(CALL).drop();
    code.local_get(arguments).i32_const(32).i32_add().global_set(STACK_POINTER).end();
    function
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

/// Where the new one has other words, and which.
fn differences<'a>(old: &'a [u8], new: &'a [u8]) -> impl Iterator<Item = (usize, &'a [u8])> {
    let words = old.chunks(4).zip(new.chunks(4)).enumerate();
    words.filter(|(_, (old, new))| old != new).map(|(place, (_, new))| (place * 4, new))
}

/// Where the engine's `JSRuntime` is, if there is just one thing that looks like it: neither a size nor a limit of the stack, a
/// top of it below 1 MiB, no exception, nobody who is told of rejections, and an empty list of jobs, which points to itself.
fn runtime(image: &[u8]) -> Option<usize> {
    let word = |at: usize| word(image, at);
    let is_one = |at: usize| {
        let jobs = u32::try_from(at + JOBS).ok()?;
        let top = word(at + LIMIT - 4)?;
        let fits = word(at + LIMIT - 8)? == 0
            && word(at + LIMIT)? == 0
            && (TOP / 2..TOP).contains(&top)
            && [word(at + LIMIT + 4)?, word(at + LIMIT + 8)?] == NO_EXCEPTION
            && [word(at + TRACKER)?, word(at + TRACKER + 4)?] == [0, 0]
            && word(at + JOBS)? == jobs
            && word(at + JOBS + 4)? == jobs;
        Some(fits)
    };
    only((0..image.len().saturating_sub(JOBS)).step_by(4).filter(|at| is_one(*at) == Some(true)))
}

/// Where the values of the array are that `rejections.ts` has made: a function, and whole numbers, each one more than the one
/// before it.
fn slots(image: &[u8]) -> Option<usize> {
    let is_one = |at: usize| {
        let is_object = word(image, at + 4) == Some(OBJECT);
        is_object
            && (0..MARKS).all(|place| {
                let at = at + 8 + place as usize * 8;
                word(image, at) == Some(MARK + place) && word(image, at + 4) == Some(0)
            })
    };
    only((0..image.len().saturating_sub((1 + MARKS as usize) * 8)).step_by(8).filter(|at| is_one(*at)))
}

fn only(mut found: impl Iterator<Item = usize>) -> Option<usize> {
    found.next().filter(|_| found.next().is_none())
}

/// SHA-256 of the engine's code, as componentize-qjs 0.4.5 has it: another one may have what follows elsewhere.
const ENGINE: [u8; 32] = [
    0x32, 0x4c, 0xbd, 0x5b, 0xe1, 0xee, 0x62, 0xa0, 0xe0, 0xb8, 0x0d, 0x07, 0xd8, 0x0e, 0x85, 0x1c, 0x00,
    0x6d, 0x09, 0x41, 0xce, 0x46, 0x63, 0xa1, 0xd6, 0x2c, 0xef, 0xa4, 0xb5, 0x16, 0xe9, 0x55,
];

/// `stack_limit` in `JSRuntime`; `stack_size` and `stack_top` are before it, `current_exception` after it.
const LIMIT: usize = 636;

/// `host_promise_rejection_tracker` in `JSRuntime`, and then what it is given.
const TRACKER: usize = 676;

/// `job_list` in `JSRuntime`.
const JOBS: usize = 684;

/// `JS_UNINITIALIZED`: nothing was thrown.
const NO_EXCEPTION: [u32; 2] = [0, 4];

/// The engine's stack grows from here down to 0.
const TOP: u32 = 1 << 20;

/// What is below is for what the engine calls last: natives that have no check of their own.
const LOWEST: u32 = 128 << 10;

/// The numbers of the array, as in `rejections.ts`.
const MARK: u32 = 0x5255_5300;
const MARKS: u32 = 16;

/// `JS_TAG_OBJECT`, the upper half of a value.
const OBJECT: u32 = u32::MAX;

/// `JS_UNDEFINED`.
const UNDEFINED: i64 = 3 << 32;

/// `JS_CallInternal`, among the engine's functions, and its flag `JS_CALL_FLAG_COPY_ARGV`.
const CALL: u32 = 672;
const COPY_ARGUMENTS: i32 = 2;

/// `__stack_pointer`, among the engine's globals.
const STACK_POINTER: u32 = 0;

/// The types of the function's parameters.
const PARAMS: &[ValType] = &[ValType::I32, ValType::I64, ValType::I64, ValType::I32, ValType::I32];

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

    #[test]
    fn an_array_is_found_by_its_numbers() {
        let mut image = vec![0; 4096];
        assert_eq!(slots(&image), None);
        for place in 0..MARKS {
            let at = 72 + place as usize * 8;
            image[at..at + 4].copy_from_slice(&(MARK + place).to_le_bytes());
        }
        assert_eq!(slots(&image), None, "its first value is no function");
        image[68..72].copy_from_slice(&OBJECT.to_le_bytes());
        assert_eq!(slots(&image), Some(64));
        image[72] = 7;
        assert_eq!(slots(&image), None);
    }

    #[test]
    fn another_shape_is_left_alone() {
        let component = wat::parse_str("(component (core module (memory 1) (data (i32.const 0) \"a\")))");
        assert_eq!(js_runtime(&component.expect("a component")), None);
        assert_eq!(js_runtime(b"nothing of the kind"), None);
    }
}
