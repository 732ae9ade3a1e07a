//! The table of holders in Redis: every node that uses this Redis has a row in it, renewed while the node runs.
//!
//! A node that answers from its own copy has a lease in its row ([`ReplicatedBlacklist`](super::ReplicatedBlacklist)).
//! Every node that revokes waits for these ([`rescind_session::holders`] decides how long), however it reads itself. So
//! this part belongs to [`RedisBlacklist`].

use std::time::Duration;

use deadpool::managed::Manager as _;
use rescind_session::{
    Position, Revocation,
    holders::{HolderTerm, Table},
    life::{Life, Term, Timing},
};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    AT_ONCE, MARK_LASTS, RedisBlacklist,
    connections::{Connection, Question},
    entry_ttl,
    error::Failure,
    millis,
    scripts::{FORGET, RENEW, REVOKE},
    seat::{NewEntry, Renewed, Request, read_table},
};

/// The release, for the rows of the table.
const RELEASE: &str = env!("CARGO_PKG_VERSION");
/// How long a revoker sleeps between two looks at the table, if nothing wakes it.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
/// How long a node is silent before its row is removed. Far longer than any lease.
const SILENT: Duration = Duration::from_secs(10);

/// A connection on which a node hears of new entries, and the last ones heard of.
pub(super) struct Listening {
    connection: Connection,
    after: [String; 2],
}

/// What [`RedisBlacklist::listen`] reads: for each stream its entries, each with its id and its one field.
type Streams = Option<Vec<(String, Vec<(String, Vec<String>)>)>>;

impl RedisBlacklist {
    /// How long a lease of an earlier table can last, drift included. A node that is alone has no others.
    fn longest_lease(&self) -> Duration {
        if self.trust.has_register() {
            Timing::FORMAT.wait
        } else {
            Timing::ALONE.wait
        }
    }

    /// Renews this node's row, and removes the rows of nodes that are gone. `None` if another server answers than the
    /// trusted one, or another database uses it.
    pub(super) async fn renew_row(&self, request: &Request) -> Result<Option<Renewed>, Failure> {
        let term = &request.trust;
        let keys = vec![
            self.keys.mark.clone(),
            self.keys.holders.clone(),
            self.keys.newest.clone(),
            self.keys.applied.clone(),
        ];
        let arguments = vec![
            term.log.as_uuid().to_string(),
            term.timeline.to_string(),
            self.seat.nonce(),
            term.life.as_str().to_owned(),
            self.seat.node.to_string(),
            self.seat.count().to_string(),
            millis(request.lease).to_string(),
            request.applied.get().to_string(),
            request.known.as_ref().map_or("", HolderTerm::as_str).to_owned(),
            RELEASE.to_owned(),
            millis(MARK_LASTS).to_string(),
        ];
        let question = Question::Script(&RENEW, keys, arguments);
        let ((name, head, is_marked, fields, newest), _) = self
            .ask::<(String, u64, bool, Vec<String>, Vec<String>)>(&question)
            .await?;
        if name.is_empty() {
            return Ok(None);
        }
        let table = read_table(&name, &fields)?;
        let silent: Vec<_> = {
            let now = self.trust.now();
            let mut revoker = self.seat.revoker();
            revoker.saw(now, &table);
            revoker.silent_since(now, SILENT).collect()
        };
        if !silent.is_empty() {
            self.forget(&table, &silent).await?;
        }
        Ok(Some(Renewed {
            table,
            head: Position::new(head),
            is_marked,
            newest: newest.iter().filter_map(|entry| NewEntry::read(entry)).collect(),
        }))
    }

    /// Removes these rows, if they were not renewed since.
    async fn forget(&self, table: &Table, silent: &[(Uuid, u64)]) -> Result<(), Failure> {
        let rows = silent
            .iter()
            .flat_map(|(node, renewal)| [node.to_string(), renewal.to_string()]);
        let arguments = [table.term.as_str().to_owned()].into_iter().chain(rows).collect();
        let question = Question::Script(&FORGET, vec![self.keys.holders.clone()], arguments);
        let _ = self.ask::<u64>(&question).await?;
        Ok(())
    }

    /// The table, if that life of the server still answers.
    async fn look(&self, life: &Life) -> Result<Table, Failure> {
        let question = Question::Fields(self.keys.holders.clone());
        let (fields, connection) = self.ask::<Vec<String>>(&question).await?;
        if connection.life() != life {
            return Err(Failure::NotInForce);
        }
        let term = fields.chunks(2).find(|field| field[0] == "term");
        let term = term.and_then(|field| field.get(1)).cloned().unwrap_or_default();
        read_table(&term, &fields)
    }

    /// Inserts a page, and returns the life in which that was done and the table of that moment.
    async fn insert_page(&self, page: &[Revocation], term: Option<&Term>) -> Result<(Life, Option<Table>), Failure> {
        let keys = [&self.keys.mark, &self.keys.until, &self.keys.holders, &self.keys.newest];
        let keys = keys
            .into_iter()
            .cloned()
            .chain(page.iter().map(|revocation| self.keys.entry(revocation.scope)))
            .collect();
        let head = page.iter().map(|revocation| revocation.position).max();
        let log = term.map(|term| term.log.as_uuid().to_string());
        let mut arguments = vec![
            log.unwrap_or_default(),
            term.map_or(0, |term| term.timeline).to_string(),
            self.seat.nonce(),
            head.unwrap_or(Position::START).get().to_string(),
        ];
        for revocation in page {
            arguments.push(revocation.until.as_millisecond().to_string());
            arguments.push(entry_ttl(revocation).to_string());
            arguments.push(NewEntry::write(revocation));
        }
        let question = Question::Script(&REVOKE, keys, arguments);
        let ((life, name, fields), _) = self.ask::<(String, String, Vec<String>)>(&question).await?;
        let table = match name.is_empty() {
            true => None,
            false => Some(read_table(&name, &fields)?),
        };
        Ok((Life::new(&life), table))
    }

    /// Inserts revocations, and waits until every node refuses them.
    pub(super) async fn try_insert(&self, revocations: &[Revocation]) -> Result<(), Failure> {
        let (mut last, term) = (None, self.trust.term());
        for page in revocations.chunks(AT_ONCE) {
            let (life, table) = self.insert_page(page, term.as_ref()).await?;
            // After the reply: a write to another server, or one without a lease, is not confirmed.
            if !self.trust.confirms(&life) {
                return Err(Failure::NotInForce);
            }
            last = Some((life, table));
        }
        let Some((life, table)) = last else { return Ok(()) };
        // Without a log there is no table, and no node that could be in it.
        let Some(table) = table else {
            return match self.trust.has_register() {
                true => Err(Failure::NotInForce),
                false => Ok(()),
            };
        };
        // What the rows say of positions holds for one timeline of the database.
        let has_holder = table
            .rows
            .iter()
            .any(|row| !row.lease.is_zero() && row.node != self.seat.node);
        if has_holder
            && let Some(term) = &term
            && !self.trust.is_still(term).await?
        {
            return Err(Failure::NotInForce);
        }
        let position = revocations.iter().map(|revocation| revocation.position).max();
        self.wait_for_holders(&life, &table, position.unwrap_or(Position::START))
            .await?;
        if self.trust.confirms(&life) {
            Ok(())
        } else {
            Err(Failure::NotInForce)
        }
    }

    /// Waits for new entries, at most for that time, and wakes revokers when a holder has applied something.
    pub(super) async fn listen(
        &self,
        listening: &mut Option<Listening>,
        longest: Duration,
    ) -> Result<Vec<(HolderTerm, NewEntry)>, Failure> {
        let until = self.trust.now() + longest;
        loop {
            listening.take_if(|one| !one.connection.is_current(&self.trust));
            let one = match listening {
                Some(one) => one,
                None => {
                    let connecting = timeout(self.timeout, self.pool.manager().create());
                    let connection = connecting.await.unwrap_or(Err(Failure::NoConnection))?;
                    let after = ["0-0".to_owned(), "0-0".to_owned()];
                    listening.insert(Listening { connection, after })
                }
            };
            let streams = [self.keys.newest.clone(), self.keys.applied.clone()];
            let left = until.saturating_sub(self.trust.now());
            let question = Question::Listen(streams, one.after.clone(), left);
            let reply = timeout(left + self.timeout, one.connection.ask::<Streams>(&question)).await;
            let mut entries = Vec::new();
            for (stream, appended) in reply.unwrap_or(Err(Failure::NoConnection))?.unwrap_or_default() {
                let is_newest = stream == self.keys.newest;
                if let Some((last, _)) = appended.last() {
                    one.after[usize::from(!is_newest)].clone_from(last);
                }
                match is_newest {
                    true => entries.extend(appended.iter().filter_map(|(_, fields)| {
                        let [table, entry] = fields.as_slice() else { return None };
                        Some((HolderTerm::new(table), NewEntry::read(entry)?))
                    })),
                    false => self.seat.applied.notify_waiters(),
                }
            }
            if !entries.is_empty() || until <= self.trust.now() {
                return Ok(entries);
            }
        }
    }

    async fn wait_for_holders(&self, life: &Life, table: &Table, position: Position) -> Result<(), Failure> {
        let began = self.trust.now();
        let mut confirmation = {
            let mut revoker = self.seat.revoker();
            revoker.saw(began, table);
            revoker.confirmation(table, position, self.longest_lease(), self.seat.node)
        };
        let mut woken = Box::pin(self.seat.applied.notified());
        loop {
            let now = self.trust.now();
            if confirmation.until() <= now {
                return Ok(());
            }
            // The time may be too short for a wait that no reply can end.
            if confirmation.earliest() > began + self.timeout || now > began + self.timeout {
                return Err(Failure::Holders);
            }
            let left = confirmation.until() - now;
            let _ = timeout(BETWEEN_LOOKS.min(left), &mut woken).await;
            // Before the look, so that nothing comes between.
            woken.set(self.seat.applied.notified());
            woken.as_mut().enable();
            let table = self.look(life).await?;
            self.seat.revoker().saw(self.trust.now(), &table);
            confirmation.saw(&table);
        }
    }
}
