//! A script from a seed. Pure: the same seed gives the same script for ever.

use fakes::{Dice, Odds, Weather};

use crate::script::{How, NodePart, Script, Step};

/// Pods that come and go under one name.
const PODS: u32 = 24;

const ROOMS: [&str; 6] =
    ["warm-pool", "eni-manager", "subnet-scout", "route-programmer", "cni-server", "health-server"];

const HOWS: [How; 5] = [How::PanicBefore, How::PanicAfter, How::GiveUp, How::Break, How::Stall];

/// Types whose nodes are soon full, and one that is roomy: (type, ENIs, addresses each).
const TYPES: [(&str, u32, u32); 4] =
    [("t3.small", 3, 4), ("t3.medium", 3, 6), ("m5.large", 3, 10), ("m5.xlarge", 4, 15)];

impl Script {
    /// The script of this seed.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut dice = Dice::new(seed).for_purpose(2);
        let node = node(&mut dice);
        let length = 20 + dice.below(60);
        let mut step = Vec::new();
        for _ in 0..length {
            let next = one(&mut dice);
            step.push(next.clone());
            if let Step::Add { pod } = next
                && dice.per_mille(80)
            {
                // Its shim dies over it, and no DEL says so.
                step.push(Step::Pass { milliseconds: dice.below(20) });
                step.push(Step::Vanish { pod });
            }
            step.push(Step::Pass { milliseconds: pause(&mut dice) });
        }
        match dice.below(4) {
            0 => step.extend(clears_over_a_full_subnet(&mut dice)),
            1 => step.extend(dies_while_it_gives_back(&mut dice)),
            2 => step.extend(dies_while_it_makes_enis(&mut dice)),
            _ => {}
        }
        Self { seed, node, step }
    }
}

/// The weather clears over a subnet that was just found full.
fn clears_over_a_full_subnet(dice: &mut Dice) -> Vec<Step> {
    let mut step = vec![Step::SubnetTaken { left: 0 }];
    step.extend((0..4).map(|_| Step::Add { pod: some_pod(dice) }));
    step.push(Step::Pass { milliseconds: 20_000 });
    step
}

/// Most pods go, and when their addresses have rested and are given back to a slow EC2 the daemon is killed, and others come.
fn dies_while_it_gives_back(dice: &mut Dice) -> Vec<Step> {
    let mut step = vec![Step::Weather { weather: Weather::default() }, Step::Pass { milliseconds: 10_000 }];
    step.extend((0..PODS).filter(|pod| pod % 6 > 0).map(|pod| Step::Delete { pod }));
    step.push(Step::Weather { weather: slow_ec2() });
    step.push(Step::Pass { milliseconds: 31_000 + dice.below(8_000) });
    step.push(Step::Kill { back_after_milliseconds: dice.below(20) });
    step.extend((0..8).map(|_| Step::Add { pod: some_pod(dice) }));
    step.push(Step::Pass { milliseconds: 20_000 });
    step
}

/// More pods come than the node has addresses for, and the daemon is killed while a slow EC2 makes ENIs for them.
fn dies_while_it_makes_enis(dice: &mut Dice) -> Vec<Step> {
    let mut step = vec![Step::SubnetFreed, Step::Weather { weather: slow_ec2() }];
    step.extend((0..PODS).map(|pod| Step::Add { pod }));
    step.push(Step::Pass { milliseconds: dice.below(5_000) });
    step.push(Step::Kill { back_after_milliseconds: dice.below(20) });
    step.push(Step::Pass { milliseconds: 20_000 });
    step
}

fn slow_ec2() -> Weather {
    Weather { ec2: Odds::slow(3_000), ..Weather::default() }
}

fn node(dice: &mut Dice) -> NodePart {
    let (instance_type, enis, addresses) = *dice.pick(&TYPES).unwrap_or(&("m5.large", 3, 10));
    let below = |dice: &mut Dice, bound: u32| u32::try_from(dice.below(u64::from(bound))).unwrap_or(0);
    let secondary_addresses = below(dice, addresses);
    let more = below(dice, enis);
    // Half of the nodes count addresses, the others whole ENIs.
    let by_address = dice.per_mille(500);
    let target = |dice: &mut Dice, bound: u32| if by_address { below(dice, bound) } else { 0 };
    NodePart {
        instance_type: instance_type.to_owned(),
        secondary_addresses,
        more_enis: (0..more).map(|_| below(dice, addresses)).collect(),
        warm_ip_target: target(dice, 6),
        minimum_ip_target: target(dice, addresses.saturating_mul(2)),
        warm_eni_target: below(dice, 3),
        max_enis: dice.per_mille(400).then(|| more + 1 + below(dice, enis - more)),
        attach_milliseconds: if dice.per_mille(700) { dice.below(4_000) } else { 0 },
        imds_lag_milliseconds: if dice.per_mille(500) { dice.below(8_000) } else { 0 },
    }
}

/// Mostly short, sometimes long enough for an address to have rested.
fn pause(dice: &mut Dice) -> u64 {
    match dice.below(10) {
        0..=4 => dice.below(50),
        5..=7 => dice.below(2_000),
        8 => dice.below(12_000),
        _ => dice.below(45_000),
    }
}

fn some_pod(dice: &mut Dice) -> u32 {
    u32::try_from(dice.below(PODS.into())).unwrap_or(0)
}

fn one(dice: &mut Dice) -> Step {
    let pod = some_pod(dice);
    let back_after_milliseconds = dice.below(3_000);
    match dice.below(100) {
        0..=44 => Step::Add { pod },
        45..=64 => Step::Delete { pod },
        65..=66 => Step::Leak { pod },
        67..=68 => Step::Vanish { pod },
        69..=73 => Step::Kill { back_after_milliseconds },
        74 => Step::Stop { back_after_milliseconds },
        75..=82 => Step::Die {
            room: (*dice.pick(&ROOMS).unwrap_or(&"warm-pool")).to_owned(),
            how: *dice.pick(&HOWS).unwrap_or(&How::GiveUp),
        },
        83..=92 => Step::Weather { weather: weather(dice) },
        93 => Step::SubnetTaken { left: u32::try_from(dice.below(4)).unwrap_or(0) },
        94 => Step::SubnetFreed,
        95..=97 => Step::Drift { pod, which: dice.below(8) },
        _ => Step::PowerLoss { state_stays: dice.per_mille(300), back_after_milliseconds },
    }
}

/// Fair half of the time; else one or two parts of the world go wrong.
fn weather(dice: &mut Dice) -> Weather {
    let mut weather = Weather {
        ec2: Odds::slow(dice.below(400)),
        imds: Odds::slow(dice.below(5)),
        host: Odds::slow(if dice.per_mille(200) { dice.below(400) } else { dice.below(3) }),
        disk: Odds::slow(dice.below(8)),
    };
    for _ in 0..dice.below(3) {
        let odds = match dice.below(4) {
            0 => &mut weather.ec2,
            1 => &mut weather.imds,
            2 => &mut weather.host,
            _ => &mut weather.disk,
        };
        worsen(odds, dice);
    }
    weather
}

fn worsen(odds: &mut Odds, dice: &mut Dice) {
    let mut often = || u16::try_from(dice.below(250)).unwrap_or(0);
    let (refused, lost_before, lost_after) = (often(), often(), often());
    let hangs = u16::try_from(dice.below(60)).unwrap_or(0);
    *odds = Odds { refused, lost_before, lost_after, hangs, ..*odds };
    if dice.per_mille(100) {
        // Gone altogether.
        *odds = Odds { refused: 0, lost_before: 1000, lost_after: 0, hangs: 0, ..*odds };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_writes_one_script_which_reads_back_as_it_was() {
        for seed in 0..200 {
            let script = Script::of_seed(seed);
            assert_eq!(script, Script::of_seed(seed));
            assert_eq!(Script::parse(&script.text()).unwrap(), script, "{}", script.text());
        }
    }

    #[test]
    fn every_kind_of_step_comes_up() {
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let steps = Script::of_seed(seed).step;
            kinds.extend(
                steps.iter().map(|step| format!("{step:?}").split([' ', '{']).next().unwrap().to_owned()),
            );
        }
        assert_eq!(kinds.len(), 13, "{kinds:?}");
    }

    #[test]
    fn a_script_with_a_word_that_is_not_in_the_language_is_refused_with_the_place() {
        let text = Script::of_seed(1).text().replacen("milliseconds", "miliseconds", 1);
        let error = Script::parse(&text).unwrap_err().to_string();
        assert!(error.contains("miliseconds"), "{error}");
    }
}
