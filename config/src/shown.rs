//! How foreign text is shown: on one line, without control characters, not longer than a line.

/// Characters of a value that are shown; a whole file pasted into a variable must not fill the log.
const CHARACTERS_MAX: usize = 80;

/// A value, in quotes.
pub(crate) fn shown(value: &str) -> String {
    format!("\"{}\"", escaped(value))
}

/// A name or path, without quotes.
pub(crate) fn shown_name(name: &str) -> String {
    escaped(name)
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == CHARACTERS_MAX {
            out.push('…');
            break;
        }
        if is_unseen(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Control characters, and those that break a line or turn its direction.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_on_one_line_and_within_its_length() {
        assert_eq!(shown("a\nb\u{1b}[31m\u{202e}"), r#""a\nb\u{1b}[31m\u{202e}""#);
        assert_eq!(shown(&"x".repeat(80)).chars().count(), 82);
        assert_eq!(shown(&"x".repeat(81)), format!("\"{}…\"", "x".repeat(80)));
    }
}
