//! The server that this node trusts: the life in force, read from the register, for one lease at a time.
//!
//! The decisions are in [`rescind_session::life`]; this module adds a clock, a lock, and the register. Every change of
//! the life also makes the pooled connections too old to be used again: a server that was demoted, refilled from
//! another and promoted again has kept its process, its connections and perhaps an old mark of its own.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use rescind_session::{
    LogId, MachineClock, SystemClock,
    life::{Check, Life, LogSnapshot, Proposals, Register, SyncBegun, Term, Timing, Trust},
    ports::LifeRegister,
};
use uuid::Uuid;

use super::error::Failure;

/// The state of this node's trust.
pub(super) struct Trusted {
    state: Mutex<State>,
    /// The number of the database in Redis, and the namespace: two of them are two copies of the log. The register tells them
    /// apart like two servers, since nodes with different copies would learn late of one another's logouts.
    place: String,
    /// Without a register this node is alone with its Redis.
    register: OnceLock<Arc<dyn LifeRegister>>,
    clock: SystemClock,
}

#[derive(Default)]
struct State {
    /// Connections of an earlier generation are not used again.
    connections: u64,
    trust: Trust,
    proposals: Proposals,
    /// The newest history of the database that this node has seen.
    timeline: u32,
    /// The replacement for a register: the log of the last sync, and the generation.
    own: Option<(LogId, Register)>,
    /// The running sync, by the nonce of its claim, and the term in which it may count.
    sync: Option<(Uuid, Option<SyncBegun>)>,
    /// The claim whose copy was complete, so that no fill is needed.
    goes_on: Option<Uuid>,
}

impl Trusted {
    pub(super) fn at(place: String) -> Self {
        Self {
            state: Mutex::default(),
            place,
            register: OnceLock::new(),
            clock: SystemClock::default(),
        }
    }

    pub(super) fn set_register(&self, register: Arc<dyn LifeRegister>) {
        // The first register stays.
        let _ = self.register.set(register);
    }

    pub(super) fn has_register(&self) -> bool {
        self.register.get().is_some()
    }

    /// Lets a decision be made on what is trusted now.
    pub(super) fn judged<T>(&self, judge: impl FnOnce(&Trust, Duration) -> T) -> T {
        let now = self.now();
        judge(&self.state().trust, now)
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.since_boot()
    }

    /// The generation of connections that are made now.
    pub(super) fn connections(&self) -> u64 {
        self.state().connections
    }

    /// The connections may be broken, or lead to a server that was demoted.
    pub(super) fn renew_connections(&self) {
        self.state().connections += 1;
    }

    /// The same, after the failure of one that was made in that generation: the failures of several concurrent commands
    /// count once.
    pub(super) fn renew_connections_of(&self, made_as: u64) {
        let mut state = self.state();
        if state.connections == made_as {
            state.connections += 1;
        }
    }

    /// Discards everything that was learned.
    pub(super) fn lose(&self) {
        let mut state = self.state();
        state.trust.lose();
        state.connections += 1;
    }

    pub(super) fn term(&self) -> Option<Term> {
        self.state().trust.term().cloned()
    }

    /// Called before a sync of that log begins.
    pub(super) fn is_of(&self, log: LogId) -> bool {
        let mut state = self.state();
        if self.register.get().is_none() && state.own.as_ref().is_none_or(|(own, _)| *own != log) {
            let generation = state.own.as_ref().map_or(0, |(_, register)| register.generation);
            state.own = Some((log, Register { life: None, generation }));
        }
        state.trust.term().is_some_and(|term| term.log == log)
    }

    /// Called when that life was found at the address, by a request that began at `asked_at`.
    pub(super) async fn found(&self, asked_at: Duration, life: &Life) -> Result<(), Failure> {
        let (sight, generation) = match self.register.get() {
            Some(register) => self.by_register(&**register, life).await?,
            None => self.alone(life)?,
        };
        let now = self.now();
        let timing = if self.register.get().is_some() {
            Timing::FORMAT
        } else {
            Timing::ALONE
        };
        let term = Term {
            log: sight.log,
            timeline: sight.timeline,
            generation,
            life: life.clone(),
        };
        let mut state = self.state();
        if state.trust.term().is_some_and(|known| known.life != term.life) {
            tracing::warn!("another Redis answers, or it was restarted: its copy of the log must be checked");
            state.connections += 1;
        }
        state.trust.observed(asked_at, now, term, &timing);
        Ok(())
    }

    /// Whether the database is still that of this term, by a read that begins now. A standby may have taken over since the
    /// last one; it gives positions again that the copies may already have.
    pub(super) async fn is_still(&self, term: &Term) -> Result<bool, Failure> {
        // A database without timelines has no standby.
        let Some(register) = self.register.get().filter(|_| term.timeline != 0) else {
            return Ok(true);
        };
        let (sight, _) = register.life_in_force().await.map_err(Failure::Register)?;
        Ok(!sight.is_standby && sight.log == term.log && sight.timeline == term.timeline)
    }

    async fn by_register(&self, register: &dyn LifeRegister, life: &Life) -> Result<(LogSnapshot, u64), Failure> {
        let (sight, in_force) = register.life_in_force().await.map_err(Failure::Register)?;
        {
            let mut state = self.state();
            if sight.is_standby || sight.timeline < state.timeline {
                return Err(Failure::NotPrimary);
            }
            state.timeline = sight.timeline;
        }
        let found = Life::new(&format!("{}{}", life.as_str(), self.place));
        let Some(next) = in_force.replaced_by(&found) else {
            return Ok((sight, in_force.generation));
        };
        if !self.state().proposals.allows(self.now()) {
            return Err(Failure::Alternating);
        }
        let is_set = register
            .set_life(in_force.generation, &next)
            .await
            .map_err(Failure::Register)?;
        if !is_set {
            return Err(Failure::NotInForce);
        }
        if let Some(replaced) = &in_force.life {
            let (found, replaced) = (found.as_str(), replaced.as_str());
            tracing::warn!(
                found,
                replaced,
                "the database now names another Redis, or another place in it, as the one that counts"
            );
        }
        if self.state().proposals.made(self.now()) {
            tracing::error!(
                "THE NODES FIND DIFFERENT REDIS SERVERS, database numbers or namespaces: at most one of them accepts tokens \
                 until all have the same. See REDIS_URL, RESCIND_REDIS_NAMESPACE, the sentinels, and names or proxies on \
                 the way"
            );
        }
        Ok((sight, next.generation))
    }

    fn alone(&self, life: &Life) -> Result<(LogSnapshot, u64), Failure> {
        let mut state = self.state();
        let (log, register) = state.own.as_mut().ok_or(Failure::NotInForce)?;
        if let Some(next) = register.replaced_by(life) {
            *register = next;
        }
        let sight = LogSnapshot {
            log: *log,
            timeline: 0,
            is_standby: false,
            head: rescind_session::Position::START,
            found: None,
        };
        Ok((sight, register.generation))
    }

    pub(super) fn sync_begins(&self, nonce: Uuid) {
        let now = self.now();
        let mut state = self.state();
        let begun = state.trust.sync_begins(now);
        state.sync = Some((nonce, begun));
    }

    /// The copy is already complete for the sync of that claim.
    pub(super) fn goes_on(&self, nonce: Uuid) {
        self.state().goes_on = Some(nonce);
    }

    /// Whether the sync of that claim fills the copy.
    pub(super) fn fills(&self, nonce: Uuid) -> bool {
        self.state().goes_on != Some(nonce)
    }

    pub(super) fn sync_ended(&self, nonce: Uuid, life: &Life) {
        let mut state = self.state();
        if let Some((_, Some(begun))) = state.sync.take_if(|(of, _)| *of == nonce) {
            state.trust.sync_ended(&begun, life);
        }
    }

    pub(super) fn check_begins(&self) -> Option<Check> {
        let now = self.now();
        self.state().trust.check_begins(now)
    }

    pub(super) fn accepts(&self, check: &Check, life: &Life) -> bool {
        let now = self.now();
        self.state().trust.accepts(check, life, now)
    }

    /// Whether an insert in that life may be confirmed. A node that is alone always confirms.
    pub(super) fn confirms(&self, life: &Life) -> bool {
        let now = self.now();
        self.register.get().is_none() || self.state().trust.confirms(life, now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No panic in here can leave a half-changed state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
