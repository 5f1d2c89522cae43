//! An error and its sources in one line, for a human. Nothing is decided by these words.

use std::error::Error;

/// More than this tells nobody more.
const CHARACTERS_MAX: usize = 400;

/// The chain of errors, outermost first; what a cause merely repeats is left out.
pub(crate) fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut words = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let part = error.to_string();
        if !part.is_empty() && !words.contains(&part) {
            if !words.is_empty() {
                words.push_str(": ");
            }
            words.push_str(&part);
        }
        next = error.source();
    }
    shortened(words)
}

/// The text on one line, within bounds.
pub(crate) fn shortened(text: impl AsRef<str>) -> String {
    let mut line: String = text
        .as_ref()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(CHARACTERS_MAX + 1)
        .collect();
    if line.chars().count() > CHARACTERS_MAX {
        line.pop();
        line.push('…');
    }
    line
}

/// The first error in the chain that is a `T`.
pub(crate) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Outer(&'static str, #[source] std::io::Error);

    #[test]
    fn the_chain_is_told_once_and_on_one_line() {
        let error = Outer("it broke\nhere", std::io::Error::other("no route"));
        assert_eq!(in_words(&error), "it broke here: no route");
        let error = Outer("no route to it", std::io::Error::other("no route"));
        assert_eq!(in_words(&error), "no route to it");
        assert!(find::<std::io::Error>(&error).is_some());
    }

    #[test]
    fn a_page_of_text_is_cut() {
        assert_eq!(shortened("é".repeat(5000)).chars().count(), CHARACTERS_MAX + 1);
    }
}
