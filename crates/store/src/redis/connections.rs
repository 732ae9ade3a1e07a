//! Connections to a known server.
//!
//! deadpool-redis provides the clients and the pool. Its own managers are not used: their `recycle` sends `PING` before
//! every use, which makes two round trips of one check; and those for sentinels and clusters take no timeout. The
//! replacement costs nothing: a connection that failed, got no reply, or is older than the last change of [`Trusted`]
//! is not used again.
//!
//! **Of a cluster only one server is needed**: the owner of the slot in which all keys are. Members are asked for it in
//! parallel, since one that hangs must not delay the others; then the connection is made to that server. The client for
//! clusters is not used: it connects to every member before it answers anything.

use std::{sync::Arc, time::Duration};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use deadpool_redis::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue, RedisError, RedisResult,
    ServerErrorKind, Value, aio::MultiplexedConnection, cmd, pipe,
};
use rescind_session::life::Life;
use tokio::{sync::Mutex, task::JoinSet, time::timeout};

use super::{
    address::Address,
    error::{Failure, RedisConnectError},
    keys::Keys,
    scripts::{LOOK, Script},
    trust::Trusted,
};

/// Makes connections, and decides which may be used again.
pub(super) struct Connections {
    way: Way,
    config: AsyncConnectionConfig,
    /// Any of the keys: in a cluster it identifies the server that has all of them.
    key: String,
    trust: Arc<Trusted>,
    identify: Identify,
}

/// How a new connection identifies its server.
#[derive(Clone, Copy)]
pub(super) enum Identify {
    /// By a script, as the changes of the copy do.
    ByScript,
    /// By `INFO` alone: for a reader, who may run no scripts.
    ByInfo,
}

/// How to find a server.
enum Way {
    Straight(Box<Client>),
    /// Through others: the sentinels, or the members of a cluster.
    Asked(Lookup, Mutex<Vec<ConnectionInfo>>),
}

/// The question for them.
#[derive(Clone)]
enum Lookup {
    /// For sentinels: the primary of that name, and how to connect to it.
    Primary(String, Box<ConnectionInfo>),
    /// For members of a cluster: the owner of that key's slot.
    Owner(String),
}

impl Connections {
    pub(super) fn to(
        address: Address,
        keys: &Keys,
        trust: Arc<Trusted>,
        identify: Identify,
    ) -> Result<Self, RedisConnectError> {
        if address.is_tls() {
            choose_cryptography();
        }
        let way = Way::to(address, &keys.mark).map_err(|_| RedisConnectError::Host)?;
        // One limit for the whole operation, which is set around it: with a second, equal limit the error text would
        // depend on a race.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        Ok(Self {
            way,
            config,
            key: keys.mark.clone(),
            trust,
            identify,
        })
    }

    async fn link(&self) -> Result<MultiplexedConnection, Failure> {
        Ok(match &self.way {
            Way::Straight(client) => {
                client
                    .get_multiplexed_async_connection_with_config(&self.config)
                    .await?
            }
            Way::Asked(lookup, known) => connect(by_votes(lookup, known, &self.config).await?, &self.config).await?,
        })
    }
}

/// How many members of a cluster are remembered.
const MOST_MEMBERS: usize = 64;

/// How long to wait for the others once one has answered. In a failover not all of them know it at once.
const FOR_THE_OTHERS: Duration = Duration::from_millis(200);

/// Asks all of them in parallel, since one that hangs must not delay the others. The answer of a majority counts as
/// soon as it is known; if too few answer, the most frequent one.
async fn by_votes(
    lookup: &Lookup,
    known: &Mutex<Vec<ConnectionInfo>>,
    config: &AsyncConnectionConfig,
) -> Result<ConnectionInfo, Failure> {
    let asked = known.lock().await.clone();
    let most = asked.len() / 2 + 1;
    let mut lookups = JoinSet::new();
    for one in asked {
        let (lookup, config) = (lookup.clone(), config.clone());
        lookups.spawn(async move { lookup.ask(&one, &config).await });
    }
    let mut votes: Vec<(ConnectionInfo, usize)> = Vec::new();
    let mut failure = Failure::NoConnection;
    loop {
        let next = async { lookups.join_next().await };
        let answer = if votes.is_empty() {
            next.await
        } else {
            timeout(FOR_THE_OTHERS, next).await.unwrap_or(None)
        };
        match answer {
            None => break,
            Some(Ok(Ok((server, others)))) => {
                let mut known = known.lock().await;
                for other in others {
                    if known.len() < MOST_MEMBERS && known.iter().all(|known| known.addr() != other.addr()) {
                        known.push(other);
                    }
                }
                match votes.iter_mut().find(|(voted, _)| voted.addr() == server.addr()) {
                    Some((_, count)) => *count += 1,
                    None => votes.push((server, 1)),
                }
                if votes.iter().any(|(_, count)| *count >= most) {
                    break;
                }
            }
            Some(Ok(Err(error))) => failure = error.into(),
            Some(Err(_)) => {}
        }
    }
    let winner = votes.into_iter().max_by_key(|(_, count)| *count);
    winner.map(|(server, _)| server).ok_or(failure)
}

impl Lookup {
    /// Asks one of them for the server, and for others to ask.
    async fn ask(
        &self,
        one: &ConnectionInfo,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<(ConnectionInfo, Vec<ConnectionInfo>)> {
        match self {
            Self::Primary(name, like) => {
                let mut connection = connect(one.clone(), config).await?;
                let mut question = cmd("SENTINEL");
                question.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
                let answer: Value = question.query_async(&mut connection).await?;
                let unknown = || RedisError::from((ErrorKind::Client, "a sentinel does not know that primary"));
                Ok((address(answer, like).ok_or_else(unknown)?, Vec::new()))
            }
            Self::Owner(key) => owners(one, config, key).await,
        }
    }
}

async fn connect(server: ConnectionInfo, config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
    let client = Client::open(server)?;
    client.get_multiplexed_async_connection_with_config(config).await
}

/// Asks a member of a cluster for the owner of a key's slot, and for all members.
async fn owners(
    member: &ConnectionInfo,
    config: &AsyncConnectionConfig,
    key: &str,
) -> RedisResult<(ConnectionInfo, Vec<ConnectionInfo>)> {
    let mut connection = connect(member.clone(), config).await?;
    let slot: i64 = cmd("CLUSTER")
        .arg("KEYSLOT")
        .arg(key)
        .query_async(&mut connection)
        .await?;
    let ranges: Vec<Vec<Value>> = cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await?;
    let (mut owner, mut all) = (None, Vec::new());
    // Each range: the first slot, the last one, its owner, its replicas; for each the host, the port, and more.
    for range in ranges {
        let mut range = range.into_iter();
        let bounds = (
            range.next().map(i64::from_redis_value),
            range.next().map(i64::from_redis_value),
        );
        let servers: Vec<_> = range.filter_map(|server| address(server, member)).collect();
        if let (Some(Ok(first)), Some(Ok(last))) = bounds
            && (first..=last).contains(&slot)
        {
            owner = servers.first().cloned();
        }
        all.extend(servers);
    }
    let nobody = || RedisError::from((ErrorKind::Client, "the slot of the keys has no owner"));
    Ok((owner.ok_or_else(nobody)?, all))
}

/// The address of a server that a member names. If the host is left out, it is the member's own.
fn address(server: Value, member: &ConnectionInfo) -> Option<ConnectionInfo> {
    let mut fields = Vec::<Value>::from_redis_value(server).ok()?.into_iter();
    let host = Option::<String>::from_redis_value(fields.next()?).ok()?;
    let port = u16::from_redis_value(fields.next()?).ok()?;
    let host = host.filter(|host| !host.is_empty() && host != "?");
    let addr = match member.addr().clone() {
        ConnectionAddr::Tcp(own, _) => ConnectionAddr::Tcp(host.unwrap_or(own), port),
        ConnectionAddr::TcpTls {
            host: own,
            insecure,
            tls_params,
            ..
        } => ConnectionAddr::TcpTls {
            host: host.unwrap_or(own),
            port,
            insecure,
            tls_params,
        },
        _ => return None,
    };
    Some(member.clone().set_addr(addr))
}

impl Way {
    fn to(address: Address, key: &str) -> RedisResult<Self> {
        Ok(match address {
            Address::Single(server) => Self::Straight(Box::new(Client::open(*server)?)),
            Address::Sentinels {
                sentinels,
                primary,
                node,
            } => Self::Asked(Lookup::Primary(primary, node), Mutex::new(sentinels)),
            Address::Cluster(members) => Self::Asked(Lookup::Owner(key.to_owned()), Mutex::new(members)),
        })
    }
}

/// rustls uses the process's cryptography provider. It panics if none was chosen and several were compiled in, which
/// another crate of the program may have caused. An earlier choice stays.
fn choose_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may choose at this very moment; its choice is equally good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

/// Whether revocations may be stored on a server of that role and policy.
pub(super) fn relied_on(role: &str, policy: &str) -> Result<(), Failure> {
    if role != "master" {
        return Err(Failure::Replica);
    }
    if policy != "noeviction" {
        return Err(Failure::Evicts(policy.to_owned()));
    }
    Ok(())
}

/// What [`LOOK`] returns, from the text of `INFO`: role, life, eviction policy.
fn identity(info: &str) -> Option<(String, String, String)> {
    let value = |name: &str| {
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        lines.find_map(|(field, value)| (field == name).then(|| value.trim().to_owned()))
    };
    let life = format!("{}/{}", value("run_id")?, value("master_replid")?);
    Some((value("role")?, life, value("maxmemory_policy")?))
}

impl Manager for Connections {
    type Type = Connection;
    type Error = Failure;

    async fn create(&self) -> Result<Connection, Failure> {
        // Before the server is asked: a change that is noticed meanwhile makes this connection too old.
        let made_as = self.trust.connections();
        let mut connection = Connection {
            link: self.link().await?,
            life: Life::new(""),
            made_as,
            is_sound: true,
        };
        let (role, server, policy) = match self.identify {
            Identify::ByScript => {
                let look = Question::Script(&LOOK, vec![self.key.clone()], Vec::new());
                connection.ask(&look).await?
            }
            Identify::ByInfo => {
                identity(&connection.ask::<String>(&Question::Info).await?).ok_or(Failure::Unreadable)?
            }
        };
        relied_on(&role, &policy).map_err(|failure| match (failure, &self.way) {
            // The sentinels or members will soon know the right one: a failover is running.
            (Failure::Replica, Way::Asked(..)) => Failure::Moved,
            (failure, _) => failure,
        })?;
        connection.life = Life::new(&server);
        Ok(connection)
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<Failure> {
        if connection.is_current(&self.trust) {
            Ok(())
        } else {
            Err(RecycleError::message("stale"))
        }
    }
}

/// A connection to a server that was identified. It leads to one process until it is closed. A clone is the same
/// connection.
#[derive(Clone)]
pub(super) struct Connection {
    link: MultiplexedConnection,
    life: Life,
    made_as: u64,
    /// False while a command is running, so that a cancelled one counts as failed.
    is_sound: bool,
}

/// A command for Redis.
pub(super) enum Question<'a> {
    /// A script with its keys and arguments.
    Script(&'a Script, Vec<String>, Vec<String>),
    /// The values of these keys.
    Values(Vec<String>),
    /// How long the first key still lasts, in milliseconds, and the values of all.
    LastingValues(Vec<String>),
    /// Everything about the server.
    Info,
    /// The fields of a hash, each with its value.
    Fields(String),
    /// What is appended to these streams after these ids, within that time.
    Listen([String; 2], [String; 2], Duration),
}

impl Connection {
    /// The server's life when the connection was made.
    pub(super) fn life(&self) -> &Life {
        &self.life
    }

    /// The [generation](Trusted::connections) in which it was made.
    pub(super) fn made_as(&self) -> u64 {
        self.made_as
    }

    /// Whether nothing has changed since it was made that makes it too old.
    pub(super) fn is_current(&self, trust: &Trusted) -> bool {
        self.is_sound && self.made_as == trust.connections()
    }

    pub(super) async fn ask<T: FromRedisValue>(&mut self, question: &Question<'_>) -> Result<T, Failure> {
        self.is_sound = false;
        let answer = match question {
            Question::Values(keys) => cmd("MGET").arg(keys).query_async(&mut self.link).await?,
            Question::LastingValues(keys) => {
                let mut both = pipe();
                both.cmd("PTTL").arg(keys.first()).cmd("MGET").arg(keys);
                both.query_async(&mut self.link).await?
            }
            Question::Fields(key) => cmd("HGETALL").arg(key).query_async(&mut self.link).await?,
            Question::Listen(streams, after, longest) => {
                let mut read = cmd("XREAD");
                // Zero would be for ever.
                read.arg("BLOCK").arg(longest.as_millis().max(1) as u64).arg("STREAMS");
                read.arg(streams).arg(after).query_async(&mut self.link).await?
            }
            Question::Info => cmd("INFO").query_async(&mut self.link).await?,
            Question::Script(script, keys, arguments) => self.run(script, keys, arguments).await?,
        };
        self.is_sound = true;
        Ok(answer)
    }

    /// Redis knows scripts by their hash until it restarts. Only then the script itself is sent again.
    async fn run<T: FromRedisValue>(
        &mut self,
        script: &Script,
        keys: &[String],
        arguments: &[String],
    ) -> Result<T, RedisError> {
        let command = |how: &str, script: &str| {
            let mut command = cmd(how);
            command.arg(script).arg(keys.len()).arg(keys).arg(arguments);
            command
        };
        match command("EVALSHA", &script.hash).query_async(&mut self.link).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                command("EVAL", &script.code).query_async(&mut self.link).await
            }
            done => done,
        }
    }
}
