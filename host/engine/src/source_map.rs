//! Lines of a TypeScript bundle as lines of the user's own files.

use std::sync::OnceLock;

use sourcemap::SourceMap;

/// The section of a component that holds the source map of its bundle, as JSON.
const SECTION: &str = "rusm:source-map";

/// A component's source map, read when its first process crashes.
#[derive(Debug, Default)]
pub(crate) struct Sources(OnceLock<Option<SourceMap>>);

impl Sources {
    /// A backtrace with the lines of the sources instead of the bundle's; unchanged if the component has no map.
    pub(crate) fn resolve(&self, component: &[u8], backtrace: String) -> String {
        match self.0.get_or_init(|| read(component)) {
            Some(map) => backtrace
                .lines()
                .map(|line| resolve_line(map, line).unwrap_or_else(|| line.to_owned()) + "\n")
                .collect(),
            None => backtrace,
        }
    }
}

fn read(component: &[u8]) -> Option<SourceMap> {
    let payloads = wasmparser::Parser::new(0).parse_all(component).map_while(Result::ok);
    let json = payloads.filter_map(|payload| match payload {
        wasmparser::Payload::CustomSection(section) if section.name() == SECTION => Some(section.data()),
        _ => None,
    });
    // Whoever made the component made the map: one that cannot be read is no map.
    json.last().and_then(|json| SourceMap::from_slice(json).ok())
}

/// `at add (bundle.js:23:30)` as `at add (cart/main.ts:7:11)`; none if the line has no such place.
fn resolve_line(map: &SourceMap, line: &str) -> Option<String> {
    let end = line.trim_end_matches(')').len();
    let (rest, column) = split_number(&line[..end])?;
    let (place, number) = split_number(rest)?;
    let start = place.rfind(['(', ' ']).map_or(0, |before| before + 1);
    let token = map.lookup_token(number.checked_sub(1)?, column.checked_sub(1)?)?;
    let source = token.get_source()?;
    let (head, tail) = (&line[..start], &line[end..]);
    Some(format!("{head}{source}:{}:{}{tail}", token.get_src_line() + 1, token.get_src_col() + 1))
}

/// `text:12` as `text` and 12.
fn split_number(text: &str) -> Option<(&str, u32)> {
    let (rest, number) = text.rsplit_once(':')?;
    Some((rest, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line 2 of the bundle, from column 5 on, is line 7 of `cart/main.ts`, from column 3 on.
    fn map() -> SourceMap {
        let mut builder = sourcemap::SourceMapBuilder::new(None);
        builder.add(1, 4, 6, 2, Some("cart/main.ts"), None, false);
        builder.into_sourcemap()
    }

    #[test]
    fn a_place_in_the_bundle_becomes_one_in_the_source() {
        let line = |text| resolve_line(&map(), text);
        assert_eq!(line("    at add (bundle.js:2:6)").as_deref(), Some("    at add (cart/main.ts:7:3)"));
        assert_eq!(line("    at bundle.js:2:5").as_deref(), Some("    at cart/main.ts:7:3"));
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        for other in ["Error: text", "    at native", "    at <anonymous> (bundle.js)", "a:b:c", "x:0:0", ""]
        {
            assert_eq!(resolve_line(&map(), other), None, "{other}");
        }
    }

    #[test]
    fn a_component_without_a_map_keeps_its_backtrace() {
        let sources = Sources::default();
        assert_eq!(sources.resolve(b"\0asm", "at x (a.js:1:2)".into()), "at x (a.js:1:2)");
    }
}
