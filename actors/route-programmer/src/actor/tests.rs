//! The hands: what a port's answer becomes.

use super::*;
use crate::bench::block_on;
use contract::model::TableId;
use contract::ports::host::{HostEvent, HostSnapshot, Link, NftTable, Route, RouteAnswer};
use std::net::Ipv4Addr;
use tokio::sync::mpsc;

/// A host that answers everything with one error, or with success.
struct Canned(Option<HostError>);

impl Canned {
    fn answer<T: Send + 'static>(&self, fine: T) -> BoxFuture<'static, Result<T, HostError>> {
        ready(self.0.clone().map_or(Ok(fine), Err)).boxed()
    }
}

impl Host for Canned {
    fn snapshot(&self) -> BoxFuture<'static, Result<HostSnapshot, HostError>> {
        self.answer(HostSnapshot::default())
    }

    fn overview(&self) -> BoxFuture<'static, Result<HostSnapshot, HostError>> {
        self.answer(HostSnapshot::default())
    }

    fn link(&self, _: u32) -> BoxFuture<'static, Result<Option<Link>, HostError>> {
        self.answer(None)
    }

    fn news(&self, _: &'static str, _: Duration) -> BoxFuture<'static, Result<Vec<HostEvent>, HostError>> {
        self.answer(vec![HostEvent::LinkGone(7)])
    }

    fn apply(&self, changes: Vec<HostChange>) -> BoxFuture<'static, (usize, Option<HostError>)> {
        let done = if self.0.is_some() { 0 } else { changes.len() };
        ready((done, self.0.clone())).boxed()
    }

    fn route(&self, _: RouteQuestion) -> BoxFuture<'static, Result<Option<RouteAnswer>, HostError>> {
        self.answer(Some(RouteAnswer { out_by: 7, via: None, table: TableId::MAIN }))
    }

    fn replace_nft_table(&self, _: NftTable) -> BoxFuture<'static, Result<(), HostError>> {
        self.answer(())
    }

    fn read_nft_table(
        &self,
        _: &'static str,
        _: &'static str,
    ) -> BoxFuture<'static, Result<Option<Vec<String>>, HostError>> {
        self.answer(None)
    }
}

fn hands(error: Option<HostError>) -> RoutePerformer {
    RoutePerformer::new(Arc::new(Canned(error)), Arc::new(|_| {}))
}

fn one_change() -> RouteAction {
    let to = Ipv4Addr::new(10, 0, 0, 9);
    let route = Route { table: TableId::MAIN, to, prefix_length: 32, via: None, ifindex: 7 };
    RouteAction::Program {
        target: Target::Job(1),
        changes: vec![HostChange::PutRoute(route)],
        questions: vec![RouteQuestion { to, from: None, in_by: None, mark: None }],
    }
}

#[test]
fn a_lost_connection_breaks_the_incarnation_and_a_timeout_is_an_outcome() {
    let lost = HostError::ConnectionLost { detail: "socket closed".into() };
    for action in [
        RouteAction::Read { number: 2, pods: true },
        RouteAction::Read { number: 3, pods: false },
        one_change(),
    ] {
        let broken = block_on(hands(Some(lost.clone())).perform(action)).unwrap_err();
        assert_eq!(broken.reason, "socket closed");
    }
    let late = HostError::Timeout { what: "put route".into(), milliseconds: 5000 };
    let outcome = block_on(hands(Some(late.clone())).perform(one_change())).unwrap().unwrap();
    let RouteOutcome::Programmed { done: 0, stopped, answers, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(stopped, Some(late));
    assert!(answers.is_empty());
}

#[test]
fn questions_are_asked_once_the_changes_are_made() {
    let outcome = block_on(hands(None).perform(one_change())).unwrap().unwrap();
    let RouteOutcome::Programmed { done: 1, stopped: None, answers, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(answers, [Ok(Some(RouteAnswer { out_by: 7, via: None, table: TableId::MAIN }))]);
}

#[test]
fn views_go_to_the_one_who_publishes_them() {
    let (sent, mut heard) = mpsc::unbounded_channel();
    let publish = Arc::new(move |view| drop(sent.send(view)));
    let hands = RoutePerformer::new(Arc::new(Canned(None)), publish);
    let view = HostView { read: true, enis_ready: 3, trouble: None, changes: 9 };
    assert!(block_on(hands.perform(RouteAction::Publish(view.clone()))).unwrap().is_none());
    assert_eq!(heard.try_recv(), Ok(view));
}
