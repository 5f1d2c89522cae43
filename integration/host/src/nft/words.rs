//! A body as words. It knows quotes and comments, and nothing of what words mean.

use super::NftError;

/// One word of nft's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// A name, keyword, number or address; `!=` and `==` too.
    Plain(String),
    /// What stood in quotes.
    Quoted(String),
    /// One of `{ } , = & | ^ ( )`.
    Sign(char),
    /// A semicolon, or the end of a line.
    End,
}

/// The words that are left.
#[derive(Debug)]
pub(super) struct Words(std::iter::Peekable<std::vec::IntoIter<Word>>);

const SIGNS: [char; 9] = ['{', '}', ',', '=', '&', '|', '^', '(', ')'];

impl Words {
    pub(super) fn of(body: &str) -> Result<Self, NftError> {
        let mut words = Vec::new();
        let mut rest = body;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '\n' | ';' => {
                    words.push(Word::End);
                    1
                }
                '#' => rest.find('\n').unwrap_or(rest.len()),
                '"' => {
                    let text = rest.split('"').nth(1).unwrap_or_default();
                    let length = text.len() + 2;
                    if length > rest.len() {
                        return Err(NftError::Refused("a quote is left open".to_owned()));
                    }
                    words.push(Word::Quoted(text.to_owned()));
                    length
                }
                space if space.is_whitespace() => space.len_utf8(),
                '=' if rest.starts_with("==") => {
                    words.push(Word::Plain("==".to_owned()));
                    2
                }
                sign if SIGNS.contains(&sign) => {
                    words.push(Word::Sign(sign));
                    1
                }
                _ => {
                    let ends = |c: char| {
                        c.is_whitespace() || c == ';' || c == '"' || (SIGNS.contains(&c) && c != '=')
                    };
                    let length = rest.find(ends).unwrap_or(rest.len());
                    words.push(Word::Plain(rest.get(..length).unwrap_or_default().to_owned()));
                    length
                }
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(Self(words.into_iter().peekable()))
    }

    pub(super) fn next(&mut self) -> Option<Word> {
        self.0.next()
    }

    /// The next plain word, if it is one and `wanted`.
    pub(super) fn next_if(&mut self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        match self.0.next_if(|word| matches!(word, Word::Plain(text) if wanted(text)))? {
            Word::Plain(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn sign(&mut self, sign: char) -> bool {
        self.0.next_if_eq(&Word::Sign(sign)).is_some()
    }

    pub(super) fn at_end(&mut self) -> bool {
        matches!(self.0.peek(), None | Some(Word::End | Word::Sign('}')))
    }

    pub(super) fn skip_ends(&mut self) {
        while self.0.next_if_eq(&Word::End).is_some() {}
    }

    pub(super) fn plain(&mut self, what: &str) -> Result<String, NftError> {
        match self.next() {
            Some(Word::Plain(text)) => Ok(text),
            other => Err(NftError::NotModelled(format!("{other:?} for {what}"))),
        }
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), NftError> {
        match self.next_if(|text| text == word) {
            Some(_) => Ok(()),
            None => Err(NftError::NotModelled(format!("{:?} instead of `{word}`", self.0.peek()))),
        }
    }

    pub(super) fn open(&mut self) -> Result<(), NftError> {
        if self.sign('{') { Ok(()) } else { Err(NftError::NotModelled("no `{`".to_owned())) }
    }

    /// What stands up to the closing brace, an element each, with commas between; lines mean nothing.
    pub(super) fn elements(&mut self) -> Result<Vec<String>, NftError> {
        let mut elements = Vec::new();
        loop {
            self.skip_ends();
            if self.sign('}') {
                return Ok(elements);
            }
            elements.push(self.plain("an element")?);
            self.skip_ends();
            if !self.sign(',') && self.0.peek() != Some(&Word::Sign('}')) {
                return Err(NftError::Refused("elements without a comma between".to_owned()));
            }
        }
    }
}
