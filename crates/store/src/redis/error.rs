//! Errors of Redis. They never contain the URL, which may hold a password.

use std::{error::Error, time::Duration};

use deadpool_redis::redis::{ErrorKind, RedisError, ServerErrorKind};
use rescind_session::ports::StoreError;

/// Why a Redis cannot be used. No variant prints the URL: it may contain a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisConnectError {
    /// The URL's scheme is unknown.
    #[error(
        "REDIS_URL must begin with `redis://`, `redis+sentinel://` or `redis+cluster://`, or with `rediss` for TLS"
    )]
    UnknownScheme,
    /// A host is missing, or cannot be parsed.
    #[error(
        "REDIS_URL names no server that can be understood: write `redis://host:port`, with `user:password@` before the host \
         if needed, and with `%40` for an `@` in a password, `%2F` for a `/`, `%3A` for a `:`"
    )]
    Host,
    /// The URL has a `?` or a `#`.
    #[error("REDIS_URL has a `?` or a `#`: there are no parameters; in a password write `%3F` and `%23`")]
    Parameter,
    /// The text after the last `/` is not a number.
    #[error("REDIS_URL names a database that is no number: write `redis://host:port/0`, or leave it out")]
    Database,
    /// A cluster has only one database.
    #[error("REDIS_URL names a database of a cluster, which has only one: write `redis+cluster://host:port,host:port`")]
    ClusterDatabase,
    /// A reader of a cluster.
    #[error("REDIS_URL names a cluster: a reader takes one server, or sentinels (`redis+sentinel://`)")]
    ReaderOfCluster,
    /// Sentinels watch several primaries, so the URL must name one.
    #[error("REDIS_URL names no primary: write `redis+sentinel://host:port,host:port/name`, as the sentinels call it")]
    NoPrimaryNamed,
    /// The namespace contains characters that a key's name must not have.
    #[error("the namespace of the keys in Redis is {0:?}: it must be of visible ASCII characters without braces")]
    Namespace(String),
    /// The server is a replica.
    #[error("REDIS_URL leads to a replica: name the primary, or its sentinels (`redis+sentinel://`)")]
    Replica,
    /// Redis evicts entries when its memory is full.
    #[error(
        "Redis may evict revocations when its memory is full: `maxmemory-policy` is `{policy}`; set \
         `maxmemory-policy noeviction`"
    )]
    Evicts {
        /// The policy that evicts instead of refusing a write.
        policy: String,
    },
    /// Redis cannot be reached, or its replies are not valid.
    #[error("Redis cannot be used")]
    Unusable(#[source] Box<dyn Error + Send + Sync>),
}

impl RedisConnectError {
    /// Whether the URL itself is wrong, and not the server that it names.
    pub fn is_url_error(&self) -> bool {
        match self {
            Self::UnknownScheme
            | Self::Host
            | Self::Parameter
            | Self::Database
            | Self::ClusterDatabase
            | Self::ReaderOfCluster
            | Self::NoPrimaryNamed
            | Self::Replica => true,
            Self::Namespace(_) | Self::Evicts { .. } | Self::Unusable(_) => false,
        }
    }
}

impl RedisConnectError {
    /// Whether the error may pass by itself, for instance when a server returns; otherwise somebody has to change the
    /// configuration.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unusable(source) => source.downcast_ref().is_some_and(|failure| {
                matches!(
                    failure,
                    Failure::TimedOut(_) | Failure::NoConnection | Failure::Moved | Failure::Redis(_)
                )
            }),
            _ => false,
        }
    }
}

impl From<Failure> for RedisConnectError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Replica => Self::Replica,
            Failure::Evicts(policy) => Self::Evicts { policy },
            other => Self::Unusable(other.into()),
        }
    }
}

/// Why there was no answer. For the log, and for [`RedisConnectError`].
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("Redis did not answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("no connection to Redis is available")]
    NoConnection,
    #[error("Redis refuses the user name or the password in REDIS_URL")]
    Credentials,
    #[error("Redis is a replica here; revocations are on the primary only")]
    Replica,
    #[error("Redis may evict revocations: `maxmemory-policy` is `{0}`; set `maxmemory-policy noeviction`")]
    Evicts(String),
    #[error(
        "another database's nodes keep their blacklist in this Redis under the same namespace: set RESCIND_REDIS_NAMESPACE to \
         a name of its own for each database, or stop them"
    )]
    InUse,
    #[error("another server than the named one has the keys: a failover may be running")]
    Moved,
    #[error("it is not confirmed that this Redis is the one in force")]
    NotInForce,
    #[error("a node that answers from its own copy may not have this revocation yet; a repeat confirms it")]
    Holders,
    #[error("nodes reach different Redis servers in turns; all must reach the same one")]
    Alternating,
    #[error("the database that names the Redis in force is a standby, or continues an abandoned history")]
    NotPrimary,
    #[error("the database does not name the Redis in force")]
    Register(#[source] StoreError),
    #[error("Redis sent a reply that this program cannot parse")]
    Unreadable,
    #[error("Redis")]
    Redis(#[source] RedisError),
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            // An unknown server may quote the input, and that was a password.
            ErrorKind::AuthenticationFailed => Self::Credentials,
            ErrorKind::Server(ServerErrorKind::ReadOnly) => Self::Replica,
            ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask) => Self::Moved,
            ErrorKind::UnexpectedReturnType | ErrorKind::Parse => Self::Unreadable,
            _ => Self::Redis(error),
        }
    }
}

impl Failure {
    /// The connection was closed, so another one may work. A server that does not answer is not included: a retry would
    /// only wait twice.
    pub(super) fn is_lost_connection(&self) -> bool {
        matches!(self, Self::Redis(error) if error.is_connection_dropped() && !error.is_timeout())
    }

    /// The fault of this connection probably affects all connections that are as old.
    pub(super) fn is_of_a_stale_connection(&self) -> bool {
        self.is_lost_connection() || matches!(self, Self::Replica | Self::Moved)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreadable => Self::corrupt(failure),
            Failure::Register(error) => error,
            other => Self::unavailable(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_redis_error_is_classified_by_its_kind() {
        let told = |kind| Failure::from(RedisError::from((kind, "")));
        assert!(matches!(told(ErrorKind::AuthenticationFailed), Failure::Credentials));
        assert!(matches!(told(ServerErrorKind::ReadOnly.into()), Failure::Replica));
        for elsewhere in [ServerErrorKind::Moved, ServerErrorKind::Ask] {
            assert!(matches!(told(elsewhere.into()), Failure::Moved), "{elsewhere:?}");
        }
        for strange in [ErrorKind::UnexpectedReturnType, ErrorKind::Parse] {
            assert!(matches!(told(strange), Failure::Unreadable), "{strange:?}");
        }
        assert!(matches!(told(ErrorKind::Client), Failure::Redis(_)));
    }

    #[test]
    fn lost_stale_and_silent_connections_are_distinguished() {
        let lost = Failure::from(RedisError::from(io::Error::from(io::ErrorKind::ConnectionReset)));
        let late = Failure::from(RedisError::from(io::Error::from(io::ErrorKind::TimedOut)));
        for (failure, is_lost, is_stale) in [
            (lost, true, true),
            (Failure::Replica, false, true),
            (Failure::Moved, false, true),
            (late, false, false),
            (Failure::Unreadable, false, false),
        ] {
            assert_eq!(failure.is_lost_connection(), is_lost, "{failure:?}");
            assert_eq!(failure.is_of_a_stale_connection(), is_stale, "{failure:?}");
        }
    }
}
