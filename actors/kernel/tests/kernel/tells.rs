//! A hint never waits; one that is not delivered is refused and counted.

use kernel::{Broken, Policy, Seat, TellError};
use std::sync::Arc;
use tokio::sync::mpsc;

use crate::puppet::{Say, work};
use crate::stage::{Journal, Opening, Stage, hello, in_virtual_time, puppet_that, seconds, solo};

#[test]
fn hints_beyond_the_bound_are_refused_and_counted_and_the_others_arrive_in_order() {
    in_virtual_time(async {
        let (mut stage, link, mut journal) = solo(Policy { mailbox: 10, ..Policy::default() });
        hello(&link).await.unwrap();
        let refused: Vec<_> =
            (0..25).filter_map(|number| link.clone().tell(Say::Note(number)).err()).collect();
        assert_eq!(refused, [TellError::Overloaded; 15]);
        journal.until("1: note 9").await;
        let expected: Vec<_> = (0..10).map(|number| format!("1: note {number}")).collect();
        let words = journal.words();
        assert_eq!(words[words.len() - 10..], expected);
        assert_eq!(stage.now().await.dropped_hints, 15);
    });
}

#[test]
fn a_hint_to_one_who_is_not_there_is_refused_and_counted() {
    in_virtual_time(async {
        let (mut stage, link, mut journal) = solo(Policy::default());
        assert_eq!(link.tell(Say::Note(1)), Err(TellError::Unavailable));
        hello(&link).await.unwrap();
        assert_eq!(stage.now().await.dropped_hints, 1);
        stage.close().await;
        assert_eq!(link.tell(Say::Note(2)), Err(TellError::Unavailable));
        assert!(!journal.words().iter().any(|line| line.contains("note")));
    });
}

#[test]
fn a_hint_to_one_who_is_dying_is_refused_and_counted() {
    in_virtual_time(async {
        let journal = Journal::new();
        let (fences, mut given) = mpsc::unbounded_channel();
        let opening: Opening = Arc::new(move |seat: Seat| {
            let _ = fences.send(seat.fence);
            Box::pin(async { Ok(()) })
        });
        let (link, spec) = puppet_that("dying", Policy::default(), &journal, opening);
        let mut stage = Stage::virtual_time(|tree| tree.add(spec));
        let fence = given.recv().await.unwrap();
        let late = link.clone();
        // In line before the room itself: it speaks when the death is certain and the mailbox still there.
        let teller = tokio::spawn(async move {
            fence.revoked().await;
            late.tell(Say::Note(7))
        });
        hello(&link).await.unwrap();
        let breaking = work(|| async { Err(Broken { reason: "gone".into() }) });
        link.tell(Say::Run { timeout: seconds(1), work: breaking }).unwrap();
        assert_eq!(teller.await.unwrap(), Err(TellError::Unavailable));
        assert_eq!(stage.now().await.dropped_hints, 1);
    });
}
