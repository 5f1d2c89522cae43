//! The terminal: is there one, how large is it, and lines written to it in place. It asks nothing of the keyboard, so that the
//! terminal stays as it is but for its other page and the cursor; both come back at the end, in a panic, and on Ctrl-C.

use rustix::termios::{isatty, tcgetwinsize};
use std::io::Write;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use super::frame::Size;
use super::line::Line;

/// The other page, emptied, without a cursor; and back. (xterm's private modes 1049 and 25.)
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// A terminal that does not tell its size is as large as the first ones were.
const USUAL: Size = Size { columns: 80, rows: 24 };

/// Is the terminal on its other page now?
static ENTERED: AtomicBool = AtomicBool::new(false);

/// A panic shows its words on the page that stays.
static HOOK: Once = Once::new();

/// The terminal on its other page, until this is dropped.
#[derive(Debug)]
pub(crate) struct Screen {
    colours: bool,
}

impl Screen {
    /// Turns the terminal to its other page; `None` where stdout is no terminal that could.
    pub(crate) fn enter(terminal: Option<&str>, colours: bool) -> Option<Self> {
        if !isatty(std::io::stdout()) || matches!(terminal, None | Some("" | "dumb")) {
            return None;
        }
        HOOK.call_once(|| {
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                leave();
                usual(panic);
            }));
        });
        ENTERED.store(true, Ordering::Relaxed);
        write(ENTER);
        Some(Self { colours })
    }

    /// Writes lines over those that stand there.
    pub(crate) fn draw(&self, lines: &[Line]) {
        if !ENTERED.load(Ordering::Relaxed) {
            return;
        }
        let lines: Vec<String> = lines.iter().map(|line| line.painted(self.colours)).collect();
        // Home; each line with what is left of an older one erased; and all below.
        write(&format!("\x1b[H{}\x1b[K\x1b[J", lines.join("\x1b[K\r\n")));
    }

    /// How large it is now: asked anew for each picture, so that a change needs no signal.
    pub(crate) fn size(&self) -> Size {
        match tcgetwinsize(std::io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                Size { columns: usize::from(size.ws_col), rows: usize::from(size.ws_row) }
            }
            _ => USUAL,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Turns the terminal back, once.
fn leave() {
    if ENTERED.swap(false, Ordering::Relaxed) {
        write(LEAVE);
    }
}

/// A terminal that is gone does not stop the tour.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
