//! The model's state and its steps.

use std::{sync::LazyLock, time::Duration};

use rescind_session::{
    LogId, Position,
    holders::{Confirmation, CopySync, Holder, HolderTerm, Renewal, Revoker, Table, TableRow},
    life::{Life, Register, Term, Timing, Trust},
};
use stateright::{Model, Property};
use uuid::Uuid;

/// The shortest lease and drift between which a clock can drift: a lease of two ticks is waited for in three.
const TIMING: Timing = Timing {
    lease: ticks(2),
    wait: ticks(3),
};
/// The time at which histories begin, every node with a lease.
const BEGIN: u8 = 4;
const NODES: usize = 3;

/// The property that must always hold.
pub(crate) const REFUSED: &str = "what was acknowledged is refused by every copy";
/// What must be possible, or the property would hold because nothing happens.
pub(crate) const SERVES: &str = "a copy answers after an acknowledged logout";

const fn ticks(ticks: u8) -> Duration {
    Duration::from_secs(ticks as u64)
}

fn position(number: u8) -> Position {
    Position::new(u64::from(number))
}

/// A life, by server and how often that was promoted. Made once: histories have millions of them.
fn life(server: u8, run: u8) -> Life {
    static ALL: LazyLock<Vec<Life>> = LazyLock::new(|| {
        (0..2)
            .flat_map(|server| (0..4).map(move |run| Life::new(&format!("{server}{run}"))))
            .collect()
    });
    ALL[usize::from(server * 4 + run)].clone()
}

/// The name of a table.
fn table_name(life: &Life, nonce: u8) -> HolderTerm {
    HolderTerm::new(&format!("{} {nonce}", life.as_str()))
}

/// Which rules hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    /// A revoker waits for the holders.
    WaitForHolders,
    /// A lease is counted from before the renewal was sent.
    LeaseFromBefore,
    /// A lease ends with the trust under which it was renewed.
    LeaseWithinTrust,
    /// A lease counts only once the head is applied.
    HeadApplied,
    /// Entries are applied one after the other.
    NoGap,
    /// A lease in a new table needs a read of the log that began after the registration.
    SyncAfterRegistration,
    /// A table that was lost comes back under another name.
    Nonce,
    /// A revoker that has just seen a table waits for leases of earlier ones.
    WaitAfterNewTable,
    /// Plus the drift of clocks.
    WaitDrift,
    /// A wait is counted from after the reply to the insert.
    WaitFromReply,
    /// A row stays until its lease must have ended.
    RowsStay,
    /// No row goes because Redis's clock says so.
    NoTtl,
    /// The confirming node trusts the server in which it inserted.
    ConfirmUnderTrust,
}

/// How much may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// How far the clocks go.
    pub(crate) ticks: u8,
    /// How often a clock stands still for a tick.
    pub(crate) slow: u8,
    /// How many sessions are logged out: the first by node 0, the second by node 1.
    pub(crate) logouts: u8,
    pub(crate) flushes: u8,
    /// How often all nodes' addresses lead to the other server, which has the data of the first if `copies`.
    pub(crate) failovers: u8,
    pub(crate) crashes: u8,
    /// Replies to renewals that never arrive.
    pub(crate) losses: u8,
}

pub(crate) const NOTHING: Budget = Budget {
    ticks: 0,
    slow: 0,
    logouts: 1,
    flushes: 0,
    failovers: 0,
    crashes: 0,
    losses: 0,
};

/// The operations that are split into steps, so that others can interleave. The rest is atomic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split {
    pub(crate) renewal: bool,
    pub(crate) sync: bool,
    pub(crate) insert: bool,
}

pub(crate) const WHOLE: Split = Split {
    renewal: false,
    sync: false,
    insert: false,
};

/// What is explored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Histories {
    /// How many nodes there are. All hold a copy, except the first one if `direct`.
    pub(crate) nodes: usize,
    pub(crate) direct: bool,
    /// Whether the newest entries reach a holder with its renewals. If not, it reads them from SQL.
    pub(crate) window: bool,
    pub(crate) budget: Budget,
    pub(crate) split: Split,
    /// The rule that is left out.
    pub(crate) without: Option<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    clocks: [u8; NODES],
    /// The server to which new connections lead.
    primary: u8,
    /// The session at each position of the log in SQL.
    log: Vec<u8>,
    register: Register,
    servers: [Server; 2],
    nodes: Vec<Node>,
    logouts: [Logout; 2],
    nonces: u8,
    left: Budget,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Server {
    id: u8,
    run: u8,
    table: Option<Holders>,
}

/// The table of holders, as Redis has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Holders {
    life: Life,
    term: HolderTerm,
    head: u8,
    /// A bit for each position that was inserted.
    newest: u8,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Row {
    node: Uuid,
    renewal: u64,
    applied: Position,
    /// By Redis's clock; only where rows go by it.
    age: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Node {
    /// How often it crashed.
    run: u8,
    trust: Trust,
    connected: u8,
    holder: Holder,
    revoker: Revoker,
    /// A bit for each position that its copy has.
    copy: u8,
    renewal: Option<Sent>,
    sync: Option<(Option<CopySync>, u8)>,
}

/// A renewal on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sent {
    at: u8,
    renewal: Renewal,
    life: Life,
    reply: Option<(HolderTerm, u8, u8)>,
}

/// The progress of a logout.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Logout {
    No,
    /// At that position; the insert was sent at that time.
    Committed(u8, u8),
    /// The reply to the insert is on its way.
    Inserted(u8, u8, Life, Table),
    Waits(u8, Life, Confirmation),
    Acknowledged(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Tick,
    SlowTick(u8),
    Flush,
    FailOver {
        copies: bool,
    },
    Crash(u8),
    Trusts(u8),
    Renews(u8),
    Sends(u8),
    Serves(u8),
    Receives(u8),
    Loses(u8),
    Syncs(u8),
    SyncBegins(u8),
    SyncEnds(u8),
    Tidies(u8),
    Commits(u8),
    Inserts(u8),
    InsertReplied(u8),
    /// By a revoker for its logout, or by any node beside it, then plus ten.
    Polls(u8),
    Confirms(u8),
    Repeats(u8),
}

impl Histories {
    fn holds(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// How long a lease lasts, as the table says it.
    fn said_lease(&self) -> Duration {
        // So that with the quarter for drift it is what the lease really is.
        if self.holds(Rule::WaitDrift) {
            TIMING.lease
        } else {
            TIMING.lease * 4 / 5
        }
    }

    fn longest(&self) -> Duration {
        if self.holds(Rule::WaitAfterNewTable) {
            TIMING.wait
        } else {
            Duration::ZERO
        }
    }
}

impl Server {
    fn life(&self) -> Life {
        life(self.id, self.run)
    }

    /// The table of this life; a new one if there is none.
    fn table(&mut self, nonces: &mut u8, with_nonce: bool) -> &mut Holders {
        let life = self.life();
        if self.table.as_ref().is_none_or(|table| table.life != life) {
            *nonces += u8::from(with_nonce);
            self.table = Some(Holders {
                term: table_name(&life, *nonces),
                life,
                head: 0,
                newest: 0,
                rows: Vec::new(),
            });
        }
        self.table.as_mut().unwrap()
    }
}

impl Holders {
    fn as_seen(&self, lease: Duration) -> Table {
        let row = |row: &Row| TableRow {
            node: row.node,
            renewal: row.renewal,
            lease,
            applied: row.applied,
        };
        Table {
            term: self.term.clone(),
            rows: self.rows.iter().map(row).collect(),
        }
    }
}

impl World {
    fn now(&self, node: usize) -> Duration {
        ticks(self.clocks[node])
    }

    fn name(&self, node: usize) -> Uuid {
        Uuid::from_u128(u128::from(self.nodes[node].run) * 10 + node as u128)
    }

    fn server(&mut self, node: usize) -> &mut Server {
        &mut self.servers[usize::from(self.nodes[node].connected)]
    }

    /// Whether some copy that may answer lacks what was acknowledged.
    fn is_broken(&self) -> bool {
        let acknowledged = self.logouts.iter().filter_map(|logout| match logout {
            Logout::Acknowledged(position) => Some(*position),
            _ => None,
        });
        acknowledged.into_iter().any(|position| {
            (0..self.nodes.len()).any(|node| {
                let it = &self.nodes[node];
                self.now(node) < it.holder.until() && it.copy & (1 << position) == 0
            })
        })
    }
}

impl Model for Histories {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let node = Node {
            run: 0,
            trust: Trust::default(),
            connected: 0,
            holder: Holder::default(),
            revoker: Revoker::default(),
            copy: 0,
            renewal: None,
            sync: None,
        };
        let server = |id| Server {
            id,
            run: 0,
            table: None,
        };
        let mut world = World {
            clocks: [0; NODES],
            primary: 0,
            log: Vec::new(),
            register: Register {
                life: None,
                generation: 0,
            },
            servers: [server(0), server(1)],
            nodes: vec![node; self.nodes],
            logouts: [Logout::No, Logout::No],
            nonces: 0,
            left: self.budget,
        };
        let nodes = 0..u8::try_from(self.nodes).unwrap();
        // Each trusts the server, and has known the table for as long as any lease.
        for clock in [0, 3, BEGIN] {
            world.clocks = [clock; NODES];
            for node in nodes.clone() {
                self.take(&mut world, Step::Trusts(node)).unwrap();
            }
        }
        for node in nodes.skip(usize::from(self.direct)) {
            self.take(&mut world, Step::Renews(node)).unwrap();
            self.take(&mut world, Step::Syncs(node)).unwrap();
            self.take(&mut world, Step::Renews(node)).unwrap();
            assert!(ticks(BEGIN) < world.nodes[usize::from(node)].holder.until());
        }
        for node in 0..u8::try_from(self.nodes).unwrap() {
            self.take(&mut world, Step::Polls(node + 10)).unwrap();
        }
        vec![world]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if world.is_broken() {
            return;
        }
        let left = &world.left;
        let mut add = |possible: bool, step| {
            if possible {
                steps.push(step);
            }
        };
        add(left.ticks > 0, Step::Tick);
        let primary = &world.servers[usize::from(world.primary)];
        add(left.flushes > 0 && primary.table.is_some(), Step::Flush);
        add(left.failovers > 0, Step::FailOver { copies: true });
        add(left.failovers > 0, Step::FailOver { copies: false });
        for index in 0..u8::try_from(self.nodes).unwrap() {
            let node = &world.nodes[usize::from(index)];
            add(left.ticks > 0 && left.slow > 0, Step::SlowTick(index));
            add(left.crashes > 0, Step::Crash(index));
            // Otherwise trust is renewed by every tick.
            add(self.budget.failovers > 0, Step::Trusts(index));
            if self.direct && index == 0 {
                continue;
            }
            match (&node.renewal, self.split.renewal) {
                (None, false) => add(true, Step::Renews(index)),
                (None, true) => add(true, Step::Sends(index)),
                (Some(Sent { reply: None, .. }), _) => add(true, Step::Serves(index)),
                (Some(_), _) => {
                    add(true, Step::Receives(index));
                    add(left.losses > 0, Step::Loses(index));
                }
            }
            match (&node.sync, self.split.sync) {
                (None, false) => add(true, Step::Syncs(index)),
                (None, true) => add(true, Step::SyncBegins(index)),
                (Some(_), _) => add(true, Step::SyncEnds(index)),
            }
        }
        for index in 0..left.logouts.min(2) {
            add(true, Step::Tidies(index));
            match &world.logouts[usize::from(index)] {
                Logout::No => add(true, Step::Commits(index)),
                Logout::Committed(..) => add(true, Step::Inserts(index)),
                Logout::Inserted(..) => add(true, Step::InsertReplied(index)),
                Logout::Waits(..) => {
                    add(true, Step::Polls(index));
                    add(true, Step::Confirms(index));
                    // A client may repeat an unacknowledged logout.
                    add(true, Step::Repeats(index));
                }
                Logout::Acknowledged(_) => {}
            }
        }
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut world = last.clone();
        self.take(&mut world, step)?;
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(REFUSED, |_, world: &World| !world.is_broken()),
            Property::sometimes(SERVES, |histories: &Self, world: &World| {
                matches!(world.logouts[0], Logout::Acknowledged(_))
                    && world.left.failovers == 0
                    && world.left.flushes == 0
                    && (0..histories.nodes).any(|node| world.now(node) < world.nodes[node].holder.until())
            }),
        ]
    }
}

impl Histories {
    fn take(&self, world: &mut World, step: Step) -> Option<()> {
        match step {
            Step::Tick => self.tick(world, None),
            Step::SlowTick(slow) => {
                world.left.slow -= 1;
                self.tick(world, Some(usize::from(slow)));
            }
            Step::Flush => {
                world.left.flushes -= 1;
                world.servers[usize::from(world.primary)].table = None;
            }
            Step::FailOver { copies } => {
                world.left.failovers -= 1;
                let [from, to] = if world.primary == 0 { [0, 1] } else { [1, 0] };
                world.primary ^= 1;
                // Without the data it is a server to which an address leads again, in the same life.
                if copies {
                    world.servers[to].run += 1;
                    world.servers[to].table = world.servers[from].table.clone();
                }
            }
            Step::Crash(node) => {
                world.left.crashes -= 1;
                let node = &mut world.nodes[usize::from(node)];
                *node = Node {
                    run: node.run + 1,
                    trust: Trust::default(),
                    connected: node.connected,
                    holder: Holder::default(),
                    revoker: Revoker::default(),
                    copy: 0,
                    renewal: None,
                    sync: None,
                };
            }
            // A node that renews its trust looks at the table too.
            Step::Trusts(node) => {
                self.trusts(world, usize::from(node));
                self.take(world, Step::Polls(node + 10))?;
            }
            Step::Renews(node) => {
                self.take(world, Step::Sends(node))?;
                self.take(world, Step::Serves(node))?;
                self.take(world, Step::Receives(node))?;
            }
            Step::Sends(node) => self.sends(world, usize::from(node))?,
            Step::Serves(node) => self.serves(world, usize::from(node))?,
            Step::Receives(node) => self.receives(world, usize::from(node))?,
            Step::Loses(node) => {
                world.left.losses -= 1;
                world.nodes[usize::from(node)].renewal = None;
            }
            Step::Syncs(node) => {
                self.take(world, Step::SyncBegins(node))?;
                self.take(world, Step::SyncEnds(node))?;
            }
            Step::SyncBegins(node) => {
                let read = u8::try_from(world.log.len()).unwrap();
                let node = &mut world.nodes[usize::from(node)];
                node.sync = Some((node.holder.sync_begins(), read));
            }
            Step::SyncEnds(node) => {
                let node = &mut world.nodes[usize::from(node)];
                let (mut begun, read) = node.sync.take()?;
                node.copy |= (2 << read) - 1;
                if !self.holds(Rule::SyncAfterRegistration) {
                    begun = node.holder.sync_begins();
                }
                if let Some(begun) = begun {
                    node.holder.sync_ended(&begun, position(read));
                }
            }
            Step::Tidies(node) => self.tidies(world, usize::from(node))?,
            Step::Commits(session) => {
                world.log.push(session);
                let at = u8::try_from(world.log.len()).unwrap();
                world.logouts[usize::from(session)] = Logout::Committed(at, world.clocks[usize::from(session)]);
            }
            Step::Inserts(session) => self.inserts(world, usize::from(session))?,
            Step::InsertReplied(session) => self.insert_replied(world, usize::from(session))?,
            Step::Polls(session) => {
                let node = usize::from(session % 10);
                let table = self.look(world, node);
                let now = world.now(node);
                world.nodes[node].revoker.saw(now, &table);
                if session < 10
                    && let Logout::Waits(_, _, confirmation) = &mut world.logouts[node]
                {
                    confirmation.saw(&table);
                }
            }
            Step::Confirms(session) => {
                let node = usize::from(session);
                let Logout::Waits(at, inserted, confirmation) = &world.logouts[node] else {
                    return None;
                };
                let (now, trust) = (world.now(node), &world.nodes[node].trust);
                let is_over = now >= confirmation.until() || !self.holds(Rule::WaitForHolders);
                let trusts = trust.confirms(inserted, now) || !self.holds(Rule::ConfirmUnderTrust);
                if !is_over || !trusts {
                    return None;
                }
                world.logouts[node] = Logout::Acknowledged(*at);
            }
            Step::Repeats(session) => {
                let Logout::Waits(at, ..) = world.logouts[usize::from(session)] else {
                    return None;
                };
                world.logouts[usize::from(session)] = Logout::Committed(at, world.clocks[usize::from(session)]);
            }
        }
        Some(())
    }

    fn tick(&self, world: &mut World, slow: Option<usize>) {
        world.left.ticks -= 1;
        for (node, clock) in world.clocks.iter_mut().enumerate() {
            *clock += u8::from(slow != Some(node));
        }
        for node in 0..self.nodes {
            if self.budget.failovers == 0 {
                self.trusts(world, node);
            }
        }
        if self.holds(Rule::NoTtl) {
            return;
        }
        for table in world.servers.iter_mut().filter_map(|server| server.table.as_mut()) {
            table.rows.iter_mut().for_each(|row| row.age += 1);
            table.rows.retain(|row| ticks(row.age) < TIMING.lease);
        }
    }

    /// Asks the primary for its life and the register whether it counts, and syncs the entries if a wait is over.
    fn trusts(&self, world: &mut World, index: usize) {
        let now = world.now(index);
        let found = world.servers[usize::from(world.primary)].life();
        if let Some(next) = world.register.replaced_by(&found) {
            world.register = next;
        }
        let term = Term {
            log: LogId::from_uuid(Uuid::nil()),
            timeline: 1,
            generation: world.register.generation,
            life: found.clone(),
        };
        let node = &mut world.nodes[index];
        node.connected = world.primary;
        node.trust.observed(now, now, term, &TIMING);
        if let Some(begun) = node.trust.sync_begins(now) {
            node.trust.sync_ended(&begun, &found);
        }
    }

    fn sends(&self, world: &mut World, index: usize) -> Option<()> {
        let (now, at) = (world.now(index), world.clocks[index]);
        let node = &mut world.nodes[index];
        let renewal = node.holder.renewal_begins(now, TIMING.lease, &node.trust)?;
        let life = node.trust.term()?.life.clone();
        node.renewal = Some(Sent {
            at,
            renewal,
            life,
            reply: None,
        });
        Some(())
    }

    fn serves(&self, world: &mut World, index: usize) -> Option<()> {
        let (name, with_nonce) = (world.name(index), self.holds(Rule::Nonce));
        let mut nonces = world.nonces;
        let mut sent = world.nodes[index].renewal.take()?;
        let server = world.server(index);
        // The script does nothing in another life. The reply says so, and gives nothing.
        if server.life() != sent.life {
            return Some(());
        }
        let table = server.table(&mut nonces, with_nonce);
        let applied = if sent.renewal.table.as_ref() == Some(&table.term) {
            sent.renewal.applied
        } else {
            Position::START
        };
        table.rows.retain(|row| row.node != name);
        table.rows.push(Row {
            node: name,
            renewal: sent.at.into(),
            applied,
            age: 0,
        });
        table.rows.sort_by_key(|row| row.node);
        sent.reply = Some((table.term.clone(), table.head, table.newest));
        world.nonces = nonces;
        world.nodes[index].renewal = Some(sent);
        Some(())
    }

    fn receives(&self, world: &mut World, index: usize) -> Option<()> {
        let now = world.now(index);
        let node = &mut world.nodes[index];
        let mut sent = node.renewal.take()?;
        let (term, mut head, newest) = sent.reply?;
        if !self.holds(Rule::LeaseFromBefore) {
            sent.renewal = node.holder.renewal_begins(now, TIMING.lease, &node.trust)?;
        }
        if !self.holds(Rule::LeaseWithinTrust) {
            // A trust that never ends, in the same term.
            let mut trust = Trust::default();
            let endless = Timing {
                lease: Duration::MAX,
                wait: Duration::ZERO,
            };
            let term = node.trust.term()?.clone();
            trust.observed(Duration::ZERO, Duration::ZERO, term.clone(), &endless);
            let begun = trust.sync_begins(now)?;
            trust.sync_ended(&begun, &term.life);
            sent.renewal = node.holder.renewal_begins(ticks(sent.at), TIMING.lease, &trust)?;
        }
        if !self.holds(Rule::HeadApplied) {
            head = 0;
        }
        node.holder.renewed(sent.renewal, &term, position(head));
        for at in 1..4_u8 {
            let is_there = self.window && newest & (1 << at) != 0;
            let is_next = node.holder.next(&term) == Some(position(at));
            let has_gap = is_there && !self.holds(Rule::NoGap) && self.holds(Rule::HeadApplied);
            if is_there && (is_next || has_gap) {
                node.copy |= 1 << at;
                // What a node would do that takes the newest entry for the whole tail.
                while has_gap && node.holder.next(&term).is_some_and(|next| next < position(at)) {
                    let next = node.holder.next(&term)?;
                    node.holder.advanced(&term, next);
                }
                node.holder.advanced(&term, position(at));
            }
        }
        Some(())
    }

    fn tidies(&self, world: &mut World, index: usize) -> Option<()> {
        let (now, own) = (world.now(index), world.name(index));
        let longest = if self.holds(Rule::RowsStay) {
            TIMING.wait
        } else {
            Duration::ZERO
        };
        let silent: Vec<_> = world.nodes[index].revoker.silent_since(now, longest).collect();
        let table = world.server(index).table.as_mut()?;
        table
            .rows
            .retain(|row| row.node == own || !silent.contains(&(row.node, row.renewal)));
        Some(())
    }

    fn look(&self, world: &mut World, index: usize) -> Table {
        let (with_nonce, lease) = (self.holds(Rule::Nonce), self.said_lease());
        let mut nonces = world.nonces;
        let table = world.server(index).table(&mut nonces, with_nonce).as_seen(lease);
        world.nonces = nonces;
        table
    }

    fn inserts(&self, world: &mut World, session: usize) -> Option<()> {
        let Logout::Committed(at, sent_at) = world.logouts[session] else {
            return None;
        };
        // The node's own copy first.
        world.nodes[session].copy |= 1 << at;
        let seen = self.look(world, session);
        let server = world.server(session);
        let life = server.life();
        let table = server.table.as_mut()?;
        table.head = table.head.max(at);
        table.newest |= 1 << at;
        world.logouts[session] = Logout::Inserted(at, sent_at, life, seen);
        if !self.split.insert {
            self.insert_replied(world, session)?;
        }
        Some(())
    }

    fn insert_replied(&self, world: &mut World, session: usize) -> Option<()> {
        let Logout::Inserted(at, sent_at, life, table) = world.logouts[session].clone() else {
            return None;
        };
        let (name, mut now) = (world.name(session), world.now(session));
        if !self.holds(Rule::WaitFromReply) {
            now = ticks(sent_at);
        }
        let node = &mut world.nodes[session];
        node.revoker.saw(now, &table);
        let confirmation = node.revoker.confirmation(&table, position(at), self.longest(), name);
        world.logouts[session] = Logout::Waits(at, life, confirmation);
        Some(())
    }
}
