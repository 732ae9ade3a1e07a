//! The model's state and its steps.

use std::{sync::LazyLock, time::Duration};

use rescind_session::{
    LogId, Position,
    life::{Check, Life, LogPosition, LogSnapshot, LogState, Register, SyncBegun, Term, Timing, Trust},
};
use stateright::{Model, Property};
use uuid::Uuid;

use crate::mark::{Mark, SyncFrom, history};

/// The shortest lease and drift between which a clock can drift.
pub(crate) const TIMING: Timing = Timing {
    lease: ticks(2),
    wait: ticks(3),
};
/// The shortest of all, for histories of several failovers.
pub(crate) const SHORTEST: Timing = Timing {
    lease: ticks(1),
    wait: ticks(1),
};
/// The time at which histories begin, both nodes trusting server 0.
const BEGIN: u8 = 3;
/// The session that is logged out and checked. Others may be logged out too.
const VICTIM: u8 = 0;

/// The property that must always hold.
pub(crate) const REFUSED: &str = "nothing revoked is accepted";
pub(crate) const NOTICED: &str = "lost commits are noticed";
/// What must be possible: both nodes serve in another life, or another history, than at the start.
pub(crate) const MOVED_ON: &str = "both nodes move on";

const fn ticks(ticks: u8) -> Duration {
    Duration::from_secs(ticks as u64)
}

fn log_id() -> LogId {
    LogId::from_uuid(Uuid::nil())
}

/// A life, by server and how often that was restarted. Made once: histories have millions of them.
fn life(server: u8, run: u8) -> Life {
    static ALL: LazyLock<Vec<Life>> = LazyLock::new(|| {
        (0..2)
            .flat_map(|server| (0..4).map(move |run| Life::new(&format!("{server}{run}/h{server}{run}"))))
            .collect()
    });
    ALL[usize::from(server * 4 + run)].clone()
}

/// Which rules hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    /// A check needs the lease when it begins.
    CheckUnderLease,
    /// The reply to a check must be of the trusted life.
    ReplyOfThatLife,
    /// A confirmation needs the lease after the insert's reply.
    ConfirmUnderLease,
    /// Only an insert in the trusted life counts.
    InsertInThatLife,
    /// A lease is counted from before the queries.
    LeaseFromBefore,
    /// On a new term: wait one lease.
    Wait,
    /// Plus the possible drift of clocks.
    WaitDrift,
    /// The sync that ends a wait began after it.
    SyncAfterWait,
    /// A life that returns does so under a new generation.
    Generations,
    /// Another timeline of the database is another term.
    Timelines,
    /// A sync continues from the copy's own mark, not from the node's position.
    PlaceInTheCopy,
    /// A copy accepts a page only if it is complete up to the page's start.
    ContiguousPages,
    /// Only a fill whose claim stands completes a copy.
    ClaimStands,
    /// The log is read after the claim, from the start.
    FillFromStart,
    /// A sync continues from a mark of another life only if the data is a prefix of that history.
    PrefixOnly,
    /// A mark counts only in the life that it names.
    MarkOfThatLife,
    /// A log that lacks what the mark names has lost commits.
    LossNoticed,
}

/// How much may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// How far the clocks go.
    pub(crate) ticks: u8,
    /// How often a clock stands still for a tick.
    pub(crate) slow: u8,
    /// How often one node's address leads to the other server.
    pub(crate) flips: u8,
    /// How often both nodes' addresses do, at once.
    pub(crate) moves: u8,
    /// How often the register is set. The program backs off.
    pub(crate) sets: u8,
    /// Logouts beside the victim's.
    pub(crate) others: u8,
    pub(crate) flushes: u8,
    /// Restarts with all data, in another life.
    pub(crate) restarts: u8,
    /// Server 1 takes over the data of server 0, as a replica that is promoted.
    pub(crate) promotions: u8,
    /// Server 1 gets the mark of server 0, and not the entries: a slot that began to migrate.
    pub(crate) migrations: u8,
    /// The database falls back to what its standby had.
    pub(crate) losses: u8,
}

pub(crate) const NOTHING: Budget = Budget {
    ticks: 0,
    slow: 0,
    flips: 0,
    moves: 0,
    sets: 2,
    others: 0,
    flushes: 0,
    restarts: 0,
    promotions: 0,
    migrations: 0,
    losses: 0,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    clocks: [u8; 2],
    sees: [u8; 2],
    sql: Sql,
    standby: Option<Sql>,
    servers: [Server; 2],
    nodes: [Node; 2],
    logout: Logout,
    next_entry: u8,
    left: Budget,
    /// A check that began after the confirmation was accepted.
    broken: bool,
    /// A copy that names lost commits was synced with a log that lacks them.
    unnoticed: bool,
}

/// The truth.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sql {
    register: Register,
    timeline: u32,
    /// Session and entry, by position.
    log: Vec<(u8, u8)>,
    /// The loss of commits was noticed: everything is closed.
    restored: bool,
}

impl Sql {
    fn head(&self) -> Position {
        Position::new(self.log.len() as u64)
    }

    fn entry_at(&self, position: Position) -> Option<Uuid> {
        let index = usize::try_from(position.get()).unwrap().checked_sub(1)?;
        self.log
            .get(index)
            .map(|(_, entry)| Uuid::from_u128(u128::from(*entry)))
    }

    fn has_victim(&self) -> bool {
        self.log.iter().any(|(session, _)| *session == VICTIM)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Server {
    id: u8,
    run: u8,
    /// The history of which its data is a prefix.
    previous: Option<Life>,
    /// A bit for each session.
    entries: u8,
    mark: Option<Mark>,
    claim: Option<u8>,
}

impl Server {
    fn life(&self) -> Life {
        life(self.id, self.run)
    }

    fn insert(&mut self, page: &[(u8, u8)]) {
        for (session, _) in page {
            self.entries |= 1 << session;
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Node {
    trust: Trust,
    renewal: Option<Renewal>,
    /// Where its pooled connections lead.
    connected: u8,
    sync: Option<Sync>,
    check: Option<Check>,
    /// The position it would remember if it kept its own.
    own_place: LogPosition,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Renewal {
    asked_at: u8,
    found: Life,
    term: Option<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sync {
    begun: Option<SyncBegun>,
    life: Life,
    fills: bool,
    place: LogPosition,
    page: Vec<(u8, u8)>,
    is_at_end: bool,
}

/// The progress of the victim's logout.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Logout {
    No,
    Committed(u8),
    Inserted(u8, Life),
    Confirmed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Tick,
    SlowTick(u8),
    Flip(u8),
    Move,
    Flush(u8),
    Restart(u8),
    Promote,
    Migrate,
    Replicate,
    Lose,
    OtherLogout,
    /// The rest are steps of a node, first those that are whole: see [`Split`].
    Renew(u8),
    Sync(u8),
    Check(u8),
    Reconnect(u8),
    Ask(u8),
    ReadRegister(u8),
    Observe(u8),
    SyncBegins(u8),
    ReadLog(u8),
    WritePage(u8),
    Complete(u8),
    Commit(u8),
    Insert,
    Confirm,
    CheckBegins(u8),
    CheckReplied(u8),
}

/// The operations that are split into steps, so that others can interleave. The rest is atomic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split {
    pub(crate) renewal: bool,
    pub(crate) sync: bool,
    pub(crate) check: bool,
}

pub(crate) const WHOLE: Split = Split {
    renewal: false,
    sync: false,
    check: false,
};

/// What is explored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Histories {
    pub(crate) timing: Timing,
    pub(crate) budget: Budget,
    pub(crate) split: Split,
    /// The rule that is left out.
    pub(crate) without: Option<Rule>,
}

impl Histories {
    fn holds(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }
}

impl World {
    fn now(&self, node: usize) -> Duration {
        ticks(self.clocks[node])
    }

    /// The server that a node's connections lead to.
    fn server(&mut self, node: usize) -> &mut Server {
        &mut self.servers[usize::from(self.nodes[node].connected)]
    }
}

impl Model for Histories {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let register = Register {
            life: Some(life(0, 0)),
            generation: 1,
        };
        let term = Term {
            log: log_id(),
            timeline: 1,
            generation: 1,
            life: life(0, 0),
        };
        let mut trust = Trust::default();
        trust.observed(Duration::ZERO, Duration::ZERO, term.clone(), &self.timing);
        let begun = trust.sync_begins(ticks(BEGIN)).unwrap();
        trust.sync_ended(&begun, &life(0, 0));
        trust.observed(ticks(BEGIN), ticks(BEGIN), term, &self.timing);
        let node = Node {
            trust,
            renewal: None,
            connected: 0,
            sync: None,
            check: None,
            own_place: LogPosition::START,
        };
        let server = |id, mark| Server {
            id,
            run: 0,
            previous: None,
            entries: 0,
            mark,
            claim: None,
        };
        let mark = Mark {
            log: log_id(),
            life: life(0, 0),
            place: LogPosition::START,
        };
        vec![World {
            clocks: [BEGIN; 2],
            sees: [0; 2],
            sql: Sql {
                register,
                timeline: 1,
                log: Vec::new(),
                restored: false,
            },
            standby: None,
            servers: [server(0, Some(mark)), server(1, None)],
            nodes: [node.clone(), node],
            logout: Logout::No,
            next_entry: 1,
            left: self.budget,
            broken: false,
            unnoticed: false,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if world.broken || world.unnoticed || world.sql.restored {
            return;
        }
        let left = &world.left;
        let mut add = |possible: bool, step| {
            if possible {
                steps.push(step);
            }
        };
        add(left.ticks > 0, Step::Tick);
        add(left.moves > 0 && world.sees[0] == world.sees[1], Step::Move);
        add(left.promotions > 0, Step::Promote);
        add(left.migrations > 0, Step::Migrate);
        add(left.losses > 0 && world.standby.is_none(), Step::Replicate);
        add(left.losses > 0 && world.standby.is_some(), Step::Lose);
        add(left.others > 0, Step::OtherLogout);
        for server in 0..2 {
            let has_data =
                world.servers[usize::from(server)].mark.is_some() || world.servers[usize::from(server)].claim.is_some();
            add(left.flushes > 0 && has_data, Step::Flush(server));
            add(left.restarts > 0, Step::Restart(server));
        }
        match world.logout {
            Logout::No => {
                // The nodes begin alike, so one is enough.
                add(true, Step::Commit(0));
            }
            Logout::Committed(_) => add(true, Step::Insert),
            // A client may repeat an unconfirmed logout.
            Logout::Inserted(..) => {
                add(true, Step::Insert);
                add(true, Step::Confirm);
            }
            Logout::Confirmed => {}
        }
        for index in 0..2_u8 {
            let place = usize::from(index);
            let node = &world.nodes[place];
            add(left.slow > 0 && left.ticks > 0, Step::SlowTick(index));
            add(left.flips > 0, Step::Flip(index));
            add(node.connected != world.sees[place], Step::Reconnect(index));
            let now = ticks(world.clocks[place]);
            let renews = if self.split.renewal {
                Step::Ask(index)
            } else {
                Step::Renew(index)
            };
            match &node.renewal {
                None => add(true, renews),
                Some(Renewal { term: None, .. }) => add(true, Step::ReadRegister(index)),
                Some(_) => add(true, Step::Observe(index)),
            }
            match &node.sync {
                None => {
                    // A sync without work is the same as one that begins later.
                    let server = &world.servers[usize::from(node.connected)];
                    let is_behind = server
                        .mark
                        .as_ref()
                        .is_none_or(|mark| mark.place.position < world.sql.head());
                    let syncs = if self.split.sync {
                        Step::SyncBegins(index)
                    } else {
                        Step::Sync(index)
                    };
                    add(is_behind || node.trust.wait(now).is_some(), syncs);
                }
                Some(sync) if !sync.page.is_empty() => add(true, Step::WritePage(index)),
                Some(sync) if sync.is_at_end => add(true, Step::Complete(index)),
                Some(_) => add(true, Step::ReadLog(index)),
            }
            let checks = if self.split.check {
                Step::CheckBegins(index)
            } else {
                Step::Check(index)
            };
            match &node.check {
                None => add(world.logout == Logout::Confirmed, checks),
                Some(_) => add(true, Step::CheckReplied(index)),
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
            Property::always(REFUSED, |_, world: &World| !world.broken),
            Property::always(NOTICED, |_, world: &World| !world.unnoticed),
            // Otherwise the other properties would hold because nothing happens.
            Property::sometimes(MOVED_ON, |_, world: &World| {
                world.logout == Logout::Confirmed
                    && (0..2).all(|node| {
                        let trust = &world.nodes[node].trust;
                        trust.lease(world.now(node)).is_some()
                            && trust
                                .term()
                                .is_some_and(|term| term.life != life(0, 0) || term.timeline != 1)
                    })
            }),
        ]
    }
}

impl Histories {
    fn take(&self, world: &mut World, step: Step) -> Option<()> {
        match step {
            Step::Renew(node) => {
                for step in [Step::Ask(node), Step::ReadRegister(node), Step::Observe(node)] {
                    self.take(world, step)?;
                }
            }
            Step::Sync(node) => {
                self.take(world, Step::SyncBegins(node))?;
                while let Some(sync) = &world.nodes[usize::from(node)].sync {
                    let step = if !sync.page.is_empty() {
                        Step::WritePage(node)
                    } else if sync.is_at_end {
                        Step::Complete(node)
                    } else {
                        Step::ReadLog(node)
                    };
                    self.take(world, step)?;
                    if world.sql.restored {
                        break;
                    }
                }
            }
            Step::Check(node) => {
                self.take(world, Step::CheckBegins(node))?;
                self.take(world, Step::CheckReplied(node))?;
            }
            Step::Tick => {
                world.left.ticks -= 1;
                world.clocks.iter_mut().for_each(|clock| *clock += 1);
            }
            Step::SlowTick(slow) => {
                world.left.ticks -= 1;
                world.left.slow -= 1;
                world.clocks[usize::from(1 - slow)] += 1;
            }
            Step::Flip(node) => {
                world.left.flips -= 1;
                world.sees[usize::from(node)] ^= 1;
            }
            Step::Move => {
                world.left.moves -= 1;
                world.sees = world.sees.map(|server| server ^ 1);
            }
            Step::Flush(server) => {
                world.left.flushes -= 1;
                let server = &mut world.servers[usize::from(server)];
                (server.entries, server.mark, server.claim) = (0, None, None);
            }
            Step::Restart(server) => {
                world.left.restarts -= 1;
                let server = &mut world.servers[usize::from(server)];
                server.previous = Some(server.life());
                server.run += 1;
            }
            Step::Promote => {
                world.left.promotions -= 1;
                let [primary, replica] = &mut world.servers;
                replica.previous = Some(primary.life());
                replica.run += 1;
                replica.entries = primary.entries;
                replica.mark.clone_from(&primary.mark);
                replica.claim = primary.claim;
            }
            Step::Migrate => {
                world.left.migrations -= 1;
                let [from, to] = &mut world.servers;
                to.mark.clone_from(&from.mark);
            }
            Step::Replicate => world.standby = Some(world.sql.clone()),
            Step::Lose => {
                world.left.losses -= 1;
                world.sql = world.standby.take()?;
                world.sql.timeline += 1;
            }
            Step::OtherLogout => {
                world.left.others -= 1;
                let entry = world.next_entry;
                world.next_entry += 1;
                world.sql.log.push((1, entry));
            }
            Step::Commit(node) => {
                let entry = world.next_entry;
                world.next_entry += 1;
                world.sql.log.push((VICTIM, entry));
                world.logout = Logout::Committed(node);
            }
            Step::Insert => {
                let (Logout::Committed(node) | Logout::Inserted(node, _)) = world.logout else {
                    return None;
                };
                let server = world.server(usize::from(node));
                server.insert(&[(VICTIM, 0)]);
                let life = server.life();
                world.logout = Logout::Inserted(node, life);
            }
            Step::Confirm => {
                let Logout::Inserted(node, inserted) = &world.logout else {
                    return None;
                };
                let index = usize::from(*node);
                let trust = &world.nodes[index].trust;
                let inserted = match trust.term() {
                    Some(term) if !self.holds(Rule::InsertInThatLife) => &term.life,
                    _ => inserted,
                };
                let now = if self.holds(Rule::ConfirmUnderLease) {
                    world.now(index)
                } else {
                    Duration::ZERO
                };
                if !trust.confirms(inserted, now) {
                    return None;
                }
                world.logout = Logout::Confirmed;
            }
            Step::Reconnect(node) => {
                let index = usize::from(node);
                world.nodes[index].connected = world.sees[index];
            }
            Step::Ask(node) => {
                let index = usize::from(node);
                let found = world.servers[usize::from(world.sees[index])].life();
                world.nodes[index].renewal = Some(Renewal {
                    asked_at: world.clocks[index],
                    found,
                    term: None,
                });
            }
            Step::ReadRegister(node) => self.read_register(world, usize::from(node))?,
            Step::Observe(node) => {
                let index = usize::from(node);
                let now = world.now(index);
                let renewal = world.nodes[index].renewal.take()?;
                let asked_at = if self.holds(Rule::LeaseFromBefore) {
                    ticks(renewal.asked_at)
                } else {
                    now
                };
                world.nodes[index]
                    .trust
                    .observed(asked_at, now, renewal.term?, &self.timing);
            }
            Step::SyncBegins(node) => self.sync_begins(world, usize::from(node))?,
            Step::ReadLog(node) => self.read_log(world, usize::from(node))?,
            Step::WritePage(node) => self.write_page(world, node)?,
            Step::Complete(node) => self.complete(world, node)?,
            Step::CheckBegins(node) => {
                let index = usize::from(node);
                let now = if self.holds(Rule::CheckUnderLease) {
                    world.now(index)
                } else {
                    Duration::ZERO
                };
                world.nodes[index].check = Some(world.nodes[index].trust.check_begins(now)?);
            }
            Step::CheckReplied(node) => {
                let index = usize::from(node);
                let check = world.nodes[index].check.take()?;
                let now = if self.holds(Rule::CheckUnderLease) {
                    world.now(index)
                } else {
                    Duration::ZERO
                };
                let server = world.server(index).clone();
                let trust = &world.nodes[index].trust;
                let replied = match trust.term() {
                    Some(term) if !self.holds(Rule::ReplyOfThatLife) => term.life.clone(),
                    _ => server.life(),
                };
                let is_marked = if self.holds(Rule::MarkOfThatLife) {
                    Mark::is_of(server.mark.as_ref(), log_id(), &server.life())
                } else {
                    server.mark.is_some()
                };
                let is_clear = server.entries & (1 << VICTIM) == 0 && is_marked;
                // For a lost commit there is no promise until the loss is noticed.
                if is_clear && trust.accepts(&check, &replied, now) && world.sql.has_victim() {
                    world.broken = true;
                }
            }
        }
        Some(())
    }
}

/// The longer steps of a node.
impl Histories {
    fn read_register(&self, world: &mut World, index: usize) -> Option<()> {
        let sql = &mut world.sql;
        let renewal = world.nodes[index].renewal.as_mut()?;
        if let Some(mut next) = sql.register.replaced_by(&renewal.found) {
            if !self.holds(Rule::Generations) {
                next.generation = sql.register.generation;
            }
            world.left.sets = world.left.sets.checked_sub(1)?;
            sql.register = next;
        }
        renewal.term = Some(Term {
            log: log_id(),
            timeline: if self.holds(Rule::Timelines) { sql.timeline } else { 1 },
            generation: sql.register.generation,
            life: renewal.found.clone(),
        });
        Some(())
    }

    fn sync_begins(&self, world: &mut World, index: usize) -> Option<()> {
        let now = world.now(index);
        let held_up = match (self.holds(Rule::Wait), self.holds(Rule::WaitDrift)) {
            (false, _) => now + ticks(100),
            (_, false) => now + self.timing.wait - self.timing.lease,
            _ => now,
        };
        let begun = world.nodes[index].trust.sync_begins(held_up);
        let trusted = world.nodes[index].trust.term()?.life.clone();
        let own_place = world.nodes[index].own_place;
        let server = world.server(index);
        let life = server.life();
        // A connection to another life is given up.
        if life != trusted {
            return None;
        }
        let mut previous = server.previous.clone();
        if !self.holds(Rule::PrefixOnly) {
            previous = server.mark.as_ref().map(|mark| mark.life.clone());
        }
        let from = Mark::sync_from(server.mark.as_ref(), log_id(), &life, previous.as_ref().map(history));
        let (fills, place) = match from {
            SyncFrom::Mark(place) => {
                // It is of this life from now on.
                server.mark = Some(Mark {
                    log: log_id(),
                    life: life.clone(),
                    place,
                });
                (
                    false,
                    if self.holds(Rule::PlaceInTheCopy) {
                        place
                    } else {
                        own_place
                    },
                )
            }
            SyncFrom::Start => {
                server.mark = None;
                server.claim = Some(u8::try_from(index).unwrap());
                (
                    true,
                    if self.holds(Rule::FillFromStart) {
                        LogPosition::START
                    } else {
                        own_place
                    },
                )
            }
        };
        world.nodes[index].sync = Some(Sync {
            begun,
            life,
            fills,
            place,
            page: Vec::new(),
            is_at_end: false,
        });
        Some(())
    }

    fn read_log(&self, world: &mut World, index: usize) -> Option<()> {
        let sync = world.nodes[index].sync.as_mut()?;
        let sql = &mut world.sql;
        let sight = LogSnapshot {
            log: log_id(),
            timeline: sql.timeline,
            is_standby: false,
            head: sql.head(),
            found: sql.entry_at(sync.place.position),
        };
        let is_lost = sight.judge(1, Some(&sync.place)) == LogState::LostCommits;
        if is_lost && self.holds(Rule::LossNoticed) {
            sql.restored = true;
            return Some(());
        }
        let start = usize::try_from(sync.place.position.get()).unwrap();
        sync.page = sql.log.get(start..).unwrap_or_default().to_vec();
        if sync.page.is_empty() {
            world.unnoticed |= is_lost;
            if sync.fills {
                sync.is_at_end = true;
            } else {
                self.sync_ends(world, index);
            }
        }
        Some(())
    }

    fn write_page(&self, world: &mut World, node: u8) -> Option<()> {
        let index = usize::from(node);
        let mut sync = world.nodes[index].sync.take()?;
        let end = Position::new(sync.place.position.get() + sync.page.len() as u64);
        let place = LogPosition {
            position: end,
            entry: sync.page.last().map(|(_, entry)| Uuid::from_u128(u128::from(*entry))),
        };
        let server = world.server(index);
        if server.life() != sync.life {
            return Some(());
        }
        if sync.fills {
            if server.claim != Some(node) && self.holds(Rule::ClaimStands) {
                return Some(());
            }
            server.insert(&sync.page);
        } else {
            let takes = Mark::takes(server.mark.as_ref(), log_id(), &sync.life, sync.place.position);
            if !takes && self.holds(Rule::ContiguousPages) {
                return Some(());
            }
            server.insert(&sync.page);
            if server.mark.as_ref().is_none_or(|mark| mark.place.position < end) {
                server.mark = Some(Mark {
                    log: log_id(),
                    life: sync.life.clone(),
                    place,
                });
            }
        }
        sync.place = place;
        sync.page.clear();
        world.nodes[index].sync = Some(sync);
        Some(())
    }

    fn complete(&self, world: &mut World, node: u8) -> Option<()> {
        let index = usize::from(node);
        let sync = world.nodes[index].sync.clone()?;
        let server = world.server(index);
        let stands = server.claim == Some(node) || !self.holds(Rule::ClaimStands);
        if server.life() == sync.life && stands {
            server.claim = None;
            server.mark = Some(Mark {
                log: log_id(),
                life: sync.life,
                place: sync.place,
            });
            self.sync_ends(world, index);
        } else {
            world.nodes[index].sync = None;
        }
        Some(())
    }

    fn sync_ends(&self, world: &mut World, index: usize) {
        let now = world.now(index);
        let node = &mut world.nodes[index];
        let Some(sync) = node.sync.take() else { return };
        if !self.holds(Rule::PlaceInTheCopy) || !self.holds(Rule::FillFromStart) {
            node.own_place = sync.place;
        }
        let begun = if self.holds(Rule::SyncAfterWait) {
            sync.begun
        } else {
            node.trust.sync_begins(now)
        };
        if let Some(begun) = begun {
            node.trust.sync_ended(&begun, &sync.life);
        }
    }
}
