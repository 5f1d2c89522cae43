//! The socket: silence is a timeout, its end is a lost connection, and neither is ever a success.

use std::time::Duration;

use contract::ports::host::{Host, HostChange, HostError, RouteQuestion};
use linux::LinuxHost;

use crate::place::{ip, on_own_thread, runtime};

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
