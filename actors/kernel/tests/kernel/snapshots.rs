//! Snapshots: the latest wins, and every life begins with the newest.

use kernel::{Policy, Publisher};

use crate::puppet::Say;
use crate::stage::{Journal, Stage, hello, in_virtual_time, puppet, seconds};

#[test]
fn of_many_snapshots_the_latest_arrives_and_none_arrives_twice() {
    in_virtual_time(async {
        let mut journal = Journal::new();
        let board = Publisher::new();
        let (link, spec) = puppet("reader", Policy::default(), &journal);
        let _stage = Stage::virtual_time(|tree| tree.add(spec.follow(board.subscribe(), Say::Note)));
        hello(&link).await.unwrap();
        for number in 0..=100 {
            board.publish(number);
        }
        journal.until("1: note 100").await;
        tokio::time::sleep(seconds(10)).await;
        let notes = journal.words().iter().filter(|line| line.contains("note")).count();
        assert_eq!(notes, 1, "{:?}", journal.lines);
        board.publish(101);
        journal.until("1: note 101").await;
    });
}

#[test]
fn every_life_begins_with_the_newest_ahead_of_all_other_mail() {
    in_virtual_time(async {
        let mut journal = Journal::new();
        let (numbers, others) = (Publisher::new(), Publisher::new());
        let (link, spec) = puppet("reader", Policy::default(), &journal);
        let spec = spec
            .follow(numbers.subscribe(), Say::Note)
            .follow(others.subscribe(), |number: u64| Say::Note(number + 1000));
        numbers.publish(1);
        let _stage = Stage::virtual_time(|tree| tree.add(spec));
        assert_eq!(hello(&link).await.unwrap().mail, 2);
        others.publish(1);
        journal.until("1: note 1001").await;
        numbers.publish(2);
        journal.until("1: note 2").await;
        link.tell(Say::Poison).unwrap();
        let answer = hello(&link).await.unwrap();
        assert_eq!((answer.incarnation, answer.mail), (2, 3));
        let words = journal.words();
        let tail = &words[words.len() - 3..];
        assert_eq!(tail, ["2: note 2", "2: note 1001", "2: hello"]);
    });
}

#[test]
fn who_follows_a_publisher_that_is_gone_lives_on() {
    in_virtual_time(async {
        let journal = Journal::new();
        let (link, spec) = puppet("reader", Policy::default(), &journal);
        let board = Publisher::new();
        board.publish(1);
        let spec = spec.follow(board.subscribe(), Say::Note);
        drop(board);
        let mut stage = Stage::virtual_time(|tree| tree.add(spec));
        tokio::time::sleep(seconds(20)).await;
        assert_eq!(hello(&link).await.unwrap().mail, 2);
        assert_eq!(stage.now().await.deaths, []);
    });
}

#[test]
fn a_reader_gets_the_newest_and_waits_only_for_newer_ones() {
    in_virtual_time(async {
        let board = Publisher::default();
        let mut reader = board.subscribe();
        assert_eq!(reader.latest(), None);
        board.publish(1);
        board.publish(2);
        assert_eq!((reader.latest(), reader.next().await), (Some(2), Some(2)));
        let waits = tokio::time::timeout(seconds(1), reader.changed()).await;
        assert!(waits.is_err(), "nothing newer was published");
        board.publish(3);
        assert!(reader.changed().await);
        drop(board);
        assert_eq!(reader.next().await, Some(3));
        let other = Publisher::<u64>::new();
        let mut waits = other.subscribe();
        let told = tokio::spawn(async move { (waits.next().await, waits.changed().await) });
        tokio::task::yield_now().await;
        drop(other);
        assert_eq!(told.await.unwrap(), (None, false), "who waits is told");
        assert!(!reader.changed().await);
    });
}
