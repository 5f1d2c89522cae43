//! Just enough of Rust's lexical rules to tell code from comments, from literals and from tests. It parses nothing: every
//! result has the length and the lines of the text it came from, so that an offset means the same in both.

use std::ops::Range;

const TEST_ATTRIBUTE: &str = "#[cfg(test)]";
const TEST_FILE_ATTRIBUTE: &str = "#![cfg(test)]";

/// The text with comments and the insides of literals made blank.
#[must_use]
pub fn code(text: &str) -> String {
    let mut lexer = Lexer { from: text.as_bytes(), at: 0, out: Vec::with_capacity(text.len()) };
    while lexer.at < lexer.from.len() {
        lexer.step();
    }
    String::from_utf8(lexer.out).unwrap_or_default()
}

/// The code with everything under `#[cfg(test)]` made blank too.
#[must_use]
pub fn production(text: &str) -> String {
    let code = code(text);
    let mut out = code.clone().into_bytes();
    for span in test_spans(&code) {
        for byte in out.get_mut(span).unwrap_or_default() {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Where the items under `#[cfg(test)]` stand in `code` (an outcome of [`code`]), attribute included.
#[must_use]
pub fn test_spans(code: &str) -> Vec<Range<usize>> {
    if code.contains(TEST_FILE_ATTRIBUTE) {
        return std::iter::once(0..code.len()).collect();
    }
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (start, _) in code.match_indices(TEST_ATTRIBUTE) {
        if spans.last().is_none_or(|last| last.end <= start) {
            let item = start + TEST_ATTRIBUTE.len();
            spans.push(start..item + item_length(code.get(item..).unwrap_or_default()));
        }
    }
    spans
}

/// Every word of the code (an identifier, a keyword, a number) and where it starts.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.split(|c: char| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(|word| (word.as_ptr().addr() - code.as_ptr().addr(), word))
}

/// Whether a character can stand in a word.
#[must_use]
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The number of the line, from 1, on which `offset` stands.
#[must_use]
pub fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// Up to the `;` or the closing brace that ends the first item, whichever comes first outside brackets.
fn item_length(code: &str) -> usize {
    let mut depth = 0_u32;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth == 0 => return at,
            b')' | b']' => depth -= 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

struct Lexer<'a> {
    from: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

impl Lexer<'_> {
    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            (b'/', b'/') => self.line_comment(),
            (b'/', b'*') => self.block_comment(),
            (b'"', _) => self.string(),
            (b'\'', _) => self.quote(),
            (b'r', b'"' | b'#') if !self.inside_word() => self.raw_string(),
            _ => self.keep(1),
        }
    }

    fn line_comment(&mut self) {
        while self.at < self.from.len() && self.peek(0) != b'\n' {
            self.blank(1);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_u32;
        while self.at < self.from.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.blank(2);
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.blank(2);
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.blank(1),
            }
        }
    }

    fn string(&mut self) {
        self.keep(1);
        while self.at < self.from.len() {
            match self.peek(0) {
                b'\\' => self.blank(2),
                b'"' => return self.keep(1),
                _ => self.blank(1),
            }
        }
    }

    /// `r"…"` or `r#"…"#`; a raw identifier such as `r#type` is kept.
    fn raw_string(&mut self) {
        let mut hashes = 0;
        while self.peek(1 + hashes) == b'#' {
            hashes += 1;
        }
        self.keep(1 + hashes);
        if self.peek(0) != b'"' {
            return;
        }
        self.keep(1);
        while self.at < self.from.len() {
            if self.peek(0) == b'"' && (1..=hashes).all(|ahead| self.peek(ahead) == b'#') {
                return self.keep(1 + hashes);
            }
            self.blank(1);
        }
    }

    /// A character, or a lifetime, which has no second quote.
    fn quote(&mut self) {
        let first = self.peek(1);
        let length = match first {
            b'\\' => {
                let rest = self.from.get(self.at + 3..).unwrap_or_default();
                rest.iter().position(|byte| *byte == b'\'').map(|end| end + 2)
            }
            _ => {
                let length = first.leading_ones().max(1) as usize;
                (self.peek(1 + length) == b'\'').then_some(length)
            }
        };
        self.keep(1);
        if let Some(length) = length {
            self.blank(length);
            self.keep(1);
        }
    }

    /// Whether the byte before is part of a word that is not a literal's prefix (`b` or `c`).
    fn inside_word(&self) -> bool {
        let before = |back: usize| {
            self.at
                .checked_sub(back)
                .and_then(|at| self.from.get(at))
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        };
        let prefix = self
            .at
            .checked_sub(1)
            .and_then(|at| self.from.get(at))
            .is_some_and(|byte| matches!(byte, b'b' | b'c'));
        before(1) && (!prefix || before(2))
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.from.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn keep(&mut self, count: usize) {
        self.out.extend(self.from.iter().skip(self.at).take(count).copied());
        self.at += count;
    }

    fn blank(&mut self, count: usize) {
        let blank = |byte: &u8| if *byte == b'\n' { b'\n' } else { b' ' };
        self.out.extend(self.from.iter().skip(self.at).take(count).map(blank));
        self.at += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_nothing_moves() {
        let text = "let a = \"x // y\"; // z \u{e9}\nlet b = 'q'; /* one /* two */ three */ let c: &'a str = r#\"w\"w\"#;\n";
        let code = code(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.lines().count(), 2);
        let left: Vec<&str> = words(&code).map(|(_, word)| word).collect();
        assert_eq!(left, ["let", "a", "let", "b", "let", "c", "a", "str", "r"]);
    }

    #[test]
    fn escapes_quotes_and_raw_names_do_not_lead_it_astray() {
        for text in [
            r#"f('\''); end"#,
            r#"f('"'); end"#,
            r#"f("\\"); end"#,
            r#"f(b"\"x"); end"#,
            r##"f(br#"""#); end"##,
            "f(r#type); end",
            "f('\u{e9}'); end",
            r"f('\u{2014}'); end",
        ] {
            assert!(code(text).ends_with("); end"), "{text}: {}", code(text));
        }
        assert_eq!(code("bar\"end\""), "bar\"   \"");
    }

    #[test]
    fn tests_are_blank_to_their_closing_brace_and_no_further() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { c(); }\n}\nfn d() {}\n#[cfg(test)]\nuse e::F;\nfn g() {}\n";
        let code = production(text);
        let left: Vec<&str> = words(&code).map(|(_, word)| word).collect();
        assert_eq!(left, ["fn", "a", "fn", "d", "fn", "g"]);
        assert_eq!(line_of(&code, code.find('g').unwrap()), 9);
    }

    #[test]
    fn a_brace_in_a_test_string_ends_nothing() {
        let text = "#[cfg(test)]\nmod tests {\n    const A: &str = \"}\";\n    fn b() {}\n}\n";
        assert_eq!(words(&production(text)).count(), 0);
    }

    #[test]
    fn a_file_may_be_a_test_as_a_whole() {
        assert_eq!(words(&production("#![cfg(test)]\nfn a() {}\n")).count(), 0);
    }
}
