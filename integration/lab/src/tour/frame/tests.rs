//! What the picture looks like, and that it fits whatever terminal there is.

use super::*;
use crate::probe::Probed;
use crate::tour::examples::{node, picture, step};
use crate::vantage::Sight;
use proptest::prelude::*;

/// The middle of a tour.
fn middle() -> Picture {
    use Slot::{Cooling, Free, Moving, Pod};
    let mut picture =
        picture(&["two nodes start", "pods need a second ENI", "the daemon is killed", "pods go"]);
    let mut one = node("node-1", &[&[Pod; 9], &[Pod, Pod, Moving, Cooling, Free, Free]]);
    let mut two = node("node-2", &[&[Free; 3], &[]]);
    two.enis[1].on_its_way = Some("attaching");
    let trouble = Some("CreateNetworkInterface was throttled".to_owned());
    two.daemon = Daemon::Says(DaemonSight { ready: true, waiting: 3, trouble, restarts: 0 });
    let calls = [
        ("AssignPrivateIpAddresses", 2),
        ("AttachNetworkInterface", 1),
        ("CreateNetworkInterface", 1),
        ("DescribeNetworkInterfaces", 4),
        ("DescribeSubnets", 2),
    ];
    let calls = calls.map(|(action, count)| (action.to_owned(), count)).into();
    let traffic = Probed { sent: 1204, answered: 1203 };
    picture.sees(Sight { nodes: vec![one.clone(), two.clone()], calls, traffic });
    one.lives = 2;
    one.daemon = Daemon::Absent;
    let sight = Sight { nodes: vec![one, two], ..picture.sight.clone() };
    picture.sees(sight);
    picture.begins("start", true);
    picture.ended(&step("2 nodes ready, the slowest in 71 ms", true));
    picture.begins("burst", true);
    picture.ended(&step("12 of 12 pods web-… after 3012 ms at most", true));
    picture.begins("restart", true);
    picture
}

fn plain(picture: &Picture, columns: usize, rows: usize) -> String {
    let lines = frame(picture, Size { columns, rows });
    lines.iter().map(|line| line.painted(false) + "\n").collect()
}

#[test]
fn the_whole_picture_fits_a_usual_terminal() {
    let expected = "\
enid on two nodes of a simulated region                                   12.3 s

node-1  10.0.0.4    no daemon 11 pods  0 waiting   restarts: actors 0, daemon 1
  eth0  eni-0c3ef741ab75086e0  10.0.0.4      ●●●●●●●●●  9 pods
  eth1  eni-0c3ef741ab75086e1  10.0.0.4      ●●◐◌○○  2 pods  1 on their way  1 …
node-2  10.0.0.4    ready     0 pods   3 waiting
  eth0  eni-0c3ef741ab75086e0  10.0.0.4      ○○○  3 free
  eth1  eni-0c3ef741ab75086e1  10.0.0.4      attaching
  says: CreateNetworkInterface was throttled

EC2     AssignPrivateIpAddresses 2  AttachNetworkInterface 1
        CreateNetworkInterface 1  Describe… 6
packets 1204 sent, 1203 answered

✓ two nodes start                                                          1.2 s
    2 nodes ready, the slowest in 71 ms
✓ pods need a second ENI                                                   1.2 s
    12 of 12 pods web-… after 3012 ms at most
▸ the daemon is killed
    restart …
  pods go
";
    assert_eq!(plain(&middle(), 80, 24), expected);
}

#[test]
fn a_low_terminal_shows_the_open_chapter_and_a_broad_one_everything() {
    let low = plain(&middle(), 80, 16);
    assert!(low.ends_with("▸ the daemon is killed\n  pods go\n"), "{low}");
    assert!(plain(&middle(), 200, 50).contains("2 pods  1 on their way  1 cooling  2 free\n"));
}

proptest! {
    #[test]
    fn no_line_is_wider_and_no_picture_higher_than_the_terminal(columns in 1_usize..200, rows in 1_usize..60) {
        let lines = frame(&middle(), Size { columns, rows });
        prop_assert!(lines.len() <= rows);
        for line in lines {
            prop_assert!(line.width() <= columns, "{} > {columns}: {line:?}", line.width());
        }
    }
}
