//! A line of the picture: pieces of text, each in one of a few inks; clipped to a width, and painted or not. Pure.

/// How a piece looks where there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Plain,
    Strong,
    Dim,
    Good,
    Warn,
    Bad,
    Cold,
}

/// Pieces beside each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<(Ink, String)>);

impl Ink {
    /// The terminal's word for it (ECMA-48 SGR).
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Dim => Some("2"),
            Self::Good => Some("32"),
            Self::Warn => Some("33"),
            Self::Bad => Some("1;31"),
            Self::Cold => Some("36"),
        }
    }
}

impl Line {
    /// One piece.
    pub(crate) fn of(ink: Ink, text: impl Into<String>) -> Self {
        Self::default().with(ink, text)
    }

    /// One more piece.
    pub(crate) fn with(mut self, ink: Ink, text: impl Into<String>) -> Self {
        self.0.push((ink, text.into()));
        self
    }

    /// One more piece, at this column or a space behind what stands there.
    pub(crate) fn at(self, column: usize, ink: Ink, text: impl Into<String>) -> Self {
        let gap = column.saturating_sub(self.width()).max(1);
        self.with(Ink::Plain, " ".repeat(gap)).with(ink, text)
    }

    /// One more piece that ends at this column, if there is room for it and a space; what stands there is cut for it.
    pub(crate) fn ending_at(self, column: usize, ink: Ink, text: impl Into<String>) -> Self {
        let text = text.into();
        let start = column.saturating_sub(text.chars().count());
        self.clipped(start.saturating_sub(1)).at(start, ink, text)
    }

    /// Characters. All that the picture uses are one column wide.
    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// No wider than this; what is cut ends in an ellipsis.
    pub(crate) fn clipped(self, width: usize) -> Self {
        if self.width() <= width {
            return self;
        }
        let mut room = width.saturating_sub(1);
        let mut line = Self::default();
        for (ink, text) in self.0 {
            let kept: String = text.chars().take(room).collect();
            room -= kept.chars().count();
            line = line.with(ink, kept);
            if room == 0 {
                break;
            }
        }
        if width == 0 { line } else { line.with(Ink::Dim, "…") }
    }

    /// As it is written to a terminal, or without colours.
    pub(crate) fn painted(&self, colours: bool) -> String {
        let mut painted = String::new();
        for (ink, text) in &self.0 {
            match ink.code().filter(|_| colours) {
                Some(code) => painted.push_str(&format!("\x1b[{code}m{text}\x1b[0m")),
                None => painted.push_str(text),
            }
        }
        painted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_clipped_and_painted() {
        let line = Line::of(Ink::Good, "one").at(5, Ink::Plain, "two").ending_at(12, Ink::Dim, "1 s");
        assert_eq!(line.painted(false), "one  two 1 s");
        assert_eq!(line.clone().clipped(6).painted(false), "one  …");
        assert_eq!(line.clone().clipped(0).painted(false), "");
        assert_eq!(line.clipped(3).painted(true), "\x1b[32mon\x1b[0m\x1b[2m…\x1b[0m");
        assert_eq!(
            Line::of(Ink::Plain, "long text").ending_at(8, Ink::Dim, "1 s").painted(false),
            "lon… 1 s"
        );
    }
}
