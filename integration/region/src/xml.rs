//! EC2's XML, written by hand: elements, lists of `<item>`, escaped text. It knows no action.

use std::fmt::Display;

/// The namespace of every answer.
const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// A growing piece of XML.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

/// The answer to an action that was done.
pub(crate) fn response(action: &str, request_id: &str, members: &str) -> String {
    format!(
        "{DECLARATION}<{action}Response xmlns=\"{NAMESPACE}\"><requestId>{request_id}</requestId>{members}</{action}Response>"
    )
}

/// The answer to an action that was refused.
pub(crate) fn error(code: &str, message: &str, request_id: &str) -> String {
    let (code, message) = (escaped(code), escaped(message));
    format!(
        "{DECLARATION}<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>"
    )
}

/// Element text that XML can carry: markup as entities (quotes are none here, and EC2 leaves them), what it cannot carry at all
/// as U+FFFD.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A bare CR would come back from a parser as LF.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(character),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(character),
        }
    }
    out
}

// === impl Xml ===

impl Xml {
    /// What `write` writes, alone.
    pub(crate) fn of(write: impl FnOnce(&mut Self)) -> String {
        let mut xml = Self::default();
        write(&mut xml);
        xml.0
    }

    /// What was written.
    pub(crate) fn done(self) -> String {
        self.0
    }

    /// An element with a text.
    pub(crate) fn leaf(&mut self, name: &str, text: impl Display) {
        let text = escaped(&text.to_string());
        self.element(name, &text);
    }

    /// An element with a text, if there is one.
    pub(crate) fn maybe(&mut self, name: &str, text: Option<impl Display>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// An element with elements.
    pub(crate) fn node(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        let inner = Self::of(write);
        self.element(name, &inner);
    }

    /// A list: one `<item>` each.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        write: impl Fn(&mut Self, T),
    ) {
        self.node(name, |xml| {
            for item in items {
                xml.node("item", |xml| write(xml, item));
            }
        });
    }

    /// A list of texts.
    pub(crate) fn texts<T: Display>(&mut self, name: &str, items: impl IntoIterator<Item = T>) {
        self.node(name, |xml| {
            for item in items {
                xml.leaf("item", item);
            }
        });
    }

    /// A list of nothing.
    pub(crate) fn empty_list(&mut self, name: &str) {
        self.element(name, "");
    }

    fn element(&mut self, name: &str, inner: &str) {
        if inner.is_empty() {
            self.0.push_str(&format!("<{name}/>"));
        } else {
            self.0.push_str(&format!("<{name}>{inner}</{name}>"));
        }
    }
}
