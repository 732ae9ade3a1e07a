//! The blacklist in Redis, for a server that only reads it and has no database.
//!
//! A node trusts a copy of the log only while the register in SQL names its server ([`trust`](super::trust)). A reader
//! has no register. It compares two statements that do not come from Redis with the mark: the identity of the log, which
//! the issuer publishes beside its keys, and the name of the server that the connection leads to. And it requires that
//! nodes still renew the mark, which they do twice a second.

use std::time::Duration;

use async_trait::async_trait;
use rescind_session::{
    RevocationReader, Scope, VerifiedToken,
    ports::{RevocationStatus, StoreError},
};

use super::{
    MARK_LASTS, RedisBlacklist, RedisConnectError, RedisSettings, Value,
    address::Address,
    connections::{Identify, Question},
    millis,
};

/// Reads the blacklist in Redis: for a resource server, which has the issuer's public keys and no database.
///
/// It never writes, never claims the copy and runs no scripts. On a server of its own user it needs
/// `ACL SETUSER reader on >… %R~{rescind}:* +@read +info +ping` (with the namespace of the nodes in the braces), in
/// database 0. It takes one server or sentinels, no cluster.
///
/// **What it does not see: the register in SQL.** Nodes store there which Redis counts, so during a failover no node
/// accepts what an old primary says. A reader that is still connected to an old primary may accept a token that was
/// revoked at the new one, until the old mark is too old: [`renewed_within`](Self::renewed_within), 30 s by default,
/// after the nodes have left that server. A service in which that is too long asks a node instead.
///
/// If Redis does not answer within [`RedisSettings::timeout`], if the copy is incomplete or lost, if it is of another
/// log, or if no node has renewed its mark lately, then no token is accepted.
#[derive(Debug)]
pub struct RedisReader {
    blacklist: RedisBlacklist,
    renewed_within: Duration,
}

impl RedisReader {
    /// Connects to the Redis that a URL names, and checks that it is a primary that evicts nothing. For the URL see
    /// [`RedisBlacklist::connect`].
    pub async fn connect(url: &str, settings: &RedisSettings) -> Result<Self, RedisConnectError> {
        let reader = Self::unconnected(url, settings)?;
        reader.blacklist.verify_server().await?;
        Ok(reader)
    }

    /// The same without a connection yet: for a server that has to start while Redis is away.
    ///
    /// # Errors
    /// [`RedisConnectError`]: the URL cannot be read, or names a cluster.
    pub fn unconnected(url: &str, settings: &RedisSettings) -> Result<Self, RedisConnectError> {
        let address = Address::read(url)?;
        if matches!(address, Address::Cluster(_)) {
            return Err(RedisConnectError::ReaderOfCluster);
        }
        Ok(Self {
            blacklist: RedisBlacklist::at(address, settings, Identify::ByInfo)?,
            renewed_within: Duration::from_secs(30),
        })
    }

    /// How long ago a node must have renewed the mark, at most half an hour; 30 s by default. Shorter: an old primary is
    /// believed for less long. Longer: tokens are accepted for longer while no node runs.
    #[must_use]
    pub fn renewed_within(mut self, longest: Duration) -> Self {
        self.renewed_within = longest.min(MARK_LASTS);
        self
    }
}

#[async_trait]
impl RevocationReader for RedisReader {
    async fn status(&self, token: &VerifiedToken<'_>) -> Result<RevocationStatus, StoreError> {
        let keys = &self.blacklist.keys;
        let scopes = [
            Scope::Session(token.claims.session_id),
            Scope::Token(token.claims.token_id),
        ];
        let [session_key, token_key] = scopes.map(|scope| keys.entry(scope));
        // The remaining time first: a mark that is set in between is newer, not older.
        let question = Question::LastingValues(vec![keys.mark.clone(), session_key, token_key]);
        let ((lasts, values), link) = self.blacklist.ask_shared::<(i64, [Value; 3])>(&question).await?;
        let [mark, session_entry, token_entry] = values;
        for (scope, entry) in scopes.into_iter().zip([session_entry, token_entry]) {
            // An entry refuses, also in a copy that cannot be trusted.
            if entry.is_some() {
                return Ok(RevocationStatus::Revoked(scope));
            }
        }
        let (Some(mark), Some(log)) = (mark, token.log) else {
            return Ok(RevocationStatus::Incomplete);
        };
        let mark = String::from_utf8_lossy(&mark);
        let of_log = mark.strip_prefix(&format!("{} ", log.as_uuid()));
        let is_of_this_life = of_log.is_some_and(|rest| rest.split(' ').next() == Some(link.life().as_str()));
        if of_log.is_some() && !is_of_this_life {
            // The same process may be in another life by now.
            link.give_up();
        }
        // A mark that lasts too long was set before the clock of Redis went back.
        let (longest, lasts) = (millis(MARK_LASTS), u64::try_from(lasts).unwrap_or(0));
        let is_renewed = (longest.saturating_sub(millis(self.renewed_within))..=longest).contains(&lasts);
        Ok(if is_of_this_life && is_renewed {
            RevocationStatus::NotRevoked
        } else {
            RevocationStatus::Incomplete
        })
    }
}
