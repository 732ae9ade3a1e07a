//! The blacklist in Redis, which any number of nodes share.
//!
//! **The problem** is not to keep entries, it is to notice that they are gone. Redis answers nil for a session that was
//! never revoked, and nil for one whose revocation it has forgotten: after a restart, a `FLUSHALL`, a failover to a replica
//! that had missed the last writes. So beside the entries lies a mark, read in the same command. It says of which log the
//! copy is whole, and **under which life of which server** it was completed. What survives a loss together with the entries
//! (an old snapshot has both) carries the name of another life, and counts for nothing. `docs/amnesia.md` has the whole
//! argument, with the interleavings that were considered and what is not promised.
//!
//! **One check is one command**: `MGET mark token session`, all in one slot. Who answers it is known beforehand: a
//! connection asks the server for its name when it is made ([`connections`]), and a connection leads to one process
//! for as long as it lives. In a cluster the client reconnects behind our back, so there the check is a script that asks for
//! the name in the same breath ([`scripts`]).
//!
//! **Everything that adds to the copy or vouches for it is a script**, and asks for the name itself: Redis runs scripts one
//! at a time, so no flush, no failover and no other node comes between the look and the write. (Pruning does not ask: it only
//! removes what has passed.)
//!
//! Rejected: the server's name in a script on every check, single server or not, which is forty times the work of an `MGET`
//! for Redis (`docs/amnesia.md` has the figures); a mark with a random number instead of a name, which an old snapshot
//! brings back with the entries; keyspace notifications, which get lost; `WAIT`, which tells that a replica has heard a
//! write, and not that this replica will be the one that is promoted.

mod address;
mod connections;
mod error;
mod keys;
mod scripts;
mod trust;

pub use error::RedisConnectError;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use deadpool::managed::{Object, Pool, PoolError};
use deadpool_redis::redis::FromRedisValue;
use jiff::Timestamp;
use rescind_session::{
    Position, Revocation, Scope,
    ports::{Blacklist, Claim, Copied, Filling, Standing, StoreError},
};
use rescind_token::{SessionId, TokenId};

use crate::sql::HighWater;

use address::Address;
use connections::{Connections, Question};
use error::Failure;
use keys::Keys;
use scripts::{CHECK, CLAIM, COMPLETE, INSERT, PRUNE, RAISE};
use trust::Trust;

/// How many entries one script writes or removes: about a millisecond, for which Redis answers nobody else.
const AT_ONCE: usize = 500;

/// How much longer than it must an entry stays by itself. Redis counts the time by its own wall clock: only a step of more
/// than this can drop an entry early, and [`MARK_LASTS`] is shorter, so the mark is gone by then.
const SLACK: Duration = Duration::from_secs(60 * 60);

/// How long the mark stays without being renewed. Each node renews it twice a second.
const MARK_LASTS: Duration = Duration::from_secs(30 * 60);

/// How long a claim stands after the last page: a node that dies while it fills holds the others up for no longer.
const CLAIM_LASTS: Duration = Duration::from_secs(5);

/// The longest that an entry is kept, so that no sum in Redis runs over.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// How Redis is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisSettings {
    /// How many questions may be under way at once; at least one. Default 8.
    pub connections: usize,
    /// The longest that a question waits for its answer: for a free connection, for a new one, and for Redis. Default
    /// 500 ms.
    pub timeout: Duration,
    /// What the names of all keys begin with, in braces, which makes them one slot of a cluster. Two programs that share
    /// a Redis and not a database need two. Default `rescind`.
    pub namespace: String,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            connections: 8,
            timeout: Duration::from_millis(500),
            namespace: "rescind".to_owned(),
        }
    }
}

/// The blacklist in Redis, shared by every node.
pub struct RedisBlacklist {
    pool: Pool<Connections>,
    trust: Arc<Trust>,
    keys: Keys,
    timeout: Duration,
}

/// Never the URL: it may hold a password.
impl fmt::Debug for RedisBlacklist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBlacklist")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl RedisBlacklist {
    /// Connects to the Redis that a `REDIS_URL` names, and makes sure that it can be relied on.
    ///
    /// | URL | what it names |
    /// | --- | --- |
    /// | `redis://host:port/db` | one server |
    /// | `redis+sentinel://host:port,host:port/master-name/db` | the primary of that name, by its sentinels |
    /// | `redis+cluster://host:port,host:port` | a cluster, by some of its nodes |
    ///
    /// Ports and `/db` may be left out. `user:password@` before the first host is for the servers, not for sentinels.
    /// `rediss` instead of `redis` is TLS, with the certificates that the machine trusts (or those in the file that
    /// `SSL_CERT_FILE` names). If no cryptography has been chosen for rustls in this process, TLS chooses AWS-LC for it.
    ///
    /// # Errors
    /// [`RedisConnectError`]: the URL cannot be read, Redis cannot be reached, it is a replica, or it may evict entries.
    pub async fn connect(url: &str, settings: &RedisSettings) -> Result<Self, RedisConnectError> {
        let blacklist = Self::unconnected(url, settings)?;
        blacklist.look().await?;
        Ok(blacklist)
    }

    /// The same without asking Redis anything yet: for a node that has to start while Redis is away.
    ///
    /// # Errors
    /// [`RedisConnectError`]: the URL cannot be read.
    pub fn unconnected(url: &str, settings: &RedisSettings) -> Result<Self, RedisConnectError> {
        let keys = Keys::under(&settings.namespace)?;
        let trust = Arc::new(Trust::default());
        let connections = Connections::to(Address::read(url)?, settings.timeout, &keys, Arc::clone(&trust))?;
        let pool = Pool::builder(connections)
            .max_size(settings.connections.max(1))
            .build()
            .map_err(|error| RedisConnectError::Unusable(error.into()))?;
        Ok(Self {
            pool,
            trust,
            keys,
            timeout: settings.timeout,
        })
    }

    /// Makes sure that Redis is there and can be relied on.
    ///
    /// # Errors
    /// [`RedisConnectError`]; [`may_pass`](RedisConnectError::may_pass) tells whether trying again may help.
    pub async fn look(&self) -> Result<(), RedisConnectError> {
        // Making a connection asks all that has to be asked.
        match tokio::time::timeout(self.timeout, self.connection()).await {
            Ok(connection) => {
                drop(connection?);
                Ok(())
            }
            Err(_) => Err(Failure::TimedOut(self.timeout).into()),
        }
    }

    /// Remembers what a database knows, and returns the highest that was remembered of its log and of the time; with
    /// `reset`, that was forgotten before.
    ///
    /// # Errors
    /// [`StoreError`] if Redis does not answer, or does not write.
    pub async fn raise_high_water(&self, known: HighWater, reset: bool) -> Result<HighWater, StoreError> {
        let newest = &self.keys.high_water;
        let keys = vec![format!("{newest}:{}", known.log.as_uuid()), newest.clone()];
        let instant = known.newest.map_or(0, Timestamp::as_millisecond);
        let arguments = [
            known.position.get().to_string(),
            instant.to_string(),
            u8::from(reset).to_string(),
        ];
        let question = Question::Script(&RAISE, keys, arguments.into());
        let ((position, newest), _) = self.ask::<(u64, i64)>(&question).await?;
        Ok(HighWater {
            position: Position::new(position),
            newest: Timestamp::from_millisecond(newest).ok().filter(|_| newest > 0),
            ..known
        })
    }

    /// Asks, within the time that a question may take.
    async fn ask<T: FromRedisValue>(&self, question: &Question<'_>) -> Result<(T, Object<Connections>), Failure> {
        tokio::time::timeout(self.timeout, self.ask_at_leisure(question))
            .await
            .unwrap_or(Err(Failure::TimedOut(self.timeout)))
    }

    /// A pooled connection whose server has been restarted is found dead when it is used. Then all of them are made anew,
    /// and the question is put once more: each one here may be repeated.
    async fn ask_at_leisure<T: FromRedisValue>(
        &self,
        question: &Question<'_>,
    ) -> Result<(T, Object<Connections>), Failure> {
        let mut connection = self.connection().await?;
        let failure = match connection.ask(question).await {
            Ok(answer) => return Ok((answer, connection)),
            Err(failure) => failure,
        };
        drop(connection);
        if failure.is_of_a_stale_connection() {
            self.trust.renew_connections();
        }
        if !failure.is_lost_connection() {
            return Err(failure);
        }
        let mut connection = self.connection().await?;
        let answer = connection.ask(question).await?;
        Ok((answer, connection))
    }

    async fn connection(&self) -> Result<Object<Connections>, Failure> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(failure) => failure,
            _ => Failure::NoConnection,
        })
    }

    /// Writes a page; with a claim, only says whether that stands.
    async fn write(&self, claim: Option<Claim>, page: &[Revocation]) -> Result<Filling, Failure> {
        let (log, nonce) = claim.map_or_else(Default::default, in_words);
        let keys = [self.keys.claim.clone(), self.keys.until.clone()]
            .into_iter()
            .chain(page.iter().map(|revocation| self.keys.entry(revocation.scope)))
            .collect();
        let mut arguments = vec![log, nonce, millis(CLAIM_LASTS).to_string()];
        for revocation in page {
            arguments.push(revocation.until.as_millisecond().to_string());
            arguments.push(stays(revocation).to_string());
        }
        let (stands, _) = self.ask::<bool>(&Question::Script(&INSERT, keys, arguments)).await?;
        Ok(filling(stands))
    }

    // ANCHOR: standing
    async fn standing(&self, token: TokenId, session: SessionId) -> Result<Standing, Failure> {
        let scopes = [Scope::Token(token), Scope::Session(session)];
        let [token_key, session_key] = scopes.map(|scope| self.keys.entry(scope));
        let keys = vec![self.keys.whole.clone(), token_key, session_key];
        let (seen, mut connection) = self.ask::<Seen>(&Question::Check(&CHECK, keys)).await?;
        let server = seen.server.as_deref().or(connection.server());
        // An entry that is there refuses, whatever its `until`, and whoever has it.
        let standing = if seen.session.is_some() {
            Standing::Revoked(Scope::Session(session))
        } else if seen.token.is_some() {
            Standing::Revoked(Scope::Token(token))
        } else if server
            .zip(seen.mark.as_deref())
            .is_some_and(|(server, mark)| self.trust.holds(server, mark))
        {
            Standing::Clear
        } else {
            Standing::NotWhole
        };
        if standing == Standing::NotWhole && !server.is_some_and(|server| self.trust.is_in(server)) {
            connection.give_up();
        }
        Ok(standing)
    }
    // ANCHOR_END: standing

    async fn try_claim(&self, claim: Claim) -> Result<Copied, Failure> {
        let (log, nonce) = in_words(claim);
        let arguments = vec![
            log.clone(),
            nonce,
            millis(CLAIM_LASTS).to_string(),
            millis(MARK_LASTS).to_string(),
        ];
        let keys = vec![self.keys.whole.clone(), self.keys.claim.clone()];
        let question = Question::Script(&CLAIM, keys, arguments);
        let ((role, server, policy, outcome), mut connection) =
            self.ask::<(String, String, String, String)>(&question).await?;
        if let Err(failure) = connections::relied_on(&role, &policy) {
            self.trust.lose();
            return Err(failure);
        }
        connection.leads_to(&server, self.trust.put_in(&log, &server));
        match outcome.as_str() {
            "whole" => Ok(Copied::Whole),
            "to be filled" => Ok(Copied::ToBeFilled),
            "by another" => Ok(Copied::ByAnother),
            "in use" => Err(Failure::InUse),
            _ => Err(Failure::Unreadable),
        }
    }

    async fn try_complete(&self, claim: Claim) -> Result<Filling, Failure> {
        let (log, nonce) = in_words(claim);
        let keys = vec![self.keys.whole.clone(), self.keys.claim.clone()];
        let arguments = vec![log, nonce, millis(MARK_LASTS).to_string()];
        let (stands, _) = self.ask::<bool>(&Question::Script(&COMPLETE, keys, arguments)).await?;
        Ok(filling(stands))
    }

    async fn try_prune(&self, now: Timestamp, limit: u32) -> Result<u64, Failure> {
        let mut removed = 0;
        loop {
            let batch = (u64::from(limit) - removed).min(AT_ONCE as u64);
            let arguments = vec![now.as_millisecond().to_string(), batch.to_string()];
            let question = Question::Script(&PRUNE, vec![self.keys.until.clone()], arguments);
            let (went, _) = self.ask::<u64>(&question).await?;
            removed += went.min(batch);
            if went < batch || removed == u64::from(limit) {
                return Ok(removed);
            }
        }
    }
}

/// What one check sees.
struct Seen {
    /// Who answered; nobody where the connection knows that itself.
    server: Option<String>,
    mark: Option<String>,
    token: Option<Vec<u8>>,
    session: Option<Vec<u8>>,
}

type Answer = Option<Vec<u8>>;

impl FromRedisValue for Seen {
    fn from_redis_value(value: deadpool_redis::redis::Value) -> Result<Self, deadpool_redis::redis::ParsingError> {
        // What lies in the place of an entry refuses, whatever it is. A mark that is no text is no mark.
        let text = |bytes: Answer| bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let mut answers = Vec::<Answer>::from_redis_value(value)?.into_iter();
        let server = if answers.len() == 4 {
            text(answers.next().flatten())
        } else {
            None
        };
        match (answers.next(), answers.next(), answers.next(), answers.next()) {
            (Some(mark), Some(token), Some(session), None) => Ok(Self {
                server,
                mark: text(mark),
                token,
                session,
            }),
            _ => Err("not what was asked for".into()),
        }
    }
}

/// How long an entry stays by itself, counted from when Redis is told of it, which is never before `at`. So no clock of
/// ours is compared with Redis's.
fn stays(revocation: &Revocation) -> u64 {
    let needed = revocation.until.duration_since(revocation.at);
    let needed = Duration::try_from(needed).unwrap_or_default();
    millis(needed.min(LONGEST) + SLACK)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn in_words(claim: Claim) -> (String, String) {
    (claim.log.as_uuid().to_string(), claim.nonce.to_string())
}

fn filling(stands: bool) -> Filling {
    if stands { Filling::Stands } else { Filling::Lost }
}

#[async_trait]
impl Blacklist for RedisBlacklist {
    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        for page in revocations.chunks(AT_ONCE) {
            let _ = self.write(None, page).await?;
        }
        Ok(())
    }

    async fn check(&self, token: TokenId, session: SessionId) -> Result<Standing, StoreError> {
        Ok(self.standing(token, session).await?)
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(self.try_prune(now, limit).await?)
    }

    async fn claim(&self, claim: Claim) -> Result<Copied, StoreError> {
        Ok(self.try_claim(claim).await?)
    }

    async fn fill(&self, claim: Claim, revocations: &[Revocation]) -> Result<Filling, StoreError> {
        let mut pages = revocations.chunks(AT_ONCE);
        // Of an empty page, too, somebody wants to know whether the claim stands.
        let mut filling = self.write(Some(claim), pages.next().unwrap_or_default()).await?;
        for page in pages {
            filling = self.write(Some(claim), page).await?;
        }
        Ok(filling)
    }

    async fn complete(&self, claim: Claim) -> Result<Filling, StoreError> {
        Ok(self.try_complete(claim).await?)
    }
}
