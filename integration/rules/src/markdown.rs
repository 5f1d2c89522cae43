//! The code in a Markdown text: what stands between backticks and what stands in fences. Prose is nobody's business here.

/// One word of code and the line, from 1, on which it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The line, from 1.
    pub line: usize,
    /// The word, without the punctuation that ends a clause and without a final `/`.
    pub text: String,
}

/// What stands between two backticks of a line, or a line of a fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Whether it is a line of a fence.
    pub fenced: bool,
    /// Its words.
    pub tokens: Vec<Token>,
}

/// Every piece of code, in order.
#[must_use]
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push(Piece { fenced, tokens: tokens(index + 1, line) });
        } else {
            found.extend(
                line.split('`')
                    .skip(1)
                    .step_by(2)
                    .map(|piece| Piece { fenced, tokens: tokens(index + 1, piece) }),
            );
        }
    }
    found
}

/// The targets of links that lead into the repository, with their lines.
#[must_use]
pub fn links(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !path.contains(':') {
                found.extend(tokens(index + 1, path));
            }
        }
    }
    found
}

fn tokens(line: usize, piece: &str) -> Vec<Token> {
    piece
        .split_whitespace()
        .map(|word| Token {
            line,
            text: word.trim_end_matches([',', ';', ':', '.', ')']).trim_end_matches('/').to_owned(),
        })
        .filter(|token| !token.text.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_found_between_backticks_and_in_fences_with_its_line() {
        let text = "Say `cargo lab` or `a/b/`.\n\n```sh\ncargo verify\n```\n`after`\n";
        let found: Vec<(usize, String)> = pieces(text)
            .into_iter()
            .flat_map(|piece| piece.tokens)
            .map(|token| (token.line, token.text))
            .collect();
        let wanted = [(1, "cargo"), (1, "lab"), (1, "a/b"), (4, "cargo"), (4, "verify"), (6, "after")];
        assert_eq!(found, wanted.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn links_into_the_repository_are_found_and_others_are_not() {
        let text = "[a](b/c.md#d) [e](https://example.com/f) [g](#h)\n";
        let found: Vec<String> = links(text).into_iter().map(|token| token.text).collect();
        assert_eq!(found, ["b/c.md"]);
    }
}
