use super::ContractError;

/// A file's text as the parser takes it: empty block comments are blanked out, which it reads as documentation and fails on,
/// and types may be nested only so deep, for it reads them by recursion. Places stay as they are.
pub(super) fn prepared(name: &str, text: &str) -> Result<String, ContractError> {
    let text = text.replace("/**/", "    ");
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
