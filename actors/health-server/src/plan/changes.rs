//! What is different between two pictures, for the log: a trouble is told when it begins and when it is over, not while it
//! lasts. Pure.

use super::{Picture, Reason};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// The node can serve pods from now on.
    Ready,
    /// It cannot, for this reason.
    NotReady(Reason),
    /// Something is wrong, and pods are served all the same.
    Degraded(Reason),
    /// It is wrong no more.
    Over(Reason),
}

/// The changes from one picture to the next. A trouble is known by its room and cause: its words carry numbers that change
/// while it lasts.
pub(crate) fn changes(old: &Picture, new: &Picture) -> Vec<Change> {
    // Before the first picture nothing was told.
    let nothing = Picture { reasons: Vec::new(), ..Picture::unknown() };
    let old = if *old == Picture::unknown() { &nothing } else { old };
    let missing = |from: &[Reason], reason: &&Reason| {
        !from.iter().any(|known| (known.room, known.label) == (reason.room, reason.label))
    };
    let not_ready = new.reasons.iter().filter(|reason| missing(&old.reasons, reason));
    let degraded = new.degraded.iter().filter(|reason| missing(&old.degraded, reason));
    let here = |reason: &&Reason| missing(&new.reasons, reason) && missing(&new.degraded, reason);
    // That the node is ready says of every reason against it that it is over.
    let against: &[Reason] = if new.ready { &[] } else { &old.reasons };
    let over = against.iter().chain(&old.degraded).filter(here);
    let mut found: Vec<Change> = not_ready.cloned().map(Change::NotReady).collect();
    found.extend(degraded.cloned().map(Change::Degraded));
    found.extend(over.cloned().map(Change::Over));
    if new.ready && !old.ready {
        found.push(Change::Ready);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(label: &'static str, text: &str) -> Reason {
        Reason { room: "eni-manager", label, text: text.to_owned() }
    }

    fn picture(reasons: Vec<Reason>, degraded: Vec<Reason>) -> Picture {
        Picture { ready: reasons.is_empty(), reasons, degraded, ..Picture::unknown() }
    }

    #[test]
    fn a_trouble_is_told_when_it_begins_and_when_it_is_over_and_not_while_it_lasts() {
        let well = picture(vec![], vec![]);
        let ill = picture(vec![], vec![reason("Throttled", "once")]);
        let ill_still = picture(vec![], vec![reason("Throttled", "twice")]);
        assert_eq!(changes(&well, &ill), [Change::Degraded(reason("Throttled", "once"))]);
        assert_eq!(changes(&ill, &ill_still), []);
        assert_eq!(changes(&ill_still, &well), [Change::Over(reason("Throttled", "twice"))]);
    }

    #[test]
    fn a_node_that_comes_up_says_so_and_one_that_cannot_serve_says_why() {
        let closed = picture(vec![reason("RoomUnavailable", "closed")], vec![]);
        let well = picture(vec![], vec![]);
        assert_eq!(changes(&closed, &well), [Change::Ready]);
        assert_eq!(changes(&well, &closed), [Change::NotReady(reason("RoomUnavailable", "closed"))]);
    }

    #[test]
    fn the_first_picture_ends_nothing() {
        let closed = picture(vec![reason("RoomUnavailable", "closed")], vec![]);
        assert_eq!(
            changes(&Picture::unknown(), &closed),
            [Change::NotReady(reason("RoomUnavailable", "closed"))]
        );
        assert_eq!(changes(&Picture::unknown(), &picture(vec![], vec![])), [Change::Ready]);
    }

    #[test]
    fn what_only_turns_from_fatal_to_bearable_is_not_over() {
        let closed = picture(vec![reason("ImdsUnavailable", "x")], vec![]);
        let open = picture(vec![], vec![reason("ImdsUnavailable", "x")]);
        assert_eq!(
            changes(&closed, &open),
            [Change::Degraded(reason("ImdsUnavailable", "x")), Change::Ready]
        );
    }
}
