//! A hint never waits; one that is not delivered is refused and counted.

use kernel::{Policy, TellError};

use crate::puppet::Say;
use crate::stage::{hello, in_virtual_time, solo};

#[test]
fn hints_beyond_the_bound_are_refused_and_counted_and_the_others_arrive_in_order() {
    in_virtual_time(async {
        let (mut stage, link, mut journal) = solo(Policy {
            mailbox: 10,
            ..Policy::default()
        });
        hello(&link).await.unwrap();
        let refused: Vec<_> = (0..25)
            .filter_map(|number| link.clone().tell(Say::Note(number)).err())
            .collect();
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
        let (mut stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let (during, told) = (link.clone(), tokio::sync::oneshot::channel());
        let (say, heard) = told;
        // Dropped while the panic unwinds is too early: the deed runs when its effect is dropped, after the verdict is known.
        struct Late(
            kernel::Link<Say>,
            Option<tokio::sync::oneshot::Sender<Result<(), TellError>>>,
        );
        impl Drop for Late {
            fn drop(&mut self) {
                if let Some(say) = self.1.take() {
                    let _ = say.send(self.0.tell(Say::Note(7)));
                }
            }
        }
        let late = Late(during, Some(say));
        let kept = crate::puppet::work(move || async move {
            let _late = late;
            std::future::pending().await
        });
        link.tell(Say::Run {
            timeout: crate::stage::seconds(99),
            work: kept,
        })
        .unwrap();
        stage.until(|vitals| vitals.in_flight == 1).await;
        link.tell(Say::Poison).unwrap();
        assert_eq!(heard.await.unwrap(), Err(TellError::Unavailable));
        assert_eq!(stage.now().await.dropped_hints, 1);
        assert!(!journal.words().iter().any(|line| line.contains("note")));
    });
}
