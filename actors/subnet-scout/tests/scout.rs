//! SubnetScout's core, driven by hand: mail and answers in, actions out, and time that a test moves.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

use contract::causes::Cause;
use contract::mail::subnet_scout::{Place, SubnetMail};
use contract::model::{SubnetId, SubnetMark, SubnetView, VpcId};
use contract::ports::ec2::SubnetDescription;
use kernel::{Core, Event};
use std::time::Duration;
use subnet_scout::{ScoutAction, ScoutOutcome, SubnetScout};

fn place(zone: &str) -> Place {
    Place { vpc: VpcId::new("vpc-1"), availability_zone: zone.into(), primary: id("a") }
}

fn id(name: &str) -> SubnetId {
    SubnetId::new(format!("subnet-{name}"))
}

fn known(name: &str, free_addresses: u32) -> SubnetDescription {
    SubnetDescription { id: id(name), cidr: "10.0.0.0/24".parse().unwrap(), free_addresses, tags: Vec::new() }
}

fn full(name: &str) -> Cause {
    Cause::SubnetExhausted { subnet: id(name), detail: "no free addresses".into() }
}

fn throttled() -> Cause {
    Cause::Throttled { action: "DescribeSubnets" }
}

struct Desk {
    scout: SubnetScout,
    now: Duration,
    /// The listing under way.
    listing: Option<Place>,
    views: Vec<SubnetView>,
    wake_at: Option<Duration>,
}

impl Desk {
    fn new() -> Self {
        let mut desk = Self {
            scout: SubnetScout::default(),
            now: Duration::from_secs(1000),
            listing: None,
            views: Vec::new(),
            wake_at: None,
        };
        desk.plan();
        desk
    }

    /// It has listed subnets `a` and `b`.
    fn listed() -> Self {
        let mut desk = Self::new();
        desk.hear(SubnetMail::Place(place("1a")));
        desk.list_is(Ok(vec![known("a", 5), known("b", 9)]));
        desk
    }

    fn event(&mut self, event: Event<SubnetMail, ScoutOutcome>) {
        self.scout.apply(event, self.now);
        self.plan();
    }

    fn plan(&mut self) {
        let plan = self.scout.plan(self.now);
        for action in plan.actions {
            match action {
                ScoutAction::List(place) => assert_eq!(self.listing.replace(place), None, "two listings"),
                ScoutAction::Publish(view) => self.views.push(view),
            }
        }
        let again = self.scout.plan(self.now);
        assert!(again.actions.is_empty(), "a second plan at the same time: {:?}", again.actions);
        assert!(plan.wake_at.is_none_or(|at| at > self.now), "a wake in the past");
        self.wake_at = plan.wake_at;
    }

    fn hear(&mut self, mail: SubnetMail) {
        self.event(Event::Mail(mail));
    }

    fn no_room(&mut self, name: &str) {
        self.hear(SubnetMail::NoRoom { subnet: id(name), cause: full(name) });
    }

    fn list_is(&mut self, result: Result<Vec<SubnetDescription>, Cause>) {
        let place = self.listing.take().expect("a listing is under way");
        self.event(Event::Outcome(ScoutOutcome::Listed { place, result }));
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.wake_at.filter(|at| *at <= until) {
            self.now = at;
            self.event(Event::Wake);
        }
        self.now = until;
    }

    fn view(&self) -> &SubnetView {
        self.views.last().unwrap()
    }

    fn mark(&self, name: &str) -> Option<&SubnetMark> {
        self.view().mark(&id(name), self.now)
    }

    /// How long the mark on a subnet stands, by the published views alone.
    fn mark_lasts(&mut self, name: &str) -> u64 {
        let began = self.now;
        while self.mark(name).is_some() {
            self.pass(Duration::from_secs(1));
        }
        // The owner of the view has taken it off, rather than left it to stand expired.
        let shown = self.view().subnets.iter().find(|subnet| subnet.id == id(name));
        assert!(shown.is_none_or(|subnet| subnet.mark.is_none()));
        (self.now - began).as_secs()
    }
}

#[test]
fn nothing_is_asked_before_the_place_is_known() {
    let desk = Desk::new();
    assert_eq!(desk.listing, None);
    assert_eq!(desk.wake_at, None);
    assert_eq!(desk.views, [SubnetView::default()]);
}

#[test]
fn the_subnets_of_the_place_are_listed_once() {
    let mut desk = Desk::new();
    desk.hear(SubnetMail::Place(place("1a")));
    assert_eq!(desk.listing, Some(place("1a")));
    desk.hear(SubnetMail::Place(place("1a")));
    desk.list_is(Ok(vec![known("b", 9), known("a", 5)]));
    assert!(desk.view().complete);
    let shown: Vec<_> = desk.view().subnets.iter().map(|s| (s.id.clone(), s.free_addresses)).collect();
    assert_eq!(shown, [(id("a"), Some(5)), (id("b"), Some(9))]);
    desk.hear(SubnetMail::Place(place("1a")));
    desk.pass(Duration::from_secs(3600));
    assert_eq!(desk.listing, None);
}

#[test]
fn a_listing_that_failed_is_told_and_made_again_ever_later() {
    let mut desk = Desk::new();
    desk.hear(SubnetMail::Place(place("1a")));
    let mut pauses = Vec::new();
    for _ in 0..7 {
        desk.list_is(Err(throttled()));
        assert_eq!(desk.view().trouble, Some(throttled()));
        let began = desk.now;
        while desk.listing.is_none() {
            desk.pass(Duration::from_secs(1));
        }
        pauses.push((desk.now - began).as_secs());
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60]);
    desk.list_is(Ok(vec![known("a", 5)]));
    assert_eq!(desk.view().trouble, None);
    assert!(desk.view().complete);
}

#[test]
fn an_answer_about_another_place_is_not_believed() {
    for late in [Ok(vec![known("old", 1)]), Err(throttled())] {
        let mut desk = Desk::new();
        desk.hear(SubnetMail::Place(place("1a")));
        desk.hear(SubnetMail::Place(place("1b")));
        // One listing at a time; the answer about the old place is thrown away, and the new one is asked for at once.
        assert_eq!(desk.listing, Some(place("1a")));
        desk.list_is(late);
        assert!(!desk.view().complete && desk.view().subnets.is_empty());
        assert_eq!(desk.view().trouble, None);
        assert_eq!(desk.listing, Some(place("1b")));
        desk.list_is(Ok(vec![known("new", 1)]));
        assert_eq!(desk.view().subnets[0].id, id("new"));
    }
}

#[test]
fn a_new_place_is_asked_for_at_once_though_the_old_one_failed() {
    let mut desk = Desk::new();
    desk.hear(SubnetMail::Place(place("1a")));
    desk.list_is(Err(throttled()));
    desk.hear(SubnetMail::Place(place("1b")));
    assert_eq!(desk.listing, Some(place("1b")));
    assert_eq!(desk.view().trouble, None);
}

#[test]
fn a_subnet_without_room_is_marked_alone_and_each_failure_in_a_row_marks_it_longer() {
    let mut desk = Desk::listed();
    for seconds in [15, 30, 60, 60] {
        desk.no_room("a");
        assert_eq!(desk.mark("a").unwrap().cause, full("a"));
        assert_eq!(desk.mark("b"), None);
        assert_eq!(desk.mark_lasts("a"), seconds);
    }
}

#[test]
fn what_is_heard_of_a_marked_subnet_is_the_same_failure() {
    let mut desk = Desk::listed();
    desk.no_room("a");
    desk.pass(Duration::from_secs(5));
    desk.no_room("a");
    desk.no_room("a");
    assert_eq!(desk.mark("a").unwrap().failures, 1);
    assert_eq!(desk.mark_lasts("a"), 10);
}

#[test]
fn an_allocation_that_worked_takes_the_mark_and_its_memory_away() {
    let mut desk = Desk::listed();
    desk.no_room("a");
    desk.mark_lasts("a");
    desk.no_room("a");
    desk.no_room("b");
    desk.hear(SubnetMail::Room { subnet: id("a") });
    assert_eq!(desk.mark("a"), None);
    assert!(desk.mark("b").is_some());
    desk.no_room("a");
    assert_eq!(desk.mark_lasts("a"), 15);
}

#[test]
fn a_subnet_known_only_from_an_error_is_shown_while_it_is_marked() {
    let mut desk = Desk::new();
    desk.no_room("x");
    assert_eq!(desk.view().subnets.len(), 1);
    assert_eq!(desk.view().subnets[0].cidr, None);
    assert!(!desk.view().complete);
    desk.pass(Duration::from_secs(15));
    assert!(desk.view().subnets.is_empty());
}

#[test]
fn a_mark_outlives_the_listing() {
    let mut desk = Desk::new();
    desk.hear(SubnetMail::Place(place("1a")));
    desk.no_room("a");
    desk.list_is(Ok(vec![known("a", 5)]));
    assert!(desk.mark("a").is_some());
    assert_eq!(desk.view().subnets[0].free_addresses, Some(5));
}

#[test]
fn a_view_is_published_only_when_it_says_something_new() {
    let mut desk = Desk::listed();
    let published = desk.views.len();
    desk.hear(SubnetMail::Room { subnet: id("a") });
    desk.hear(SubnetMail::Place(place("1a")));
    desk.event(Event::Wake);
    desk.pass(Duration::from_secs(600));
    assert_eq!(desk.views.len(), published);
    desk.no_room("a");
    desk.pass(Duration::from_secs(600));
    // Marked, and no longer marked.
    assert_eq!(desk.views.len(), published + 2);
}
