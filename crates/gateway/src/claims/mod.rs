//! Names and ports held for subjects, and who serves them now: the rules, without I/O or clock.
//!
//! A name belongs to the subject that claimed it first and lapses some days after its last use. Of one
//! subject's agents the one that holds a name keeps it while it answers; an agent's newer start always
//! replaces its older one.

mod key;
pub mod store;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::router::Place;

pub use key::{Key, Slot};

/// Claims of one subject, and of all together: some 200 bytes each. A token holder must not fill the
/// gateway's memory with names.
pub const MAX_CLAIMS_PER_SUBJECT: usize = 10_000;
pub const MAX_CLAIMS: usize = 200_000;

/// A link, as the rules know it.
pub type LinkId = u64;

/// A name or port held for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub subject: Arc<str>,
    /// What people call it; also how a port is found again for the same mapping.
    pub label: Arc<str>,
    pub last_used: Timestamp,
}

/// Who serves a slot now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub link: LinkId,
    pub subject: Arc<str>,
    pub agent: Arc<str>,
    /// Its agent said that it leaves.
    pub draining: bool,
}

/// Who wants one.
#[derive(Debug, Clone, Copy)]
pub struct Claimant<'a> {
    pub subject: &'a Arc<str>,
    pub agent: &'a Arc<str>,
}

/// What a ping of the holder brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    NotAsked,
    Answered,
    Silent,
}

/// What may be done with a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Free,
    /// Take it from this link.
    TakeOver(LinkId),
    /// Ping this link first.
    Ask(LinkId),
    /// One of the claimant's own subject's agents serves it.
    HeldByOwn,
    /// Somebody else's; nobody is told whose.
    HeldByOther,
}

/// The rule for one slot that is served now.
pub fn verdict(holder: Option<&Holder>, claimant: Claimant<'_>, pulse: Pulse) -> Verdict {
    let Some(holder) = holder else { return Verdict::Free };
    if holder.subject != *claimant.subject {
        return Verdict::HeldByOther;
    }
    if holder.agent == *claimant.agent || holder.draining {
        return Verdict::TakeOver(holder.link);
    }
    match pulse {
        Pulse::NotAsked => Verdict::Ask(holder.link),
        Pulse::Silent => Verdict::TakeOver(holder.link),
        Pulse::Answered => Verdict::HeldByOwn,
    }
}

/// Why a claim was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimRefusal {
    HeldByOwn,
    HeldByOther,
    TooMany,
}

/// All claims and all slots served.
#[derive(Debug, Default)]
pub struct Board {
    claims: BTreeMap<Key, Claim>,
    per_subject: HashMap<Arc<str>, usize>,
    live: HashMap<Slot, Holder>,
    /// Slots served per key: one host and path may have several, with different conditions.
    live_keys: HashMap<Key, usize>,
    lapse: Duration,
    /// Claims made since the start; counted so that it can be told when all of them are on disk.
    made: u64,
}

impl Board {
    /// `lapse`: how long after its last use a claim is kept.
    pub fn new(claims: impl IntoIterator<Item = (Key, Claim)>, lapse: Duration) -> Self {
        let mut board = Self { lapse, ..Self::default() };
        for (key, claim) in claims.into_iter().take(MAX_CLAIMS) {
            board.insert(key, claim);
        }
        board
    }

    /// From now on claims are kept for this long after their last use.
    pub fn set_lapse(&mut self, lapse: Duration) {
        self.lapse = lapse;
    }

    fn insert(&mut self, key: Key, claim: Claim) {
        *self.per_subject.entry(claim.subject.clone()).or_default() += 1;
        if let Some(old) = self.claims.insert(key, claim) {
            self.uncount(&old.subject);
        }
    }

    fn uncount(&mut self, subject: &Arc<str>) {
        if let Some(count) = self.per_subject.get_mut(subject) {
            *count -= 1;
            if *count == 0 {
                self.per_subject.remove(subject);
            }
        }
    }

    fn is_lapsed(&self, key: &Key, claim: &Claim, now: Timestamp) -> bool {
        !self.is_live(key)
            && now.duration_since(claim.last_used).unsigned_abs() > self.lapse
            && now > claim.last_used
    }

    pub fn is_live(&self, key: &Key) -> bool {
        self.live_keys.contains_key(key)
    }

    /// Whether somebody owns `key` at `now`.
    pub fn is_claimed(&self, key: &Key, now: Timestamp) -> bool {
        self.claims.get(key).is_some_and(|claim| !self.is_lapsed(key, claim, now))
    }

    pub fn holder(&self, slot: &Slot) -> Option<&Holder> {
        self.live.get(slot)
    }

    /// What `claimant` may do with `slot` at `now`: claims first, then who serves it.
    pub fn ask(
        &self,
        slot: &Slot,
        claimant: Claimant<'_>,
        pulse: impl Fn(LinkId) -> Pulse,
        now: Timestamp,
    ) -> Verdict {
        let foreign = slot.key.covering().any(|key| {
            self.claims
                .get(&key)
                .is_some_and(|claim| claim.subject != *claimant.subject && !self.is_lapsed(&key, claim, now))
        });
        if foreign {
            return Verdict::HeldByOther;
        }
        let holder = self.live.get(slot);
        verdict(holder, claimant, holder.map_or(Pulse::NotAsked, |holder| pulse(holder.link)))
    }

    /// Gives `slot` to `link`, and its key to the subject; `keep` is false for slots that nobody owns
    /// beyond the link. Whoever served it before no longer does.
    pub fn take(
        &mut self,
        slot: &Slot,
        holder: Holder,
        label: &str,
        pulse: impl Fn(LinkId) -> Pulse,
        now: Timestamp,
        keep: bool,
    ) -> Result<(), ClaimRefusal> {
        let claimant = Claimant { subject: &holder.subject, agent: &holder.agent };
        match self.ask(slot, claimant, pulse, now) {
            Verdict::Free | Verdict::TakeOver(_) => {}
            Verdict::Ask(_) | Verdict::HeldByOwn => return Err(ClaimRefusal::HeldByOwn),
            Verdict::HeldByOther => return Err(ClaimRefusal::HeldByOther),
        }
        if keep {
            let mine = self.claims.get(&slot.key).is_some_and(|claim| claim.subject == holder.subject);
            if !mine {
                let count = self.per_subject.get(&holder.subject).copied().unwrap_or_default();
                if count >= MAX_CLAIMS_PER_SUBJECT || self.claims.len() >= MAX_CLAIMS {
                    return Err(ClaimRefusal::TooMany);
                }
            }
            let claim = Claim { subject: holder.subject.clone(), label: label.into(), last_used: now };
            self.insert(slot.key.clone(), claim);
            self.made += u64::from(!mine);
        }
        if self.live.insert(slot.clone(), holder).is_none() {
            *self.live_keys.entry(slot.key.clone()).or_default() += 1;
        }
        Ok(())
    }

    /// `link` no longer serves `slot`; nothing happens when another does by now.
    pub fn release(&mut self, slot: &Slot, link: LinkId, now: Timestamp) {
        if self.live.get(slot).is_none_or(|holder| holder.link != link) {
            return;
        }
        self.live.remove(slot);
        if let Some(count) = self.live_keys.get_mut(&slot.key) {
            *count -= 1;
            if *count == 0 {
                self.live_keys.remove(&slot.key);
            }
        }
        if let Some(claim) = self.claims.get_mut(&slot.key) {
            claim.last_used = claim.last_used.max(now);
        }
    }

    /// Marks what `link` serves as about to leave, so that a successor needs not ask.
    pub fn drain(&mut self, link: LinkId, slots: impl IntoIterator<Item = Slot>) {
        for slot in slots {
            if let Some(holder) = self.live.get_mut(&slot).filter(|holder| holder.link == link) {
                holder.draining = true;
            }
        }
    }

    /// Whether somebody else than `subject` keeps this host, or a path of it.
    pub fn is_shared(&self, host: &str, subject: &Arc<str>, now: Timestamp) -> bool {
        let first = Key::Place(Place::Host { host: host.to_owned(), path: String::new() });
        let of_host = |key: &Key| matches!(key, Key::Place(Place::Host { host: of, .. }) if of == host);
        let mut claims = self.claims.range(first..).take_while(|(key, _)| of_host(key));
        claims.any(|(key, claim)| claim.subject != *subject && !self.is_lapsed(key, claim, now))
    }

    /// The port that `subject` had for its mapping `label`, if it is still kept.
    pub fn port_of(&self, subject: &Arc<str>, label: &str, now: Timestamp) -> Option<u16> {
        self.claims.iter().find_map(|(key, claim)| match key {
            Key::Tcp(port)
                if claim.subject == *subject
                    && *claim.label == *label
                    && !self.is_lapsed(key, claim, now) =>
            {
                Some(*port)
            }
            _ => None,
        })
    }

    /// Forgets lapsed claims. Call now and then.
    pub fn forget_lapsed(&mut self, now: Timestamp) -> usize {
        let lapsed: Vec<Key> = self
            .claims
            .iter()
            .filter(|(key, claim)| self.is_lapsed(key, claim, now))
            .map(|(key, _)| key.clone())
            .collect();
        for key in &lapsed {
            if let Some(claim) = self.claims.remove(key) {
                self.uncount(&claim.subject);
            }
        }
        lapsed.len()
    }

    /// Claims whose agents are away, not lapsed.
    pub fn away(&self, now: Timestamp) -> impl Iterator<Item = (&Key, &Claim)> {
        self.claims.iter().filter(move |(key, claim)| !self.is_live(key) && !self.is_lapsed(key, claim, now))
    }

    /// All claims with their last use, which is now for those served.
    pub fn snapshot(&self, now: Timestamp) -> Vec<(Key, Claim)> {
        let dated = |(key, claim): (&Key, &Claim)| {
            let last_used = if self.is_live(key) { now } else { claim.last_used };
            (key.clone(), Claim { last_used, ..claim.clone() })
        };
        self.claims.iter().map(dated).collect()
    }

    /// How many claims were made since the start.
    pub fn made(&self) -> u64 {
        self.made
    }

    pub fn live(&self) -> impl Iterator<Item = (&Slot, &Holder)> {
        self.live.iter()
    }
}
