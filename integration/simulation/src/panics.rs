//! Panics of everything that runs on this thread: tokio keeps those of tasks to itself. One that was ordered unwinds without a
//! word and is not heard here.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static HEARD: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Forgets what was heard, and listens from now on.
pub(crate) fn listen() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            HEARD.with_borrow_mut(|heard| {
                heard.get_or_insert_with(|| panic.to_string());
            });
            earlier(panic);
        }));
    });
    HEARD.with_borrow_mut(|heard| *heard = None);
}

/// The first panic since then.
pub(crate) fn heard() -> Option<String> {
    HEARD.with_borrow(Clone::clone)
}
