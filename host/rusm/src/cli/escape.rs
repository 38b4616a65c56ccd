//! What a guest chooses (names, texts, reasons) reaches a terminal only as what it is: whatever would steer the terminal, or show
//! something else than it says, is written out.

use std::borrow::Cow;
use std::fmt::Write as _;

use rusm_otp::check_name;

/// A text of several lines, each as it is.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    escaped(text, "\n")
}

/// A text within a line of the log: a further line of it is set in, so that it cannot pass for an entry of its own.
pub(super) fn within_line(text: &str) -> Cow<'_, str> {
    escaped(text, "\n    ")
}

fn escaped<'a>(text: &'a str, newline: &str) -> Cow<'a, str> {
    let plain = |c: char| is_plain(c) || c == '\n' && newline == "\n";
    if text.chars().all(plain) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str(newline),
            c if is_plain(c) => out.push(c),
            // Writing to a string cannot fail.
            c => drop(write!(out, "{}", c.escape_unicode())),
        }
    }
    out.into()
}

/// What may stand in a name shows as what it is; so does a tab.
fn is_plain(c: char) -> bool {
    // By far the most.
    (' '..='~').contains(&c) || c == '\t' || check_name(c.encode_utf8(&mut [0; 4])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(shown("a\tb\nKäse 🛒"), "a\tb\nKäse 🛒");
        assert_eq!(shown("\u{1b}]52;c;aGk=\u{7}\r"), "\\u{1b}]52;c;aGk=\\u{7}\\u{d}");
        assert_eq!(shown("\u{202e}exe.txt\u{9b}2J"), "\\u{202e}exe.txt\\u{9b}2J");
    }

    #[test]
    fn a_line_of_a_text_is_no_entry_of_the_log() {
        assert_eq!(within_line("one\nERROR forged"), "one\n    ERROR forged");
    }
}
