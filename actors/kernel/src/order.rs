//! Orders to harm a child on purpose, by name: how a whole node is shown to survive its rooms. An order does what a bad handler, a
//! stuck call or a lost connection would do, and what follows takes the paths that their deaths take. A tree that nobody may
//! give orders to has none of this.

use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Orders that may wait for the loop; who gives one waits for its answer.
const ORDERS_MAX: usize = 8;

/// What a child is to suffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It panics at once, as over a hint.
    Panic,
    /// It panics over whatever it takes in next: over a question or a snapshot, that is the death such mail causes.
    PanicNext,
    /// Its handler blocks for so long, or until the incarnation is over.
    Stall(Duration),
    /// It keeps itself busy with mail to itself for so long, or until the incarnation is over.
    Flood(Duration),
    /// Its effects are carried out from now on, and never come to an outcome.
    StallEffects,
    /// An effect finds its connection broken for good.
    Break,
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Nobody has that name.
    #[error("there is no child {child}; there are: {}", known.join(", "))]
    UnknownChild {
        /// The name.
        child: String,
        /// All there are.
        known: Vec<&'static str>,
    },
    /// Between two lives, parked or stopped.
    #[error("{child} does not run: it is {state}")]
    NotRunning {
        /// The child.
        child: &'static str,
        /// Where it is.
        state: &'static str,
    },
    /// On the one runtime, time would stand still for everybody.
    #[error("only a child with a thread of its own can flood itself")]
    NeedsThread,
    /// Nobody listens any more.
    #[error("the tree has ended")]
    Ended,
}

/// Gives orders to the children of one tree.
#[derive(Debug, Clone)]
pub struct Orders {
    sender: mpsc::Sender<Given>,
}

/// Where a tree takes its orders from.
#[derive(Debug)]
pub struct OrderBook {
    receiver: mpsc::Receiver<Given>,
}

/// An order on its way.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) child: String,
    pub(crate) order: Order,
    pub(crate) answer: oneshot::Sender<Result<(), OrderError>>,
}

/// Both ends, for [`Tree::take_orders_from`](crate::Tree::take_orders_from).
#[must_use]
pub fn orders() -> (Orders, OrderBook) {
    let (sender, receiver) = mpsc::channel(ORDERS_MAX);
    (Orders { sender }, OrderBook { receiver })
}

impl Orders {
    /// Gives an order. It is in the child's mailbox when this returns.
    ///
    /// # Errors
    /// See [`OrderError`].
    pub async fn give(&self, child: &str, order: Order) -> Result<(), OrderError> {
        let (answer, answered) = oneshot::channel();
        let given = Given { child: child.to_owned(), order, answer };
        self.sender.send(given).await.map_err(|_| OrderError::Ended)?;
        answered.await.unwrap_or(Err(OrderError::Ended))
    }
}

impl OrderBook {
    /// The next order; never, if there will be none.
    pub(crate) async fn next(book: Option<&mut Self>) -> Option<Given> {
        match book {
            Some(book) => book.receiver.recv().await,
            None => std::future::pending().await,
        }
    }
}
