//! Pictures for the tests of this room.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::picture::{Chapter, Picture, State};
use crate::report::StepReport;
use crate::vantage::{DaemonSight, EniSight, NodeSight, Slot};

/// A tour with these chapters, none of them begun.
pub(crate) fn picture(titles: &[&str]) -> Picture {
    let chapter = |title: &&str| Chapter {
        title: (*title).to_owned(),
        state: State::Ahead,
        outcome: String::new(),
        milliseconds: 0,
    };
    Picture {
        summary: "enid on two nodes of a simulated region".to_owned(),
        elapsed: Duration::from_millis(12_345),
        chapters: titles.iter().map(chapter).collect(),
        ..Picture::default()
    }
}

pub(crate) fn step(outcome: &str, holds: bool) -> StepReport {
    StepReport {
        number: 1,
        line: 1,
        chapter: String::new(),
        step: "step".to_owned(),
        holds,
        outcome: outcome.to_owned(),
        milliseconds: 1234,
    }
}

/// A node that is well, with an ENI for each list of slots.
pub(crate) fn node(name: &str, enis: &[&[Slot]]) -> NodeSight {
    let eni = |(slots, device): (&&[Slot], u32)| EniSight {
        id: format!("eni-0c3ef741ab75086e{device}"),
        device,
        primary: Ipv4Addr::new(10, 0, 0, 4),
        on_its_way: None,
        slots: slots.to_vec(),
    };
    NodeSight {
        name: name.to_owned(),
        address: Ipv4Addr::new(10, 0, 0, 4),
        lives: 1,
        daemon: Some(DaemonSight { ready: true, ..DaemonSight::default() }),
        enis: enis.iter().zip(0..).map(eni).collect(),
    }
}
