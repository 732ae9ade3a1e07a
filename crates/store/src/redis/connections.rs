//! Connections that know whom they lead to.
//!
//! deadpool-redis brings the clients and the pool. Its own managers are not used: their `recycle` asks `PING` before every
//! use, which makes two round trips of one check; and those for sentinels and clusters cannot be given a timeout. What
//! takes its place costs nothing: a connection that failed, was not answered, or is older than what the node believes
//! ([`Trust`]) is not used again.

use std::{sync::Arc, time::Duration};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use deadpool_redis::{
    cluster::{ClusterClient, ClusterClientBuilder, ClusterConnection},
    redis::{
        AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind,
        aio::MultiplexedConnection,
        cmd,
        sentinel::{SentinelClient, SentinelServerType},
    },
};
use tokio::{sync::Mutex, task::JoinSet};

use super::{
    address::Address,
    error::{Failure, RedisConnectError},
    keys::Keys,
    scripts::{LOOK, Script},
    trust::Trust,
};

/// Makes connections, and says which may be used again.
pub(super) struct Connections {
    way: Way,
    config: AsyncConnectionConfig,
    /// Any key: in a cluster it leads to the server that has all of them.
    key: String,
    trust: Arc<Trust>,
}

/// How a server is found.
enum Way {
    Straight(Box<Client>),
    /// One client for each sentinel. They are asked all at once: one that does not answer would hold the others up for
    /// longer than a question may take.
    Sentinels(Vec<Arc<Mutex<SentinelClient>>>),
    Cluster(Box<ClusterClient>),
}

impl Connections {
    pub(super) fn to(
        address: Address,
        timeout: Duration,
        keys: &Keys,
        trust: Arc<Trust>,
    ) -> Result<Self, RedisConnectError> {
        if address.is_tls() {
            choose_cryptography();
        }
        let way = Way::to(address, timeout).map_err(|_| RedisConnectError::Host)?;
        // One limit for the whole question, which is set around it: two that are equal would race for the words.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        Ok(Self {
            way,
            config,
            key: keys.whole.clone(),
            trust,
        })
    }

    async fn link(&self) -> Result<Link, Failure> {
        Ok(match &self.way {
            Way::Straight(client) => Link::Direct(
                client
                    .get_multiplexed_async_connection_with_config(&self.config)
                    .await?,
            ),
            Way::Sentinels(sentinels) => Link::Direct(self.by_sentinels(sentinels).await?),
            Way::Cluster(client) => Link::Cluster(client.get_async_connection().await?),
        })
    }

    /// The primary that the first sentinel to answer names. The client has asked it whether it is one.
    async fn by_sentinels(&self, sentinels: &[Arc<Mutex<SentinelClient>>]) -> Result<MultiplexedConnection, Failure> {
        let mut lookups = JoinSet::new();
        for sentinel in sentinels {
            let (sentinel, config) = (Arc::clone(sentinel), self.config.clone());
            lookups.spawn(async move { sentinel.lock().await.get_async_connection_with_config(&config).await });
        }
        let mut failure = Failure::NoConnection;
        while let Some(lookup) = lookups.join_next().await {
            match lookup {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => failure = error.into(),
                Err(_) => {}
            }
        }
        Err(failure)
    }
}

impl Way {
    fn to(address: Address, timeout: Duration) -> RedisResult<Self> {
        Ok(match address {
            Address::Single(server) => Self::Straight(Box::new(Client::open(*server)?)),
            Address::Sentinels {
                sentinels,
                primary,
                node,
                tls: _,
            } => Self::Sentinels(
                sentinels
                    .into_iter()
                    .map(|sentinel| {
                        let node = Some((*node).clone());
                        SentinelClient::build(vec![sentinel], &primary, node, SentinelServerType::Master)
                            .map(|client| Arc::new(Mutex::new(client)))
                    })
                    .collect::<RedisResult<_>>()?,
            ),
            Address::Cluster(nodes) => Self::Cluster(Box::new(
                ClusterClientBuilder::new(nodes)
                    .connection_timeout(timeout)
                    .response_timeout(timeout)
                    .build()?,
            )),
        })
    }
}

/// rustls takes its cryptography from the process, and panics if nobody has chosen and more than one kind was compiled in,
/// which another crate of the program may have caused. Whoever has chosen before is left alone.
fn choose_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody else may choose at this very moment, which is as well.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

/// Whether revocations may be read from, and entrusted to, a server of that role and policy.
pub(super) fn relied_on(role: &str, policy: &str) -> Result<(), Failure> {
    if role != "master" {
        return Err(Failure::Replica);
    }
    if policy != "noeviction" {
        return Err(Failure::Evicts(policy.to_owned()));
    }
    Ok(())
}

impl Manager for Connections {
    type Type = Connection;
    type Error = Failure;

    async fn create(&self) -> Result<Connection, Failure> {
        // Before the look: what is learned meanwhile is news to this connection.
        let generation = self.trust.generation();
        let mut connection = Connection {
            link: self.link().await?,
            server: None,
            generation,
            is_sound: true,
        };
        let look = Question::Script(&LOOK, vec![self.key.clone()], Vec::new());
        let (role, server, policy): (String, String, String) = connection.ask(&look).await?;
        relied_on(&role, &policy)?;
        connection.leads_to(&server, generation);
        Ok(connection)
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<Failure> {
        if connection.is_sound && connection.generation == self.trust.generation() {
            Ok(())
        } else {
            Err(RecycleError::message("stale"))
        }
    }
}

/// A connection to a server that was asked who it is.
pub(super) struct Connection {
    link: Link,
    server: Option<String>,
    generation: u64,
    /// False while a question is under way, so that one that was broken off by its asker counts as failed.
    is_sound: bool,
}

enum Link {
    /// To one process, for as long as it lives.
    Direct(MultiplexedConnection),
    /// To whoever has the slot, which the client finds out by itself, again and again.
    Cluster(ClusterConnection),
}

/// What is asked of Redis.
pub(super) enum Question<'a> {
    /// A script with its keys and arguments.
    Script(&'a Script, Vec<String>, Vec<String>),
    /// The values of these keys: in a cluster, by that script, which also says who answers.
    Check(&'a Script, Vec<String>),
}

impl Connection {
    /// The server that it leads to, where that cannot change.
    pub(super) fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// The server has just been asked who it is.
    pub(super) fn leads_to(&mut self, server: &str, generation: u64) {
        if matches!(self.link, Link::Direct(_)) {
            self.server = Some(server.to_owned());
        }
        self.generation = generation;
    }

    /// Is not used again.
    pub(super) fn give_up(&mut self) {
        self.is_sound = false;
    }

    pub(super) async fn ask<T: FromRedisValue>(&mut self, question: &Question<'_>) -> Result<T, Failure> {
        self.is_sound = false;
        let answer = match question {
            Question::Check(_, keys) if matches!(self.link, Link::Direct(_)) => {
                self.link.send(cmd("MGET").arg(keys)).await?
            }
            Question::Check(script, keys) => self.run(script, keys, &[]).await?,
            Question::Script(script, keys, arguments) => self.run(script, keys, arguments).await?,
        };
        self.is_sound = true;
        Ok(answer)
    }

    /// Redis remembers scripts by their hash until it is restarted. It is only then sent one again.
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
        match self.link.send(&command("EVALSHA", &script.hash)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.link.send(&command("EVAL", &script.code)).await
            }
            done => done,
        }
    }
}

impl Link {
    async fn send<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::Direct(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}
