//! Plays a script: the steps in order, the daemon kept running between its deaths, and at the end fair weather, in which
//! everything must come right.

use std::sync::Arc;
use std::time::Duration;

use config::Settings;
use contract::model::InstanceType;
use fakes::{NodeSpec, SharedWorld, Weather, World};
use ipnet::Ipv4Net;
use region::{ImdsLag, Knobs, limits_of};
use std::net::Ipv4Addr;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::judge::Adds;
use crate::life::Life;
use crate::model::{AFTERMATH, Model};
use crate::plant::Plant;
use crate::runtime::Runtime;
use crate::script::{Script, Step};
use crate::stage::Stage;
use crate::targets::Targets;
use crate::{calm, panics, squatter};

/// A daemon that ended by itself is started again by kubelet after this.
const KUBELET: Duration = Duration::from_secs(2);

/// At the end it is looked this often whether everything is as it should be.
const LOOK: Duration = Duration::from_secs(5);

/// What a run has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// Turns of rooms.
    pub steps: u64,
    /// Time that passed in the world.
    pub virtual_time: Duration,
    /// Two runs share this number only if the same rooms took their turns at the same times, with the same changes in EC2.
    pub trace: u64,
    /// ADDs that came to an end.
    pub adds: Adds,
    /// The first promise that was broken, and after how many steps.
    pub violation: Option<(u64, String)>,
}

/// Plays a script from its beginning, with or without a planted bug.
///
/// # Errors
/// In words, when the script's node cannot be made: no such type, or more addresses than it has.
pub fn play(script: &Script, plant: Option<Plant>) -> Result<Played, String> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    LocalSet::new().block_on(&runtime, play_here(script, plant))
}

async fn play_here(script: &Script, plant: Option<Plant>) -> Result<Played, String> {
    let mut director = Director::new(script, plant)?;
    panics::listen();
    director.start();
    for step in &script.step {
        director.take(step).await;
        if director.is_over() {
            break;
        }
    }
    if !director.is_over() {
        director.come_to_rest().await;
    }
    let Director { stage, .. } = director;
    if let Some(panic) = panics::heard() {
        stage.judge.violated(panic);
    }
    let trouble = stage.world.with(|world| world.troubles.first().cloned());
    Ok(Played {
        steps: stage.judge.steps(),
        virtual_time: stage.world.now(),
        trace: stage.judge.trace(),
        adds: stage.judge.adds(),
        violation: match trouble {
            Some(trouble) => Some((stage.judge.steps(), format!("the model itself: {trouble}"))),
            None => stage.judge.first_violation(),
        },
    })
}

struct Director {
    stage: Stage,
    runtime: Runtime,
    settings: Arc<Settings>,
    life: Option<Life>,
    squatter: squatter::Squatter,
}

impl Director {
    fn new(script: &Script, plant: Option<Plant>) -> Result<Self, String> {
        let node = &script.node;
        let limits = limits_of(&node.instance_type)
            .ok_or_else(|| format!("there is no instance type {}", node.instance_type))?;
        let spec = NodeSpec {
            instance_type: InstanceType::new(node.instance_type.clone()),
            subnet: Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 24),
            secondary_addresses: node.secondary_addresses,
            more_enis: node.more_enis.clone(),
        };
        let lag = node.imds_lag_milliseconds;
        let knobs = Knobs {
            imds: ImdsLag { addresses_milliseconds: lag, ..ImdsLag::default() },
            attach_milliseconds: node.attach_milliseconds,
            detach_milliseconds: node.attach_milliseconds,
            ..Knobs::default()
        };
        let world = World::new(&spec, knobs, script.seed).map_err(|error| error.to_string())?;
        let enis = limits.network_cards.first().copied().unwrap_or(1);
        let targets = Targets {
            per_eni: limits.ipv4_per_eni.saturating_sub(1),
            enis_max: node.max_enis.unwrap_or(enis).min(enis),
            warm_ip: node.warm_ip_target,
            minimum_ip: node.minimum_ip_target,
            warm_eni: node.warm_eni_target,
        };
        let has = node.more_enis.iter().fold(node.secondary_addresses, |sum, more| sum.saturating_add(*more));
        let model = Model::of_node(targets, has);
        let stage = Stage::new(SharedWorld::new(world), model, plant, script.seed);
        let mut environment = vec![
            ("WARM_ENI_TARGET", node.warm_eni_target),
            ("WARM_IP_TARGET", node.warm_ip_target),
            ("MINIMUM_IP_TARGET", node.minimum_ip_target),
        ];
        environment.extend(node.max_enis.map(|max| ("MAX_ENI", max)));
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_string()));
        let settings = Settings::load(None, environment).map_err(|error| error.to_string())?.settings;
        Ok(Self {
            runtime: Runtime::new(stage.clone()),
            stage,
            settings: Arc::new(settings),
            life: None,
            squatter: squatter::Squatter::default(),
        })
    }

    fn is_over(&self) -> bool {
        self.stage.judge.first_violation().is_some() || panics::heard().is_some()
    }

    fn start(&mut self) {
        let seed = self.stage.roll();
        self.life = Life::begin(&self.stage, self.settings.clone(), seed);
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Pass { milliseconds } => self.pass(Duration::from_millis(*milliseconds)).await,
            Step::Add { pod } => self.runtime.add(*pod),
            Step::Delete { pod } => self.in_background(*pod, false),
            Step::Leak { pod } => self.in_background(*pod, true),
            Step::Vanish { pod } => self.runtime.vanish(*pod),
            Step::Kill { back_after_milliseconds } => {
                self.kill().await;
                self.back_after(*back_after_milliseconds).await;
            }
            Step::Stop { back_after_milliseconds } => {
                self.stop().await;
                self.back_after(*back_after_milliseconds).await;
            }
            Step::Die { room, how } => self.stage.judge.order(room, *how),
            Step::Weather { weather } => self.weather(*weather),
            Step::SubnetTaken { left } => self.take_subnet(*left),
            Step::SubnetFreed => self.free_subnet(),
            Step::Drift { pod, which } => self.runtime.drift(*pod, *which),
            Step::PowerLoss { state_stays, back_after_milliseconds } => {
                self.kill().await;
                self.runtime.power_loss();
                self.stage.world.with(|world| world.power_loss(*state_stays));
                self.stage.boots();
                self.back_after(*back_after_milliseconds).await;
            }
        }
    }

    fn in_background(&self, pod: u32, leaks: bool) {
        let runtime = self.runtime.clone();
        tokio::task::spawn_local(async move {
            if leaks { runtime.leak(pod).await } else { runtime.delete(pod).await }
        });
    }

    /// Time passes; a daemon that ended by itself comes back.
    async fn pass(&mut self, time: Duration) {
        let until = self.stage.world.now() + time;
        loop {
            let now = self.stage.world.now();
            if let Some(life) = self.life.take_if(|life| life.has_ended()) {
                if self.stage.model.with(|model| model.fair_for(now)) > AFTERMATH {
                    self.stage.judge.violated("the daemon ended by itself in fair weather");
                }
                self.died();
                life.kill(&self.stage).await;
                tokio::time::sleep(KUBELET).await;
                self.start();
            }
            if now >= until || self.is_over() {
                return;
            }
            tokio::time::sleep((until - now).min(KUBELET)).await;
        }
    }

    fn judge_calm(&self) {
        if let Some(life) = &self.life {
            calm::while_pods_run(&self.stage, &self.runtime, life);
        }
    }

    /// Time passes until it is so, and at the longest this much: what is not so then is not judged here.
    async fn pass_until(&mut self, at_most: Duration, so: fn(&Stage, &Runtime, &Life) -> bool) {
        let until = self.stage.world.now() + at_most;
        while self.stage.world.now() < until && !self.is_over() {
            self.pass(LOOK).await;
            if self.life.as_ref().is_some_and(|life| so(&self.stage, &self.runtime, life)) {
                return;
            }
        }
    }

    async fn kill(&mut self) {
        self.died();
        if let Some(life) = self.life.take() {
            life.kill(&self.stage).await;
        }
    }

    async fn stop(&mut self) {
        self.died();
        if let Some(life) = self.life.take()
            && !life.stop(&self.stage).await
        {
            self.stage.judge.violated("the daemon does not stop");
        }
    }

    async fn back_after(&mut self, milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        self.start();
    }

    fn died(&self) {
        let now = self.stage.world.now();
        self.stage.model.with(|model| model.died(now));
    }

    fn weather(&mut self, weather: Weather) {
        self.stage.world.with(|world| world.weather = weather);
        let rough = self.squatter.sits() || !is_fair(&weather);
        self.roughness(rough);
    }

    fn take_subnet(&mut self, left: u32) {
        let now = self.stage.world.now();
        self.stage.world.with(|world| self.squatter.take(world, left, now));
        self.roughness(true);
    }

    fn free_subnet(&mut self) {
        let now = self.stage.world.now();
        let weather = self.stage.world.with(|world| {
            self.squatter.free(world, now);
            world.weather
        });
        self.roughness(!is_fair(&weather));
    }

    fn roughness(&self, rough: bool) {
        let now = self.stage.world.now();
        self.stage.model.with(|model| {
            model.look_around(now);
            model.rough = rough;
            model.look_around(now);
        });
    }

    /// Fair weather, room in the subnet, a daemon that runs, and time: then everything is as it should be.
    async fn come_to_rest(&mut self) {
        // Whatever came last has its aftermath.
        self.roughness(true);
        self.weather(Weather::default());
        self.free_subnet();
        if self.life.is_none() {
            self.start();
        }
        self.pass_until(calm::SETTLES, calm::has_settled).await;
        if self.is_over() {
            return;
        }
        self.judge_calm();
        // And new ones come, for which there is no excuse any more.
        NEW_PODS.into_iter().for_each(|pod| self.runtime.add(pod));
        self.pass_until(calm::SETTLES, calm::has_settled).await;
        if self.is_over() {
            return;
        }
        self.judge_calm();
        let pods: Vec<u32> = self.stage.model.with(|model| model.pods.keys().copied().collect());
        for pod in pods {
            self.runtime.delete(pod).await;
        }
        self.pass_until(calm::RESTS, calm::has_rested).await;
        if self.is_over() {
            return;
        }
        if let Some(life) = &self.life {
            calm::without_pods(&self.stage, life);
        }
    }
}

/// Pods that no script knows.
const NEW_PODS: [u32; 2] = [1_000, 1_001];

/// Nothing fails, and nothing is so slow that a timeout may end it.
fn is_fair(weather: &Weather) -> bool {
    [weather.ec2, weather.imds, weather.host, weather.disk].iter().all(|odds| {
        u32::from(odds.refused)
            + u32::from(odds.lost_before)
            + u32::from(odds.lost_after)
            + u32::from(odds.hangs)
            == 0
    })
}
