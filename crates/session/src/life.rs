//! Which copy of the revocation log counts, and for how long.
//!
//! Several servers may claim at a time to be the one that holds the blacklist: a planned failover leaves the old primary
//! at work for ten seconds, addresses flip back, and a node keeps its connections. An address alone cannot tell which one
//! counts. So **the life in force stands in SQL**, with a generation, and a node trusts it for one [lease](Timing) at a
//! time. Everything here is pure: times come in, decisions go out. `tests/life_model` explores it together with servers,
//! addresses, clocks and losses, and shows for each rule what happens without it. `docs/amnesia.md` has the argument.
//!
//! The rules, in one place:
//! 1. A node that freshly finds another life than the register names sets it, and the generation grows ([`Register`]).
//! 2. A lease is counted from *before* the fresh question and the read of the register ([`Trust::observed`]).
//! 3. At the first sight of a [`Term`] a node waits until no lease of an earlier one can be left, and then syncs to the end
//!    of the log by a sync that *began* after the wait ([`Trust::sync_begins`]).
//! 4. A check looks at the lease when it begins, and the reply must be of that life, under the same unbroken trust
//!    ([`Trust::check_begins`], [`Trust::accepts`]).
//! 5. A confirmation looks at the lease after the insert's reply, which must be of that life ([`Trust::confirms`]).
//! 6. A copy says itself how far it is complete, and in which life. The node keeps no position of its own. (Redis decides that
//!    in scripts; `tests/life_model/mark.rs` is their mirror.)
//! 7. A log that lacks what a mark names has lost commits ([`LogSnapshot::judge`]).

use std::{fmt, sync::Arc, time::Duration};

use uuid::Uuid;

use crate::revocation::{LogId, Position};

/// How often a node renews its lease.
pub const RENEW_EVERY: Duration = Duration::from_millis(250);

/// How long a node trusts what it has read, and how long the others wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a node trusts what it has read.
    pub lease: Duration,
    /// How long another node waits at the first sight of a term: longer than a lease by as much as two clocks may drift apart
    /// meanwhile. Clocks are slewed, by far less than a quarter.
    pub wait: Duration,
}

impl Timing {
    /// Part of the format of the keys in Redis: all nodes of a service must agree on it.
    pub const FORMAT: Self = Self {
        lease: Duration::from_secs(1),
        wait: Duration::from_millis(1_250),
    };

    /// For a program that is alone with its copy: there is no other node to wait for.
    pub const ALONE: Self = Self {
        lease: Duration::MAX,
        wait: Duration::ZERO,
    };
}

/// One life of one server: the run of its process, and the history of its data. Neither is ever drawn twice. A server that
/// was restarted, or promoted, is in another life, whatever it has kept.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Life(Arc<str>);

impl Life {
    /// A life by its name: `run_id/master_replid` in Redis.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The life in force, as it stands in the row of the log's head.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Register {
    /// None before a node has found the first one.
    pub life: Option<Life>,
    /// How often another life was set.
    pub generation: u64,
}

impl Register {
    /// What has to be written where a node freshly found this life: nothing if it is in force. To be written only over the
    /// generation that was read (compare-and-swap). A life that was in force before returns under a new generation.
    #[must_use]
    pub fn replaced_by(&self, found: &Life) -> Option<Self> {
        (self.life.as_ref() != Some(found)).then(|| Self {
            life: Some(found.clone()),
            generation: self.generation.saturating_add(1),
        })
    }
}

/// What a node trusts: a life, as it stands in one generation of the register of one history of one log. If any part
/// changes, trust begins again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    /// The identity of the log. A restore draws another one.
    pub log: LogId,
    /// The history of the database. A promoted standby begins another one, in which generations may be used again.
    pub timeline: u32,
    /// The generation of the register.
    pub generation: u64,
    /// The life that it names.
    pub life: Life,
}

/// How far a node trusts the life in force. All times are those of its own boot-time clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Trust(Option<Held>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Held {
    term: Term,
    /// From when on no node can trust an earlier term.
    alone_from: Duration,
    /// Whether the copy was synced to the log's end since then.
    synced: bool,
    /// Since when the lease was renewed in time, each time.
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
    /// A life was found at the address, and the register named it. `asked_at`: before both questions; `now`: after both
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
            // Of two that were under way at once, the earlier one came later.
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

    /// The term that was seen last.
    #[must_use]
    pub fn term(&self) -> Option<&Term> {
        self.0.as_ref().map(|held| &held.term)
    }

    /// Whether this node accepts and confirms now.
    #[must_use]
    pub fn is_in_force(&self, now: Duration) -> bool {
        self.in_force(now).is_some()
    }

    fn in_force(&self, now: Duration) -> Option<&Held> {
        self.0.as_ref().filter(|held| held.synced && now < held.until)
    }

    /// How long until a sync may count, where one has to.
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

    /// That sync has come to the end of the log, in the copy of that life.
    pub fn sync_ended(&mut self, begun: &SyncBegun, life: &Life) {
        if let Some(held) = &mut self.0
            && held.term == begun.0
            && held.term.life == *life
        {
            held.synced = true;
        }
    }

    /// A check begins now; nothing if this node has no lease.
    #[must_use]
    pub fn check_begins(&self, now: Duration) -> Option<Check> {
        let held = self.in_force(now)?;
        Some(Check {
            term: held.term.clone(),
            unbroken_since: held.unbroken_since,
        })
    }

    /// Whether a copy's word counts that came in reply to a check: the word of the copy in that life.
    #[must_use]
    pub fn accepts(&self, check: &Check, replied: &Life, now: Duration) -> bool {
        check.term.life == *replied
            && self
                .in_force(now)
                .is_some_and(|held| held.term == check.term && held.unbroken_since == check.unbroken_since)
    }

    /// Whether a logout may be confirmed whose entry was inserted in that life. To be asked after the insert's reply.
    #[must_use]
    pub fn confirms(&self, inserted: &Life, now: Duration) -> bool {
        self.in_force(now).is_some_and(|held| held.term.life == *inserted)
    }

    /// Nothing that was learned counts any more.
    pub fn lose(&mut self) {
        self.0 = None;
    }
}

/// One entry of the log, to be recognised: positions that a lost commit had are given a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogPosition {
    /// Where it stands.
    pub position: Position,
    /// Its own id; none for the beginning of a log, and for entries that are older than ids.
    pub entry: Option<Uuid>,
}

impl LogPosition {
    /// Before the first entry.
    pub const START: Self = Self {
        position: Position::START,
        entry: None,
    };
}

/// What one statement sees of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSnapshot {
    /// Its identity.
    pub log: LogId,
    /// The history of the database; 0 where there is only one.
    pub timeline: u32,
    /// Whether the database follows another one, and may lack what that has.
    pub is_standby: bool,
    /// The last position that was given.
    pub head: Position,
    /// The entry at the place that was asked about; none if there is none.
    pub found: Option<Uuid>,
}

/// What is to be thought of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum LogState {
    /// It goes on from where it was.
    Sound,
    /// A standby, or a history that was left: nothing follows from what it lacks.
    NotPrimary,
    /// It lacks an entry that was committed. Everything else that was committed then may be lost as well.
    LostCommits,
}

impl LogSnapshot {
    /// Compares the log with an entry of it that was seen before, at a place that was asked about in the same statement.
    /// An entry that is absent was pruned; one that is another, or a log that ends before it, lost what was there.
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

/// When a node may set the register again. Two nodes whose addresses lead to different servers would otherwise set it in
/// turns, for ever; nobody accepts meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proposals {
    last: Option<Duration>,
    in_a_row: u32,
}

impl Proposals {
    const LONGEST: Duration = Duration::from_secs(30);
    /// A register that stood for that long does not alternate.
    const QUIET: Duration = Duration::from_secs(60);

    fn pause(&self) -> Duration {
        // The first two come at once: a failover, and one that was taken back.
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

    /// It was set. Returns whether lives alternate since this time, which is worth one loud line.
    #[must_use]
    pub fn made(&mut self, now: Duration) -> bool {
        let is_quiet = self.last.is_none_or(|last| now.saturating_sub(last) >= Self::QUIET);
        self.in_a_row = if is_quiet { 1 } else { self.in_a_row.saturating_add(1) };
        self.last = Some(now);
        self.in_a_row == 3
    }
}
