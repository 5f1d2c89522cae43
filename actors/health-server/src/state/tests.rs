//! The room turned by hand.

use super::*;
use crate::sample::*;

fn config() -> HealthConfig {
    HealthConfig {
        bind: "127.0.0.1:61678".parse().unwrap(),
        version: "1.2.3".into(),
        gaps: vec!["no policies".into()],
    }
}

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(1_000_000 + milliseconds)
}

fn tell(room: &mut HealthServer, facts: Facts) {
    facts.enis.into_iter().for_each(|view| room.hear(HealthMail::Enis(view)));
    facts.leases.into_iter().for_each(|view| room.hear(HealthMail::Leases(view)));
    facts.subnets.into_iter().for_each(|view| room.hear(HealthMail::Subnets(view)));
    facts.host.into_iter().for_each(|view| room.hear(HealthMail::Host(view)));
    facts.front.into_iter().for_each(|view| room.hear(HealthMail::Front(view)));
    facts.children.into_iter().for_each(|view| room.hear(HealthMail::Children(view)));
}

fn turn(room: &mut HealthServer, now: Duration) -> (Vec<HealthAction>, Option<Duration>) {
    let turned = room.turn(now);
    assert_eq!(room.violations(), Vec::<String>::new());
    turned
}

/// What a turn shows, if anything.
fn shown(room: &mut HealthServer, now: Duration) -> Option<Picture> {
    let (actions, _) = turn(room, now);
    actions.into_iter().find_map(|action| match action {
        HealthAction::Show(picture) => Some(*picture),
        HealthAction::Serve(_) => None,
    })
}

/// A room that serves, and shows that all is well.
fn serving() -> HealthServer {
    let mut room = HealthServer::recover(config());
    assert_eq!(turn(&mut room, at(0)).0, [HealthAction::Serve(config().bind)]);
    room.learn(HealthOutcome::Served(Ok(())), at(0));
    tell(&mut room, well());
    let picture = shown(&mut room, at(10)).unwrap();
    assert!(picture.ready && picture.not_yet == config().gaps);
    room
}

#[test]
fn after_a_start_what_was_shown_stays_until_everybody_was_heard_or_five_seconds() {
    let mut room = HealthServer::recover(config());
    assert_eq!(turn(&mut room, at(0)), (vec![HealthAction::Serve(config().bind)], Some(at(5000))));
    let partly = Facts { front: None, ..well() };
    tell(&mut room, partly);
    assert_eq!(shown(&mut room, at(4999)), None);
    let picture = shown(&mut room, at(5000)).unwrap();
    assert!(!picture.ready);
    assert!(picture.reasons.iter().all(|reason| reason.room == "cni-server"));
}

#[test]
fn a_change_of_ready_is_shown_at_once_and_since_tells_when() {
    let mut room = serving();
    let mut facts = well();
    facts.host.as_mut().unwrap().read = false;
    tell(&mut room, facts);
    let picture = shown(&mut room, at(11)).unwrap();
    assert_eq!((picture.ready, picture.since), (false, at(11)));
    let mut facts = well();
    facts.host.as_mut().unwrap().changes = 8;
    tell(&mut room, facts);
    assert_eq!(shown(&mut room, at(12)).unwrap().since, at(12));
}

#[test]
fn numbers_are_shown_ten_times_a_second_and_the_last_one_is_never_lost() {
    let mut room = serving();
    let mut pictures = 0;
    for step in 0..100 {
        let mut facts = well();
        facts.host.as_mut().unwrap().changes = 100 + step;
        tell(&mut room, facts);
        pictures += u32::from(shown(&mut room, at(10 + step)).is_some());
    }
    assert_eq!(pictures, 0);
    assert_eq!(turn(&mut room, at(109)), (Vec::new(), Some(at(110))));
    let picture = shown(&mut room, at(110)).unwrap();
    let changes = picture.samples.iter().find(|sample| sample.name == "enid_host_changes_total").unwrap();
    assert_eq!(changes.value, crate::plan::Value::Counter(199));
    assert_eq!(picture.since, at(10));
}

#[test]
fn hearing_the_same_again_shows_nothing_and_sets_no_alarm() {
    let mut room = serving();
    tell(&mut room, well());
    assert_eq!(turn(&mut room, at(500)), (Vec::new(), None));
}

#[test]
fn an_address_that_cannot_be_bound_is_a_degradation_and_tried_again_every_few_seconds() {
    let mut room = serving();
    room.http = Http::Binding { failures: 0 };
    let mut now = at(1000);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        room.learn(HealthOutcome::Served(Err("address in use".into())), now);
        let (actions, again_at) = turn(&mut room, now);
        assert!(!actions.contains(&HealthAction::Serve(config().bind)));
        // The picture may be due before the next attempt.
        let again_at = if again_at.unwrap() < now + Duration::from_millis(200) {
            turn(&mut room, again_at.unwrap()).1.unwrap()
        } else {
            again_at.unwrap()
        };
        pauses.push((again_at - now).as_millis());
        now = again_at;
        let (actions, _) = turn(&mut room, now);
        assert!(actions.contains(&HealthAction::Serve(config().bind)));
    }
    assert_eq!(pauses, [200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    let picture = room.shown.clone().unwrap();
    assert!(picture.ready);
    assert_eq!(
        picture.degraded[0].text,
        "health-server is not available: HTTP on 127.0.0.1:61678 cannot be served: address in use"
    );
    room.learn(HealthOutcome::Served(Ok(())), now);
    assert_eq!(shown(&mut room, now + Duration::from_secs(1)).unwrap().degraded, []);
}
