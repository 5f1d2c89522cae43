//! The socket: silence is a timeout, its end is a lost connection, and neither is ever a success.

use std::time::Duration;

use contract::ports::host::{Host, HostChange, HostError, RouteQuestion};
use linux::LinuxHost;

use crate::place::{in_namespace, ip, on_own_thread, rule, runtime};

const UP: HostChange = HostChange::LinkUp { ifindex: 1 };

fn is_lost(error: &HostError) -> bool {
    matches!(error, HostError::ConnectionLost { .. })
}

#[test]
fn when_the_connection_is_gone_every_call_says_so() {
    on_own_thread(|| {
        let owner = runtime();
        let host = owner.block_on(async { LinuxHost::connect(Duration::from_secs(10)).unwrap() });
        assert_eq!(owner.block_on(host.apply(vec![UP])), (1, None));
        drop(owner);
        runtime().block_on(async {
            for _ in 0..2 {
                assert!(is_lost(&host.snapshot().await.unwrap_err()));
                let (done, error) = host.apply(vec![UP, UP]).await;
                assert!(done == 0 && is_lost(&error.unwrap()));
                let question = RouteQuestion { to: ip(1), from: None, in_by: None, mark: None };
                assert!(is_lost(&host.route(question).await.unwrap_err()));
            }
        });
    });
}

#[test]
fn a_call_under_way_when_the_connection_goes_is_lost_and_not_done() {
    on_own_thread(|| {
        let owner = runtime();
        let host = owner.block_on(async { LinuxHost::connect(Duration::from_secs(10)).unwrap() });
        runtime().block_on(async {
            let call = tokio::spawn(host.apply(vec![UP]));
            tokio::task::yield_now().await;
            assert!(!call.is_finished(), "nobody serves the socket");
            drop(host);
            tokio::task::spawn_blocking(move || drop(owner)).await.unwrap();
            let (done, error) = call.await.unwrap();
            assert!(done == 0 && is_lost(&error.unwrap()));
        });
    });
}

#[test]
fn a_kernel_that_does_not_answer_is_a_timeout() {
    on_own_thread(|| {
        let owner = runtime();
        let host = owner.block_on(async { LinuxHost::connect(Duration::from_millis(1500)).unwrap() });
        runtime().block_on(async {
            tokio::time::pause();
            let (done, error) = host.apply(vec![UP, UP]).await;
            let what = "bring link 1 up".to_owned();
            assert_eq!((done, error), (0, Some(HostError::Timeout { what, milliseconds: 1500 })));
        });
    });
}

#[test]
fn without_a_runtime_there_is_no_host_and_no_panic() {
    on_own_thread(|| {
        assert!(matches!(LinuxHost::connect(Duration::from_secs(1)), Err(HostError::Refused { .. })));
    });
}

#[test]
fn many_readings_of_much_at_once_are_all_whole() {
    in_namespace(|place| async move {
        // More than the kernel tells in one piece.
        for table in 2..=6 {
            for last in 1..=100 {
                place.apply([HostChange::AddRule(rule(1536, Some(last), None, None, table))]).await;
            }
        }
        let overviews = futures::future::join_all((0..16).map(|_| place.host.overview()));
        for overview in overviews.await {
            assert_eq!(overview.map(|seen| (seen.complete, seen.rules.len())), Ok((true, 503)));
        }
        let gone = (1..=20).map(|last| HostChange::RemoveRule(rule(1536, Some(last), None, None, 2)));
        let removals = futures::future::join_all(gone.map(|change| place.host.apply(vec![change])));
        assert!(removals.await.iter().all(|done| *done == (1, None)));
        assert_eq!(place.rules_at(1536).await.len(), 480);
    });
}
