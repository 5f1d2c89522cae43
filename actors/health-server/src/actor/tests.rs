//! The hands: real sockets on loopback.

use super::*;
use crate::plan::{Picture, picture};
use crate::sample::well;
use tokio::net::TcpStream;

fn hands(board: &HealthBoard) -> HealthPerformer {
    HealthPerformer::new(board.clone(), Arc::new(|| true))
}

async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn outcome(hands: &HealthPerformer, bind: SocketAddr) -> Result<(), String> {
    let HealthOutcome::Served(result) = hands.perform(HealthAction::Serve(bind)).await.unwrap().unwrap();
    result
}

#[tokio::test]
async fn an_address_in_use_is_an_outcome() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let said = outcome(&hands(&HealthBoard::new()), taken.local_addr().unwrap()).await;
    assert!(said.unwrap_err().contains("in use"));
}

#[tokio::test]
async fn the_next_incarnation_gets_the_address_of_the_one_before() {
    let (board, bind) = (HealthBoard::new(), free_address().await);
    let first = hands(&board);
    assert_eq!(outcome(&first, bind).await, Ok(()));
    assert!(TcpStream::connect(bind).await.is_ok());
    drop(first);
    let second = hands(&board);
    let mut attempts = 0;
    while outcome(&second, bind).await.is_err() {
        attempts += 1;
        assert!(attempts < 100, "the address is never free again");
        tokio::task::yield_now().await;
    }
    assert!(TcpStream::connect(bind).await.is_ok());
}

#[test]
fn the_ready_flag_follows_the_pictures_and_changes_only_when_it_changes() {
    let board = HealthBoard::new();
    let (mut ready, hands) = (board.ready(), hands(&board));
    assert!(!*ready.borrow_and_update());
    let show = |shown: Picture| assert!(hands.perform_now(HealthAction::Show(Box::new(shown))).is_none());
    show(picture(&well(), "1", Duration::ZERO));
    assert!(ready.has_changed().unwrap() && *ready.borrow_and_update());
    show(picture(&well(), "1", Duration::from_secs(1)));
    assert!(!ready.has_changed().unwrap());
    assert_eq!(board.pictures().borrow().since, Duration::from_secs(1));
    show(Picture::unknown());
    assert!(!*ready.borrow_and_update());
}
