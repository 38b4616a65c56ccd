use super::ContractError;

/// A file's text as the parser takes it: comments that document nothing are blanked out, for it takes them for documentation (an
/// empty one ends it, and two files of a package may not begin with one each), and types may be nested only so deep, for it reads them
/// by recursion. Places stay as they are.
pub(super) fn prepared(name: &str, text: &str) -> Result<String, ContractError> {
    let text = without_comments(text);
    match too_deep(&text) {
        None => Ok(text),
        Some(at) => {
            let line = text[..at].lines().count().max(1);
            Err(ContractError::Syntax(format!(
                "{name}:{line}: types are nested more than {DEEPEST} deep; give the inner ones names"
            )))
        }
    }
}

/// The text with blanks in the place of comments, but for those that document something: `///` and `/** */`.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        let (before, comment) = rest.split_at(at);
        out.push_str(before);
        let length = if comment.starts_with("//") {
            comment.find('\n').unwrap_or(comment.len())
        } else if comment.starts_with("/*") {
            block(comment)
        } else {
            1
        };
        let (comment, after) = comment.split_at(length);
        let is_doc = comment.starts_with("///") || comment.starts_with("/**") && comment != "/**/";
        // Of one that does not end the parser has to speak.
        let is_open = comment.starts_with("/*") && !comment.ends_with("*/");
        let is_kept = is_doc || is_open || length == 1;
        match is_kept {
            true => out.push_str(comment),
            false => out.extend(comment.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' })),
        }
        rest = after;
    }
    out + rest
}

/// How long the block comment is that a text begins with, those within it included.
fn block(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Where types or packages are nested too deep, comments apart.
fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut comments, mut at) = (0_usize, 0_usize, 0);
    while let Some(byte) = bytes.get(at) {
        let pair = (*byte, bytes.get(at + 1).copied().unwrap_or_default());
        let step = match pair {
            (b'/', b'*') => {
                comments += 1;
                2
            }
            (b'*', b'/') if comments > 0 => {
                comments -= 1;
                2
            }
            _ if comments > 0 => 1,
            (b'/', b'/') => bytes[at..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - at),
            (b'-', b'>') => 2,
            (b'<' | b'{' | b'(', _) => {
                depth += 1;
                if depth > DEEPEST {
                    return Some(at);
                }
                1
            }
            (b'>' | b'}' | b')', _) => {
                depth = depth.saturating_sub(1);
                1
            }
            _ => 1,
        };
        at += step;
    }
    None
}

/// As deep as types of a contract may be nested in all; see there.
const DEEPEST: usize = super::reader::DEEPEST;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comments_that_document_something_stay() {
        let text = "// who: \u{e9}\n/* a /* b */ c */x/**/y\n/// why\n/** how\n*/ z / w //";
        let blank = without_comments(text);
        assert_eq!(blank.len(), text.len());
        assert_eq!(
            blank.split_whitespace().collect::<Vec<_>>(),
            ["x", "y", "///", "why", "/**", "how", "*/", "z", "/", "w"]
        );
        assert_eq!(blank.find('y'), text.find('y'));
        assert_eq!(without_comments("a /* b"), "a /* b", "the parser has to say that it does not end");
    }

    #[test]
    fn nesting_is_counted_without_comments_and_arrows() {
        let nested = |depth: usize| format!("{}u8{}", "list<".repeat(depth), ">".repeat(depth));
        assert_eq!(too_deep(&nested(DEEPEST)), None);
        assert!(too_deep(&nested(DEEPEST + 1)).is_some());
        assert!(too_deep(&nested(100_000)).is_some());
        let text = format!("// {}\n/* {} */ f: func() -> u8;", "<".repeat(500), "<".repeat(500));
        assert_eq!(too_deep(&text), None);
        assert_eq!(too_deep(&"f: func() -> u8;\n".repeat(500)), None);
    }
}
