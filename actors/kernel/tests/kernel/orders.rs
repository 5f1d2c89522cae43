//! Orders: each is the death that it imitates, in both strategies where both can have it, and nothing when it ends in time.

use kernel::{Link, Order, OrderError, Orders, Policy, orders};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::puppet::{Fruit, Say, work};
use crate::stage::{Journal, Stage, deaths, hello, in_real_time, in_virtual_time, millis, puppet, seconds};

/// One puppet that obeys.
struct Scene {
    stage: Stage,
    link: Link<Say>,
    journal: Journal,
    orders: Orders,
}

/// Judged after 400 ms of silence, and parked by the first death that counts.
fn strict() -> Policy {
    Policy { pulse: millis(100), grace: millis(100), intensity: 0, ..Policy::default() }
}

/// The same, and a death that counts costs one life.
fn lenient() -> Policy {
    Policy { intensity: 5, ..strict() }
}

fn in_virtual(policy: Policy, scene: impl AsyncFn(Scene)) {
    in_virtual_time(async {
        let journal = Journal::new();
        let (link, spec) = puppet("solo", policy, &journal);
        let (orders, book) = orders();
        let stage = Stage::virtual_time(|tree| {
            tree.add(spec);
            tree.take_orders_from(book);
        });
        hello(&link).await.unwrap();
        scene(Scene { stage, link, journal, orders }).await;
    });
}

fn on_threads(policy: Policy, scene: impl AsyncFn(Scene)) {
    in_real_time(async |io| {
        let journal = Journal::new();
        let (link, spec) = puppet("solo", policy, &journal);
        let (orders, book) = orders();
        let stage = Stage::threads(io, |tree| {
            tree.add(spec);
            tree.take_orders_from(book);
        });
        hello(&link).await.unwrap();
        scene(Scene { stage, link, journal, orders }).await;
    });
}

fn in_both(policy: fn() -> Policy, scene: impl AsyncFn(Scene)) {
    in_virtual(policy(), &scene);
    on_threads(policy(), &scene);
}

#[test]
fn a_panic_by_order_counts_like_one_over_a_hint() {
    in_both(lenient, async |mut scene| {
        scene.orders.give("solo", Order::Panic).await.unwrap();
        assert_eq!(hello(&scene.link).await.unwrap().incarnation, 2);
        let vitals = scene.stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(vitals.last.as_deref(), Some("panic: ordered to panic"));
    });
    in_both(strict, async |mut scene| {
        scene.orders.give("solo", Order::Panic).await.unwrap();
        let vitals = scene.stage.until(|vitals| vitals.state == "parked").await;
        assert_eq!(deaths(&vitals, "panic"), 1);
    });
}

#[test]
fn a_panic_over_the_next_question_is_that_questions_and_its_asker_is_answered() {
    in_both(strict, async |mut scene| {
        scene.orders.give("solo", Order::PanicNext).await.unwrap();
        let answer = hello(&scene.link).await.unwrap();
        assert_eq!((answer.incarnation, answer.mail), (2, 1));
        let vitals = scene.stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(deaths(&vitals, "panic"), 1);
        assert_eq!(scene.journal.count("1: hello"), 1, "the question was handled after all");
    });
}

#[test]
fn a_panic_over_the_next_hint_counts() {
    in_both(strict, async |mut scene| {
        scene.orders.give("solo", Order::PanicNext).await.unwrap();
        scene.link.tell(Say::Note(1)).unwrap();
        let vitals = scene.stage.until(|vitals| vitals.state == "parked").await;
        assert_eq!(deaths(&vitals, "panic"), 1);
    });
}

#[test]
fn a_stalled_child_is_lost_with_its_thread_and_its_callers_are_answered() {
    in_both(lenient, async |mut scene| {
        scene.orders.give("solo", Order::Stall(seconds(3600))).await.unwrap();
        let answers = futures::future::join_all((0..10).map(|_| hello(&scene.link))).await;
        assert!(answers.iter().all(|answer| answer.is_ok_and(|answer| answer.incarnation == 2)));
        let vitals = scene.stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(deaths(&vitals, "lost_thread"), 1);
        // It blocks nobody's thread for an hour.
        scene.journal.until("1: is gone").await;
        assert_eq!(scene.journal.count("1: hello"), 1);
    });
}

#[test]
fn who_stalls_for_less_than_it_may_answers_late_and_lives() {
    in_both(
        || Policy { pulse: seconds(10), ..strict() },
        async |mut scene| {
            let before = scene.stage.clock.now();
            scene.orders.give("solo", Order::Stall(millis(300))).await.unwrap();
            assert_eq!(hello(&scene.link).await.unwrap().incarnation, 1);
            assert!(scene.stage.clock.now() - before >= millis(300), "nothing was blocked");
            let vitals = scene.stage.until(|vitals| vitals.running()).await;
            assert!(vitals.deaths.is_empty());
        },
    );
}

#[test]
fn one_who_is_flooded_is_lost_and_a_short_flood_passes() {
    on_threads(lenient(), async |mut scene| {
        scene.orders.give("solo", Order::Flood(seconds(3600))).await.unwrap();
        let vitals = scene.stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(deaths(&vitals, "lost_thread"), 1);
        scene.journal.until("1: is gone").await;
        assert_eq!(hello(&scene.link).await.unwrap().incarnation, 2);
    });
    // Also when its timer is moved meanwhile: a flooded room never comes to clean what was cancelled.
    on_threads(lenient(), async |mut scene| {
        let now = scene.stage.clock.now();
        scene.link.tell(Say::WakeAt(now + seconds(9_000))).unwrap();
        scene.orders.give("solo", Order::Flood(seconds(3600))).await.unwrap();
        scene.link.tell(Say::WakeAt(now + seconds(8_000))).unwrap();
        scene.stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        scene.journal.until("1: is gone").await;
    });
    on_threads(Policy { pulse: seconds(10), ..strict() }, async |mut scene| {
        scene.orders.give("solo", Order::Flood(millis(50))).await.unwrap();
        assert_eq!(hello(&scene.link).await.unwrap().incarnation, 1);
        assert!(scene.stage.until(|vitals| vitals.running()).await.deaths.is_empty());
    });
}

#[test]
fn on_one_runtime_a_flood_is_refused_for_it_would_stop_time() {
    in_virtual(strict(), async |scene| {
        let refused = scene.orders.give("solo", Order::Flood(millis(1))).await;
        assert_eq!(refused, Err(OrderError::NeedsThread));
        assert_eq!(hello(&scene.link).await.unwrap().incarnation, 1);
    });
}

#[test]
fn effects_that_stall_are_done_and_cost_a_life_that_does_not_count() {
    in_both(strict, async |mut scene| {
        let done = Arc::new(AtomicBool::new(false));
        let counted = done.clone();
        let effect = work(|| async move {
            counted.store(true, Ordering::Relaxed);
            Ok(Some(Fruit::Value(5)))
        });
        scene.orders.give("solo", Order::StallEffects).await.unwrap();
        scene.link.tell(Say::Run { timeout: millis(100), work: effect }).unwrap();
        let vitals = scene.stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(deaths(&vitals, "stalled_call"), 1);
        assert!(done.load(Ordering::Relaxed), "what was under way was not done");
        // The next life's effects come back.
        let effect = work(|| async { Ok(Some(Fruit::Value(6))) });
        scene.link.tell(Say::Run { timeout: seconds(30), work: effect }).unwrap();
        scene.journal.until("2: outcome 6").await;
        assert_eq!(scene.journal.count("1: outcome 5"), 0);
    });
}

#[test]
fn a_connection_broken_by_order_costs_a_life_that_does_not_count() {
    in_both(strict, async |mut scene| {
        scene.orders.give("solo", Order::Break).await.unwrap();
        let vitals = scene.stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(vitals.last.as_deref(), Some("broken_connection: ordered to break"));
        assert_eq!(hello(&scene.link).await.unwrap().incarnation, 2);
    });
}

#[test]
fn an_order_that_nobody_can_follow_says_why() {
    in_virtual(Policy { parked: seconds(3600), ..strict() }, async |mut scene| {
        let unknown = scene.orders.give("slo", Order::Panic).await.unwrap_err();
        assert_eq!(unknown.to_string(), "there is no child slo; there are: solo");
        scene.orders.give("solo", Order::Panic).await.unwrap();
        scene.stage.until(|vitals| vitals.state == "parked").await;
        let parked = scene.orders.give("solo", Order::Panic).await.unwrap_err();
        assert_eq!(parked.to_string(), "solo does not run: it is parked");
        scene.stage.close().await;
        assert_eq!(scene.orders.give("solo", Order::Panic).await, Err(OrderError::Ended));
    });
}

#[test]
fn a_tree_whose_orders_have_no_giver_any_more_turns_as_before() {
    in_virtual(strict(), async |scene| {
        let Scene { mut stage, link, orders, .. } = scene;
        drop(orders);
        let turns = stage.pulse.load(Ordering::Relaxed);
        tokio::time::sleep(seconds(10)).await;
        assert!(stage.pulse.load(Ordering::Relaxed) - turns <= 200, "the loop spins");
        assert_eq!(hello(&link).await.unwrap().incarnation, 1);
        assert!(stage.now().await.running());
    });
}
