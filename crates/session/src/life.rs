//! Which copy of the revocation log is authoritative, and for how long.
//!
//! Several servers may claim to hold the blacklist at the same time: a planned failover leaves the old primary running
//! for ten seconds, addresses flip back, and a node keeps its connections. An address alone does not show which one is
//! authoritative. So **the life in force is stored in SQL**, with a generation, and a node trusts it for one
//! [lease](Timing) at a time. Everything here is pure: times are parameters, decisions are results. `tests/life_model`
//! explores it together with servers, addresses, clocks and losses, and shows for each rule what happens without it.
//! `docs/amnesia.md` has the argument.
//!
//! The rules:
//! 1. A node that newly finds another life than the register names sets it and raises the generation ([`Register`]).
//! 2. A lease is counted from *before* the server is queried and the register is read ([`Trust::observed`]).
//! 3. When a node first sees a [`Term`], it waits until every lease of an earlier term has expired. Then it syncs to
//!    the end of the log, by a sync that *began* after the wait ([`Trust::sync_begins`]).
//! 4. A check needs the lease when it begins, and its reply must come from that life, under the same unbroken trust
//!    ([`Trust::check_begins`], [`Trust::accepts`]).
//! 5. A confirmation needs the lease after the insert's reply, which must come from that life ([`Trust::confirms`]).
//! 6. A copy itself records how far it is complete, and in which life. The node keeps no position of its own. (Redis
//!    decides that in scripts; `tests/life_model/mark.rs` mirrors them.)
//! 7. A log that lacks the entry that a mark names has lost commits ([`LogSnapshot::judge`]).

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use crate::revocation::{LogId, Position};

/// How often a node renews its lease.
pub const RENEW_EVERY: Duration = Duration::from_millis(250);

/// How long a node trusts what it has read, and how long the others wait for that to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a node trusts what it has read.
    pub lease: Duration,
    /// How long another node waits when it first sees a term: a lease plus the drift of two clocks meanwhile. Clocks
    /// are slewed by far less than a quarter.
    pub wait: Duration,
}

impl Timing {
    /// Part of the format of the keys in Redis: all nodes of a service must agree on it.
    pub const FORMAT: Self = Self {
        lease: Duration::from_secs(1),
        wait: Duration::from_millis(1_250),
    };

    /// For a program that does not share its copy: there is no other node to wait for.
    pub const ALONE: Self = Self {
        lease: Duration::MAX,
        wait: Duration::ZERO,
    };
}

/// One life of one server: one run of its process with one history of its data. Their identifiers are never reused.
/// After a restart or a promotion the server is in another life, even if it kept its data.
#[derive(Clone, derive_more::Debug, PartialEq, Eq, Hash)]
#[debug("{_0}")]
pub struct Life(Arc<str>);

impl Life {
    /// A life from its name: `run_id/master_replid` in Redis. In the register the number of the database and the namespace
    /// may follow.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The life in force, as stored in the row of the log's head.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Register {
    /// `None` until a node has found the first one.
    pub life: Option<Life>,
    /// How often another life was set.
    pub generation: u64,
}

impl Register {
    /// What to write when a node newly finds this life; `None` if it is in force. Write it only over the generation
    /// that was read (compare-and-swap). A life that was in force earlier returns under a new generation.
    #[must_use]
    pub fn replaced_by(&self, found: &Life) -> Option<Self> {
        (self.life.as_ref() != Some(found)).then(|| Self {
            life: Some(found.clone()),
            generation: self.generation.saturating_add(1),
        })
    }
}

/// What a node trusts: a life, in one generation of the register, on one timeline of one log. If any part changes,
/// trust begins again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    /// The identity of the log. A restore draws a new one.
    pub log: LogId,
    /// The timeline of the database. A promoted standby begins a new one, on which generations may repeat.
    pub timeline: u32,
    /// The generation of the register.
    pub generation: u64,
    /// The life that the register names.
    pub life: Life,
}

/// A node's trust in the life in force. All times are of its own boot-time clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Trust(Option<Held>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Held {
    term: Term,
    /// From when on no node can trust an earlier term.
    alone_from: Duration,
    /// Whether the copy was synced to the log's end after that.
    synced: bool,
    /// Since when each renewal was in time.
    unbroken_since: Duration,
    until: Duration,
}

/// The beginning of a check.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Check {
    term: Term,
    unbroken_since: Duration,
}

/// The beginning of a sync that may end a wait.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SyncBegun(Term);

impl Trust {
    /// A life was found at the address, and the register named it. `asked_at`: before both queries; `now`: after both
    /// replies.
    pub fn observed(&mut self, asked_at: Duration, now: Duration, term: Term, timing: &Timing) {
        let until = asked_at.saturating_add(timing.lease);
        match &mut self.0 {
            Some(held) if held.term == term => {
                if held.until <= now {
                    held.unbroken_since = asked_at;
                }
                held.until = held.until.max(until);
            }
            // Of two concurrent observations, the one that began earlier ended later.
            Some(held) if asked_at < held.unbroken_since => {}
            held => {
                *held = Some(Held {
                    term,
                    alone_from: now.saturating_add(timing.wait),
                    synced: false,
                    unbroken_since: asked_at,
                    until,
                });
            }
        }
    }

    /// The last term seen.
    pub fn term(&self) -> Option<&Term> {
        self.0.as_ref().map(|held| &held.term)
    }

    fn in_force(&self, now: Duration) -> Option<&Held> {
        self.0.as_ref().filter(|held| held.synced && now < held.until)
    }

    /// What this node trusts now, and until when; without it the node neither accepts nor confirms.
    #[must_use]
    pub fn lease(&self, now: Duration) -> Option<(&Term, Duration)> {
        self.in_force(now).map(|held| (&held.term, held.until))
    }

    /// How long until a sync may count; `None` if none is needed.
    #[must_use]
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        let held = self.0.as_ref().filter(|held| !held.synced)?;
        Some(held.alone_from.saturating_sub(now))
    }

    /// A sync begins now; the term in which it may count, once the wait is over.
    #[must_use]
    pub fn sync_begins(&self, now: Duration) -> Option<SyncBegun> {
        let held = self.0.as_ref().filter(|held| held.alone_from <= now)?;
        Some(SyncBegun(held.term.clone()))
    }

    /// That sync reached the end of the log, in the copy of that life.
    pub fn sync_ended(&mut self, begun: &SyncBegun, life: &Life) {
        if let Some(held) = &mut self.0
            && held.term == begun.0
            && held.term.life == *life
        {
            held.synced = true;
        }
    }

    /// A check begins now; `None` if this node has no lease.
    #[must_use]
    pub fn check_begins(&self, now: Duration) -> Option<Check> {
        let held = self.in_force(now)?;
        Some(Check {
            term: held.term.clone(),
            unbroken_since: held.unbroken_since,
        })
    }

    /// Whether the reply to a check counts, given the life of the copy that sent it.
    #[must_use]
    pub fn accepts(&self, check: &Check, replied: &Life, now: Duration) -> bool {
        check.term.life == *replied
            && self
                .in_force(now)
                .is_some_and(|held| held.term == check.term && held.unbroken_since == check.unbroken_since)
    }

    /// Whether a logout whose entry was inserted in that life may be confirmed. Call it after the insert's reply.
    #[must_use]
    pub fn confirms(&self, inserted: &Life, now: Duration) -> bool {
        self.in_force(now).is_some_and(|held| held.term.life == *inserted)
    }

    /// Discards everything that was learned.
    pub fn lose(&mut self) {
        self.0 = None;
    }
}

/// An entry of the log, with its identity: the position of a lost commit is assigned a second time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct LogPosition {
    /// Its position.
    pub position: Position,
    /// Its id; `None` for the beginning of a log, and for entries from before ids existed.
    pub entry: Option<Uuid>,
}

impl LogPosition {
    /// Before the first entry.
    pub const START: Self = Self {
        position: Position::START,
        entry: None,
    };
}

/// The state of the log, read in one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSnapshot {
    /// Its identity.
    pub log: LogId,
    /// The timeline of the database; 0 if there is only one.
    pub timeline: u32,
    /// Whether the database follows another one, and may lack its latest commits.
    pub is_standby: bool,
    /// The last position assigned.
    pub head: Position,
    /// The entry at the requested position, if there is one.
    pub found: Option<Uuid>,
}

/// The verdict on a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum LogState {
    /// It continues what was seen.
    Sound,
    /// A standby, or an abandoned timeline: what it lacks proves nothing.
    NotPrimary,
    /// It lacks a committed entry. Other commits of that time may be lost too.
    LostCommits,
}

impl LogSnapshot {
    /// Compares the log with an entry seen earlier, whose position the same statement read. An absent entry was pruned.
    /// A different entry, or a log that ends before it, means lost commits.
    pub fn judge(&self, newest_timeline: u32, seen: Option<&LogPosition>) -> LogState {
        if self.is_standby || self.timeline < newest_timeline {
            return LogState::NotPrimary;
        }
        let Some(seen) = seen else { return LogState::Sound };
        let is_another = self
            .found
            .is_some_and(|found| seen.entry.is_some_and(|entry| entry != found));
        if self.head < seen.position || is_another {
            LogState::LostCommits
        } else {
            LogState::Sound
        }
    }
}

/// Limits how often a node may set the register. Otherwise two nodes whose addresses lead to different servers would
/// set it in turns for ever, and no node accepts tokens meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proposals {
    last: Option<Duration>,
    in_a_row: u32,
}

impl Proposals {
    const LONGEST: Duration = Duration::from_secs(30);
    /// A register that was stable for that long does not alternate.
    const QUIET: Duration = Duration::from_secs(60);

    fn pause(&self) -> Duration {
        // No pause before the first two: a failover, and its reversal.
        match self.in_a_row.checked_sub(2) {
            None => Duration::ZERO,
            Some(doublings) => Duration::from_secs(1 << doublings.min(5)).min(Self::LONGEST),
        }
    }

    /// Whether it may be set now.
    #[must_use]
    pub fn allows(&self, now: Duration) -> bool {
        self.last.is_none_or(|last| now.saturating_sub(last) >= self.pause())
    }

    /// It was set. Returns true the first time that lives alternate, to be logged once as an error.
    #[must_use]
    pub fn made(&mut self, now: Duration) -> bool {
        let is_quiet = self.last.is_none_or(|last| now.saturating_sub(last) >= Self::QUIET);
        self.in_a_row = if is_quiet { 1 } else { self.in_a_row.saturating_add(1) };
        self.last = Some(now);
        self.in_a_row == 3
    }
}
