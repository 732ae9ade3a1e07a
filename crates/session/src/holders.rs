//! Which nodes may answer from their own copy of the revocation log, and when a revocation may be acknowledged.
//!
//! A node that answers from its own copy is a **holder**. It registers in a table that all nodes share, beside the
//! entries, and renews its registration many times a second. Each renewal gives it a short [lease](Holder). A revoker
//! acknowledges a revocation once every holder has it, or once the lease of each other holder must have ended
//! ([`Revoker`], [`Confirmation`]). Everything here is pure, like [`life`](crate::life), on which it builds: times are
//! parameters, decisions are results. `tests/holder_model` explores it together with nodes, servers, clocks and losses,
//! and shows for each rule what happens without it. `docs/replicated.md` has the argument.
//!
//! The rules:
//! 1. A lease is counted from *before* the renewal was sent, and ends no later than the trust under which it was sent.
//! 2. It counts only once the node has applied the log up to the table's head, the last position inserted.
//! 3. A node that first sees a table reads the log to its end, by a read that *began* after that, before a lease counts.
//!    The same after a change of the [trusted term](Term).
//! 4. A table that was lost comes back under another name ([`HolderTerm`]). A revoker that first saw a table less than
//!    the longest lease ago waits until then: holders that it cannot see may have a lease of an earlier table.
//! 5. A revoker waits for a lease by its own clock, from when it saw the renewal, and with a quarter for the drift of
//!    two clocks.
//! 6. Only a row whose lease must have ended is removed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{
    life::{Term, Trust},
    revocation::Position,
};

/// The name of one table of holders: the log, the life of the server, the timeline of the database, and a nonce that is drawn
/// with the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HolderTerm(Arc<str>);

impl HolderTerm {
    /// A term from its name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How long a revoker waits for a lease of that length: a quarter more, since clocks are slewed by far less than that.
#[must_use]
pub fn wait_for(lease: Duration) -> Duration {
    lease.saturating_add(lease / 4)
}

/// A node's right to answer from its own copy. All times are of its own boot-time clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Holder(Option<Registered>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Registered {
    trust: Term,
    table: HolderTerm,
    /// `None` until a read of the log that began after the registration has reached its end.
    applied: Option<Position>,
    /// A lease that counts once that position is applied.
    offered: Option<(Position, Duration)>,
    until: Duration,
}

/// A renewal that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Renewal {
    trust: Term,
    until: Duration,
    /// The table that this node knows; in another one [`applied`](Self::applied) means nothing.
    pub table: Option<HolderTerm>,
    /// How far this node has applied the log.
    pub applied: Position,
}

/// The beginning of a read of the log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CopySync {
    trust: Term,
    table: HolderTerm,
}

impl Renewal {
    /// Under which trust it is sent.
    pub fn trust(&self) -> &Term {
        &self.trust
    }
}

impl Holder {
    /// A renewal will be sent now; `None` while this node does not trust the server.
    #[must_use]
    pub fn renewal_begins(&self, now: Duration, lease: Duration, trust: &Trust) -> Option<Renewal> {
        let (term, trusted_until) = trust.lease(now)?;
        let known = self.0.as_ref().filter(|registered| registered.trust == *term);
        Some(Renewal {
            trust: term.clone(),
            until: now.saturating_add(lease).min(trusted_until),
            table: known.map(|registered| registered.table.clone()),
            applied: known
                .and_then(|registered| registered.applied)
                .unwrap_or(Position::START),
        })
    }

    /// The reply to a renewal: the table in which this node is registered now, and its head.
    pub fn renewed(&mut self, renewal: Renewal, table: &HolderTerm, head: Position) {
        let is_known = |known: &Registered| known.table == *table && known.trust == renewal.trust;
        let registered = match self.0.take().filter(is_known) {
            Some(known) => known,
            None => Registered {
                trust: renewal.trust,
                table: table.clone(),
                applied: None,
                offered: None,
                until: Duration::ZERO,
            },
        };
        self.0.insert(registered).offered = Some((head, renewal.until));
        self.take_offer();
    }

    /// A read of the log begins now; `None` if this node is not registered, so that the read makes no lease count.
    pub fn sync_begins(&self) -> Option<CopySync> {
        self.0.as_ref().map(|registered| CopySync {
            trust: registered.trust.clone(),
            table: registered.table.clone(),
        })
    }

    /// That read reached the end of the log: the copy has every entry up to that one.
    pub fn sync_ended(&mut self, begun: &CopySync, to: Position) {
        if let Some(registered) = &mut self.0
            && registered.table == begun.table
            && registered.trust == begun.trust
        {
            registered.applied = registered.applied.max(Some(to));
        }
        self.take_offer();
    }

    /// The position after the last one applied in that table: only an entry at that position may be applied alone, since
    /// a later one may have come before an earlier one.
    #[must_use]
    pub fn next(&self, table: &HolderTerm) -> Option<Position> {
        let registered = self.0.as_ref().filter(|registered| registered.table == *table)?;
        registered.applied.map(Position::next)
    }

    /// The entry at that position, which was the [next](Self::next), is in the copy.
    pub fn advanced(&mut self, table: &HolderTerm, to: Position) {
        if self.next(table) == Some(to)
            && let Some(registered) = &mut self.0
        {
            registered.applied = Some(to);
        }
        self.take_offer();
    }

    /// The copy may lack entries: nothing is answered from it before it was read again.
    pub fn lose(&mut self) {
        self.0 = None;
    }

    /// Until when this node may answer from its copy: a check must begin before it.
    pub fn until(&self) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, |registered| registered.until)
    }

    fn take_offer(&mut self) {
        if let Some(registered) = &mut self.0
            && let Some((head, until)) = registered.offered
            && registered.applied.is_some_and(|applied| head <= applied)
        {
            registered.until = registered.until.max(until);
            registered.offered = None;
        }
    }
}

/// A node's row in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TableRow {
    /// The node: another one after each start of the program.
    pub node: Uuid,
    /// The number of its last renewal.
    pub renewal: u64,
    /// How long its lease is; zero for a node that reads directly.
    pub lease: Duration,
    /// How far it has applied the log.
    pub applied: Position,
}

/// The table, as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Table {
    /// Its name.
    pub term: HolderTerm,
    /// Its rows.
    pub rows: Vec<TableRow>,
}

/// What a node that revokes remembers of the table. All times are of its own boot-time clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Revoker {
    /// The table, and since when it is known.
    term: Option<(HolderTerm, Duration)>,
    /// The last renewal of each node, and since when it is known.
    rows: BTreeMap<Uuid, (u64, Duration)>,
}

impl Revoker {
    /// A reply showed that table. `now`: after the reply.
    pub fn saw(&mut self, now: Duration, table: &Table) {
        if self.term.as_ref().is_none_or(|(term, _)| *term != table.term) {
            self.term = Some((table.term.clone(), now));
            self.rows.clear();
        }
        self.rows
            .retain(|node, _| table.rows.iter().any(|row| row.node == *node));
        for row in &table.rows {
            let seen = self.rows.entry(row.node).or_insert((row.renewal, now));
            if seen.0 != row.renewal {
                *seen = (row.renewal, now);
            }
        }
    }

    /// What to wait for after an insert up to that position, given the table in its reply, which this node has just
    /// [seen](Self::saw). `longest`: how long a lease of an earlier table can last, drift included. `own` is the node
    /// itself, whose copy has the entries.
    #[must_use]
    pub fn confirmation(&self, table: &Table, position: Position, longest: Duration, own: Uuid) -> Confirmation {
        let known = self.term.as_ref().map_or(Duration::ZERO, |(_, since)| *since);
        let holders = table
            .rows
            .iter()
            .filter(|row| row.node != own && row.lease > Duration::ZERO && row.applied < position)
            .map(|row| {
                let since = self.rows.get(&row.node).map_or(known, |(_, since)| *since);
                (row.node, since.saturating_add(wait_for(row.lease)))
            });
        Confirmation {
            term: table.term.clone(),
            position,
            earlier_tables_until: known.saturating_add(longest),
            holders: holders.collect(),
        }
    }

    /// The rows, each with its renewal, of nodes that have not renewed for so long: they have no lease any more.
    pub fn silent_since(&self, now: Duration, longest: Duration) -> impl Iterator<Item = (Uuid, u64)> + '_ {
        let is_silent = move |since: Duration| since.saturating_add(longest) <= now;
        self.rows
            .iter()
            .filter(move |(_, (_, since))| is_silent(*since))
            .map(|(node, (renewal, _))| (*node, *renewal))
    }
}

/// A revocation that was inserted, and which holders may still lack it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Confirmation {
    term: HolderTerm,
    position: Position,
    earlier_tables_until: Duration,
    holders: Vec<(Uuid, Duration)>,
}

impl Confirmation {
    /// A later reply showed that table. Holders that are new in it have read the log since, or will. A holder without a row
    /// in it is waited for all the same: a replica that was promoted may lack the row, and the lease goes on.
    pub fn saw(&mut self, table: &Table) {
        if table.term != self.term {
            return;
        }
        self.holders.retain(|(node, _)| {
            let row = table.rows.iter().find(|row| row.node == *node);
            row.is_none_or(|row| row.applied < self.position)
        });
    }

    /// No reply can make [`until`](Self::until) earlier than this.
    pub fn earliest(&self) -> Duration {
        self.earlier_tables_until
    }

    /// From when on no copy that lacks the revocation is answered from, by the revoker's clock. Every later
    /// [`saw`](Self::saw) can only make it earlier.
    pub fn until(&self) -> Duration {
        let holders = self.holders.iter().map(|(_, until)| *until).max();
        holders.unwrap_or_default().max(self.earlier_tables_until)
    }
}
