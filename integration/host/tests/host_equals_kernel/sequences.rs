//! Any sequence of operations in namespaces of the test's own, with veths between them, gives equal refusals, and after every
//! step equal snapshots, neighbours, settings, answers and counts of netlink messages. Without root it says that it was skipped; it sends no packet.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::operations::{Operation, node, questions, some_operation};
use crate::world::World;

const CASES: u32 = 40;
/// Questions after each step and at the end, in each namespace.
const QUESTIONS_BETWEEN: usize = 6;

fn check(operations: Vec<Operation>) {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            let questions = questions();
            let mut world = World::new();
            for operation in &operations {
                world.operate(operation).await;
                world.compare(&questions, QUESTIONS_BETWEEN).await;
            }
            world.compare(&questions, questions.len()).await;
        });
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// What proptest is asked; PROPTEST_RNG_SEED, which it reads itself, repeats a run.
fn config() -> Config {
    let mut config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    if let RngSeed::Random = config.rng_seed {
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), "seed");
        config.rng_seed = RngSeed::Fixed(seed);
    }
    println!("PROPTEST_RNG_SEED={} repeats this run", config.rng_seed);
    config
}

#[test]
fn any_sequence_of_operations_gives_equal_refusals_and_after_each_step_equal_dumps_and_answers() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED any_sequence_of_operations: network namespaces need root");
        return;
    }
    TestRunner::new(config())
        .run(&(any::<bool>(), prop::collection::vec(some_operation(), 1..50)), |(on_a_node, operations)| {
            let before = if on_a_node { node() } else { Vec::new() };
            check([before, operations].concat());
            Ok(())
        })
        .unwrap();
}
