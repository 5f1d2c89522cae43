//! The room under random orders of outcomes and random failures.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Wire(u8),
    Unwire(u8),
    Forget,
    Views(u32, Vec<u8>),
    Perform(usize),
    Wait(u64),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u8)>> {
    let step = prop_oneof![
        3 => (10u8..14).prop_map(Step::Wire),
        3 => (10u8..14).prop_map(Step::Unwire),
        1 => Just(Step::Forget),
        2 => (1u32..3, prop::collection::vec(10u8..14, 0..4)).prop_map(|(devices, of)| Step::Views(devices, of)),
        8 => (0usize..20).prop_map(Step::Perform),
        2 => (0u64..3000).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec((step, any::<u8>()), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever order outcomes come in and whatever fails: nothing changes one address twice at once (the bench asks the
    /// audit after every turn), every request is answered, and the last word about an address is what stands.
    #[test]
    fn every_request_is_answered_and_the_last_one_stands(steps in steps()) {
        let mut bench = ready();
        let faults = Rc::new(Cell::new(0u8));
        let dice = Rc::clone(&faults);
        bench.fault = Box::new(move |_| match dice.replace(dice.get() / 2) {
            200.. => Some(Fault::Refuse),
            150..200 => Some(Fault::SilentlyDone),
            100..150 => Some(Fault::SilentlyLost),
            _ => None,
        });
        for last in 10..14 {
            bench.host.links.push(veth(&wiring(1, last), 40 + u32::from(last)));
        }
        let mut answers = Vec::new();
        for (step, chance) in steps {
            faults.set(chance);
            match step {
                Step::Wire(last) => answers.push((last, true, bench.wire(&wiring(1, last), 40 + u32::from(last)))),
                Step::Unwire(last) => answers.push((last, false, bench.unwire(address(1, last)))),
                Step::Forget => bench.blind = 1,
                Step::Views(devices, of) => {
                    bench.tell(RouteMail::Enis(enis(0..devices)));
                    bench.tell(RouteMail::Leases(leases(of.into_iter().map(|last| address(1, last)))));
                }
                Step::Perform(position) if !bench.held.is_empty() => bench.perform(position % bench.held.len()),
                Step::Perform(_) => bench.turn(),
                Step::Wait(milliseconds) => {
                    bench.now += Duration::from_millis(milliseconds);
                    bench.turn();
                }
                Step::Restart => {
                    bench.restart();
                    answers.clear();
                }
            }
        }
        faults.set(0);
        bench.blind = 0;
        bench.tell(RouteMail::Enis(enis(0..2)));
        bench.tell(RouteMail::Leases(leases([])));
        bench.pass(Duration::from_secs(60));
        let mut last_word = BTreeMap::new();
        for (last, wired, mut answer) in answers {
            let result = answer.try_recv();
            prop_assert!(result.is_ok(), "no answer about {last}: {result:?}");
            last_word.insert(last, (wired, result.unwrap().is_ok()));
        }
        for (last, (wired, fine)) in last_word {
            let found = bench.of(address(1, last)).len();
            prop_assert!(!fine || found == if wired { 3 } else { 0 }, "{last}: {found} after {wired}");
        }
        prop_assert_eq!(bench.room.under_way.len(), 0);
        prop_assert!(bench.room.jobs.is_empty());
    }
}
