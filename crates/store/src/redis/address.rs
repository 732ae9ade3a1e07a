//! Parses a `REDIS_URL`. Errors never quote the URL: an unreadable part may be half a password.

use deadpool_redis::redis::{ConnectionInfo, IntoConnectionInfo};

use super::{error::RedisConnectError, keys::NAMESPACE};

/// The address of Redis.
#[derive(Debug)]
pub(super) enum Address {
    Single(Box<ConnectionInfo>),
    Sentinels {
        sentinels: Vec<ConnectionInfo>,
        primary: String,
        /// How to connect to the primary that the sentinels name.
        node: Box<ConnectionInfo>,
    },
    Cluster(Vec<ConnectionInfo>),
}

impl Address {
    pub(super) fn read(url: &str) -> Result<Self, RedisConnectError> {
        let (scheme, rest) = url.split_once("://").ok_or(RedisConnectError::UnknownScheme)?;
        let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !["redis", "rediss"].contains(&base) {
            return Err(RedisConnectError::UnknownScheme);
        }
        if rest.contains(['?', '#']) {
            return Err(RedisConnectError::Parameter);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (format!("{credentials}@"), hosts),
            None => (String::new(), authority),
        };
        let server = |credentials: &str, host: &str, db: &str| {
            if host.is_empty() {
                return Err(RedisConnectError::Host);
            }
            let url = format!("{base}://{credentials}{host}/{db}");
            url.as_str().into_connection_info().map_err(|_| RedisConnectError::Host)
        };
        let checked_db = |db: &str| match db {
            "" => Ok(()),
            db => db.parse::<u16>().map(drop).map_err(|_| RedisConnectError::Database),
        };
        match kind {
            "" => {
                checked_db(path)?;
                Ok(Self::Single(Box::new(server(&credentials, hosts, path)?)))
            }
            "cluster" => {
                if !path.is_empty() {
                    return Err(RedisConnectError::ClusterDatabase);
                }
                let nodes = hosts.split(',').map(|host| server(&credentials, host, ""));
                Ok(Self::Cluster(nodes.collect::<Result<_, _>>()?))
            }
            "sentinel" => {
                let (primary, db) = path.split_once('/').unwrap_or((path, ""));
                checked_db(db)?;
                if primary.is_empty() {
                    return Err(RedisConnectError::NoPrimaryNamed);
                }
                let sentinels = hosts
                    .split(',')
                    .map(|host| server("", &with_sentinels_port(host), ""))
                    .collect::<Result<Vec<_>, _>>()?;
                // The host is a placeholder: the sentinels name the real one.
                let node = server(&credentials, "127.0.0.1", db)?;
                Ok(Self::Sentinels {
                    sentinels,
                    primary: primary.to_owned(),
                    node: Box::new(node),
                })
            }
            _ => Err(RedisConnectError::UnknownScheme),
        }
    }

    /// What tells the copies of one server apart. The usual one has no name: earlier versions knew no other.
    pub(super) fn place(&self, namespace: &str) -> String {
        let database = match self {
            Self::Single(node) | Self::Sentinels { node, .. } => node.redis_settings().db(),
            Self::Cluster(_) => 0,
        };
        match database {
            0 if namespace == NAMESPACE => String::new(),
            database => format!(" {database}/{namespace}"),
        }
    }

    /// Whether the address uses TLS.
    pub(super) fn is_tls(&self) -> bool {
        use deadpool_redis::redis::ConnectionAddr::TcpTls;
        let is_tls = |info: &ConnectionInfo| matches!(info.addr(), TcpTls { .. });
        match self {
            Self::Single(server) => is_tls(server),
            Self::Sentinels { node, .. } => is_tls(node),
            Self::Cluster(nodes) => nodes.iter().any(is_tls),
        }
    }
}

/// Sentinels listen on another port than Redis.
fn with_sentinels_port(host: &str) -> String {
    let behind_brackets = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    if host.is_empty() || behind_brackets.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:26379")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Address {
        Address::read(url).unwrap()
    }

    #[test]
    fn one_server_with_every_part_of_a_url() {
        let Address::Single(server) = read("redis://anna:s%40cret%2F@redis.example:7000/3") else {
            panic!("not one server");
        };
        assert_eq!(server.addr().to_string(), "redis.example:7000");
        assert_eq!(server.redis_settings().username(), Some("anna"));
        assert_eq!(server.redis_settings().password(), Some("s@cret/"));
        assert_eq!(server.redis_settings().db(), 3);
        assert!(!read("redis://localhost").is_tls());
        assert!(read("rediss://localhost").is_tls());
    }

    #[test]
    fn only_the_usual_place_has_no_name() {
        for (url, namespace, place) in [
            ("redis://redis.example", "rescind", ""),
            ("redis+cluster://a:1,b:2", "rescind", ""),
            ("redis://redis.example/3", "rescind", " 3/rescind"),
            ("redis+sentinel://a,b/main/3", "rescind", " 3/rescind"),
            ("redis+cluster://a:1,b:2", "shop", " 0/shop"),
        ] {
            assert_eq!(read(url).place(namespace), place, "{url}");
        }
    }

    #[test]
    fn a_password_alone_and_one_with_an_at_sign() {
        let Address::Single(server) = read("redis://:pass@word@localhost") else {
            panic!("not one server");
        };
        assert_eq!(server.addr().to_string(), "localhost:6379");
        assert_eq!(server.redis_settings().password(), Some("pass@word"));
    }

    #[test]
    fn a_cluster_by_its_nodes() {
        let Address::Cluster(nodes) = read("rediss+cluster://:secret@a:1,b:2") else {
            panic!("not a cluster");
        };
        let nodes: Vec<_> = nodes
            .iter()
            .map(|node| (node.addr().to_string(), node.redis_settings().password().unwrap()))
            .collect();
        assert_eq!(nodes, [("a:1".to_owned(), "secret"), ("b:2".to_owned(), "secret")]);
        assert!(read("rediss+cluster://a").is_tls());
    }

    #[test]
    fn a_primary_by_its_sentinels_which_do_not_get_its_password() {
        let Address::Sentinels {
            sentinels,
            primary,
            node,
        } = read("redis+sentinel://:secret@a,[::1],c:3/main/2")
        else {
            panic!("no sentinels");
        };
        let addresses: Vec<_> = sentinels.iter().map(|sentinel| sentinel.addr().to_string()).collect();
        assert_eq!(addresses, ["a:26379", "::1:26379", "c:3"]);
        assert!(
            sentinels
                .iter()
                .all(|sentinel| sentinel.redis_settings().password().is_none())
        );
        assert_eq!(primary, "main");
        assert_eq!(node.redis_settings().password(), Some("secret"));
    }
}
