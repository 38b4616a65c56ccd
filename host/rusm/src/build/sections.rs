use std::ops::Range;

use wasmparser::{Chunk, Parser, Payload};

/// A section as it stands in the file.
pub(super) struct Section<'a> {
    pub(super) id: u8,
    pub(super) bytes: &'a [u8],
    pub(super) payload: Payload<'a>,
}

/// The sections of a component or of a module, without those inside of them.
pub(super) fn sections(binary: &[u8]) -> Option<Vec<Section<'_>>> {
    let mut parser = Parser::new(0);
    let (mut rest, mut sections) = (binary, Vec::new());
    while !rest.is_empty() {
        let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(rest, true) else { return None };
        rest = &rest[consumed..];
        if let Payload::ModuleSection { unchecked_range, .. }
        | Payload::ComponentSection { unchecked_range, .. } = &payload
        {
            rest = rest.get(length(unchecked_range)?..)?;
        }
        let Some((id, range)) = payload.as_section() else { continue };
        let bytes = binary.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)?;
        sections.push(Section { id, bytes, payload });
    }
    Some(sections)
}

fn length(range: &Range<u64>) -> Option<usize> {
    usize::try_from(range.end - range.start).ok()
}
