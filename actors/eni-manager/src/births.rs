//! The ENIs on their way in, together: which answer concerns which, what is asked next for each, and what becomes of those that
//! are over. Pure.

use contract::Boottime;
use contract::causes::Cause;
use contract::model::{AttachmentId, EniId, NodeFacts};
use contract::ports::ec2::EniDescription;
use contract::ports::intents::{Intent, IntentImage};

use crate::actor::EniAction;
use crate::birth::{Birth, Step, Turn};
use crate::looking::may_begin;
use crate::notes::Errand;
use crate::parting::{Parting, Step as Outgoing};
use crate::reading::add;
use crate::release::{Release, Step as Taking};
use crate::state::{EniManager, LAG};

impl EniManager {
    /// Takes up what an earlier life had under way, once the instance is known.
    pub(crate) fn take_up(&mut self, now: Boottime) {
        let Some(node) = &self.node else { return };
        for intent in self.notes.take_found(&node.instance) {
            match intent {
                Intent::Coming { order, eni } => {
                    self.births.insert(order.token.clone(), Birth::found(order, eni, now));
                }
                Intent::Going { eni } => {
                    self.partings.insert(eni, Parting::found(now));
                }
            }
        }
    }

    pub(crate) fn created(&mut self, token: &str, result: Result<EniDescription, Cause>, now: Boottime) {
        let seed = self.config.seed;
        if result.is_ok() {
            self.create_at_most = self.create_at_most.map(|at_most| at_most.saturating_mul(2).max(1));
        }
        if let Some(birth) = self.births.get_mut(token) {
            let turn = birth.made(result, now, seed);
            self.turn_birth(token, turn, now);
        }
    }

    pub(crate) fn attach_ended(&mut self, token: &str, result: Result<AttachmentId, Cause>, now: Boottime) {
        let seed = self.config.seed;
        let Some(instance) = self.node.as_ref().map(|node| node.instance.clone()) else { return };
        if result.is_ok() {
            self.create.worked();
        }
        if let Some(birth) = self.births.get_mut(token) {
            let turn = birth.attached(&instance, result, now, seed);
            self.turn_birth(token, turn, now);
        }
    }

    pub(crate) fn bind_ended(&mut self, token: &str, result: Result<(), Cause>, now: Boottime) {
        let seed = self.config.seed;
        if let Some(birth) = self.births.get_mut(token) {
            birth.bound |= birth.bind.ended(result, now, seed).is_some();
        }
    }

    /// EC2's word on one ENI: on its way in, or out.
    pub(crate) fn looked(
        &mut self,
        eni: &EniId,
        result: Result<Option<EniDescription>, Cause>,
        now: Boottime,
    ) {
        let seed = self.config.seed;
        let Some(instance) = self.node.as_ref().map(|node| node.instance.clone()) else { return };
        self.looking.remove(eni);
        let looking = |release: &Release| release.step == Taking::Look && release.call.under_way;
        if self.releases.get(eni).is_some_and(looking) {
            self.looked_after_taking(eni, &instance, result, now);
        } else if let Some(parting) = self.partings.get_mut(eni) {
            let turn = parting.looked(&instance, result, now, seed);
            self.turn_parting(eni, turn, now);
        } else if let Some((token, birth)) =
            self.births.iter_mut().find(|(_, birth)| birth.eni() == Some(eni))
        {
            let (token, turn) = (token.clone(), birth.looked(&instance, result, now, seed));
            self.turn_birth(&token, turn, now);
        }
    }

    pub(crate) fn turn_birth(&mut self, token: &str, turn: Turn, now: Boottime) {
        match turn {
            Turn::On => {}
            Turn::Serves(eni) => self.serves(*eni, now),
            Turn::Over => {
                self.births.remove(token);
                self.read_back = true;
            }
            Turn::Occupied(device) => {
                self.busy_devices.insert(device, now + LAG);
                self.read_back = true;
            }
            Turn::Unwanted(eni, cause) => {
                self.create.failed(cause, now, self.config.seed);
                if let Some(birth) = self.births.remove(token) {
                    self.partings.insert(eni, Parting::unattached(birth.order, now));
                }
            }
            Turn::Unmade(cause) => {
                let Some(birth) = self.births.remove(token) else { return };
                self.unmade(birth, cause, now);
            }
        }
    }

    /// Nothing was made. Without room for all, an ENI of half as many is asked next; its own address alone is none.
    fn unmade(&mut self, birth: Birth, cause: Cause, now: Boottime) {
        let Cause::SubnetExhausted { .. } = cause else {
            return self.create.failed(cause, now, self.config.seed);
        };
        let asked = birth.order.secondary_addresses;
        self.create_at_most = (asked > 1).then_some(asked / 2);
        if asked <= 1 {
            self.has_no_room(birth.order.subnet, cause, now);
        }
    }

    /// It carries addresses from now on.
    fn serves(&mut self, eni: EniDescription, now: Boottime) {
        self.create.worked();
        let id = eni.id.clone();
        self.since.insert(id.clone(), now);
        self.tidings.push(EniAction::TellRoom { subnet: eni.subnet.clone() });
        let growing = self.growing.entry(id.clone()).or_default();
        growing.given(&eni.secondary_addresses, now);
        if let Some(at) = &eni.attachment {
            self.occupied.insert(id.clone(), at.device);
        }
        // Before EC2's first reading nothing is known by its word; that reading shows it, or what was just given does.
        if let Some(attached) = &mut self.attached {
            let known = attached.entry(id).or_insert_with(|| eni.clone());
            add(&mut known.secondary_addresses, eni.secondary_addresses.into_iter());
        }
    }

    /// Those that are over are under way no more. A disk that refused an order has refused all that wait for it: they are begun
    /// anew, or not at all.
    pub(crate) fn end_births(&mut self) {
        let stuck = self.notes.is_stuck();
        self.births.retain(|_, birth| !(birth.is_over() || stuck && matches!(birth.step, Step::Note)));
    }

    /// An order that EC2 surely has not carried out, and that nobody wants any more beside so many addresses, is dropped.
    pub(crate) fn drop_orders(&mut self, there: u32) {
        let coming = self.births.values().map(Birth::brings).sum();
        let mut surplus = there.saturating_add(coming).saturating_sub(self.demand.wanted);
        self.births.retain(|_, birth| {
            let untouched = matches!(birth.step, Step::Make { perhaps: false }) && !birth.call.under_way;
            let dropped = untouched && birth.brings() <= surplus;
            surplus -= if dropped { birth.brings() } else { 0 };
            !dropped
        });
    }

    /// What is surely on disk goes on.
    pub(crate) fn hear_the_disk(&mut self, now: Boottime) {
        let notes = &self.notes;
        let noted = |birth: &&mut Birth| matches!(birth.step, Step::Note) && notes.has(&birth.intent());
        self.births.values_mut().filter(noted).for_each(|birth| birth.noted(now));
        for (id, parting) in &mut self.partings {
            if parting.step == Outgoing::Note && notes.has(&parting.intent(id)) {
                parting.noted();
            }
        }
    }

    /// What is next for each.
    pub(crate) fn plan_births(&mut self, node: &NodeFacts, now: Boottime, actions: &mut Vec<EniAction>) {
        for token in self.births.keys().cloned().collect::<Vec<_>>() {
            let leaves = |birth: &Birth| birth.eni().is_some_and(|eni| self.partings.contains_key(eni));
            let leaves = self.births.get(&token).is_some_and(leaves);
            let device = self.attached.is_some().then(|| self.free_device(now));
            let may_make = self.create.backoff.open(now);
            let Some(birth) = self.births.get_mut(&token) else { continue };
            if !birth.bind.under_way
                && birth.bind.backoff.open(now)
                && let Some((eni, attachment)) = birth.to_bind()
            {
                let (eni, attachment) = (eni.clone(), attachment.clone());
                birth.bind.under_way = true;
                actions.push(EniAction::Bind { token: token.clone(), eni, attachment });
            }
            // On its way out it is asked for by its parting, which may end with its staying.
            if !leaves
                && birth.call.may_start(now)
                && let Some(action) = next(&token, birth, node, device, may_make, now)
                && may_begin(&mut self.looking, &action)
            {
                birth.call.under_way = true;
                actions.push(action);
            }
        }
    }

    /// What the disk is to have, and what is to be done about it.
    pub(crate) fn plan_notes(&mut self, node: &NodeFacts, now: Boottime, actions: &mut Vec<EniAction>) {
        let births = self.births.values().map(Birth::intent);
        let partings = self.partings.iter().map(|(eni, parting)| parting.intent(eni));
        let image =
            IntentImage { instance: node.instance.clone(), intents: births.chain(partings).collect() };
        actions.extend(self.notes.errand(image, now).map(|errand| match errand {
            Errand::Read => EniAction::ReadIntents,
            Errand::Write(image) => EniAction::WriteIntents(image),
        }));
    }
}

/// The call that a birth's step wants now.
fn next(
    token: &str,
    birth: &mut Birth,
    node: &NodeFacts,
    free_device: Option<u32>,
    may_make: bool,
    now: Boottime,
) -> Option<EniAction> {
    let token = token.to_owned();
    match &birth.step {
        Step::Make { perhaps } if may_make || *perhaps => Some(EniAction::Create(birth.order.clone())),
        Step::Attach { made } => {
            let device = birth.device.or(free_device)?;
            birth.device = Some(device);
            let (eni, instance) = (made.id.clone(), node.instance.clone());
            Some(EniAction::Attach { token, eni, instance, device })
        }
        Step::Look { .. } | Step::Show { .. } => {
            let due = birth.look_at().is_some_and(|at| at <= now);
            due.then(|| birth.eni().cloned()).flatten().map(|eni| EniAction::Look { eni })
        }
        Step::Note | Step::Make { .. } | Step::Bind { .. } => None,
    }
}
