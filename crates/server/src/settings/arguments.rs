//! The command line, before its values are parsed.
//!
//! Values stay text here. clap would report a wrong one by its flag alone, while most people set variables, and it cannot
//! find contradictions between two settings. So one place checks them all: [`Settings::judge`](super::Settings::judge).

use std::{ffi::OsString, time::Duration};

use clap::{Args, Parser, Subcommand};

use super::Setting;

/// A node of Rescind: a service whose JSON Web Tokens can be taken back.
///
/// Without a command it serves.
#[derive(Debug, Parser)]
// No group, so that a program that flattens this may give its command line any name.
#[group(skip)]
#[non_exhaustive]
pub struct CommandLine {
    /// The settings.
    #[command(flatten)]
    pub given: Given,

    /// What to do other than serve.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do other than serve.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Move the schema of the database.
    #[command(subcommand)]
    Migrate(Migrate),
    /// List and change the keys that sign and verify.
    #[command(subcommand)]
    Keys(Keys),
    /// Make clients of the OAuth endpoints.
    #[command(subcommand)]
    Clients(Clients),
    /// List, disable, enable or delete accounts. What is revoked counts at once at nodes with a Redis; a node without one has
    /// to be stopped first.
    #[command(subcommand)]
    Users(Users),
    /// After the database was restored from a backup, where a start says that it is older than it was, or after it recorded
    /// a time that is ahead of the right one: end every session, replace the signing keys, and let the time begin again at
    /// this machine's clock. What was revoked since is forgotten otherwise.
    Restored {
        /// Yes, everybody has to log in again.
        #[arg(long, required = true)]
        yes: bool,
    },
}

/// How to move the schema.
#[derive(Debug, Clone, Copy, Subcommand)]
#[non_exhaustive]
pub enum Migrate {
    /// Take every step that has not been taken.
    Up,
    /// Take the latest step back, and with it the data that it made room for. The signing keys are replaced.
    Down,
    /// List the steps, and which of them have been taken.
    Status,
    /// Empty the database: every account, session and revocation. The signing keys are replaced, so that no token that was
    /// signed before counts any more.
    Fresh {
        /// Yes, all of it.
        #[arg(long, required = true)]
        yes: bool,
    },
}

/// What to do with the keys.
#[derive(Debug, Clone, Subcommand)]
#[non_exhaustive]
pub enum Keys {
    /// List the keys of the database, and what each is used for. Shows no key material.
    List,
    /// Make the missing keys, for a directory that is copied to the nodes before their first start. Needs no database.
    Generate,
    /// Make a new signing key. All nodes verify with it at once, and sign with it when every cached copy of the published
    /// keys has it. Running nodes need no restart, and nobody is logged out.
    Rotate {
        /// Make a new refresh key instead: the key that refresh tokens are made with.
        #[arg(long)]
        refresh: bool,
        /// The signing key has leaked: the new one signs at once, and what the old ones signed is refused.
        #[arg(long, conflicts_with_all = ["refresh", "after"])]
        now: bool,
        /// Wait at least so long before the new key is used: for nodes with directories of their own, to which it is copied.
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        after: Option<Duration>,
    },
    /// End a key, or without an id all keys whose last token has expired, and delete their files.
    Retire {
        /// The id, as `list` shows it. It may begin with a dash.
        #[arg(allow_hyphen_values = true)]
        id: Option<String>,
        /// Also if tokens of it are still valid: they are refused from now on.
        #[arg(long, requires = "id")]
        now: bool,
    },
    /// Take the key files as they are, after somebody changed them by hand, for the keys of this database.
    Adopt,
}

/// How to make clients.
#[derive(Debug, Clone, Subcommand)]
#[non_exhaustive]
pub enum Clients {
    /// Print a new secret, once, and what the server keeps of it, for RESCIND_OAUTH_CLIENTS. Nothing is stored.
    New {
        /// What the client is called: letters, digits, `-`, `.`, `_` and `~`. A client that exists gets a second secret.
        id: String,
    },
}

/// What to do with accounts.
#[derive(Debug, Clone, Subcommand)]
#[non_exhaustive]
pub enum Users {
    /// List all accounts: whether it is enabled, disabled, or has a public password; its id, since when, and the name.
    List,
    /// Disable a person's account and end its sessions: their tokens are refused at once under `stored` and `blacklist`, and
    /// no login or refresh works under any policy. Repeat it if it was interrupted.
    Disable {
        /// The name.
        username: String,
    },
    /// Enable a disabled account. Its sessions stay ended.
    Enable {
        /// The name.
        username: String,
    },
    /// Delete an account and end its sessions, like `disable`. The name becomes free. Repeat it if it was interrupted.
    Delete {
        /// The name.
        username: String,
        /// Yes, the account is gone then.
        #[arg(long, required = true)]
        yes: bool,
    },
}

macro_rules! given {
    ($($(#[doc = $doc:literal])+ $field:ident: $variable:literal, $value:literal;)+) => {
        /// Every setting, from its flag or its variable. An empty one counts as not given.
        ///
        $(#[doc = concat!("- `", $variable, "`:", $($doc,)+)])+
        #[derive(Debug, Default, Args)]
        #[command(next_help_heading = "Settings")]
        #[group(skip)]
        pub struct Given {
            $(
                $(#[doc = $doc])+
                // Hidden, because `--help` would print the values, and one may be a URL with a password.
                #[arg(long, global = true, env = $variable, hide_env_values = true, value_name = $value)]
                pub(crate) $field: Option<OsString>,
            )+
        }

        impl Given {
            /// The variables that are settings.
            pub(crate) const VARIABLES: &[&str] = &[$($variable),+];

            $(
                pub(super) fn $field(&self) -> Setting<'_> {
                    Setting::new($variable, &self.$field)
                }
            )+
        }
    };
}

given! {
    /// Where to listen; port 0 takes any. [default: 127.0.0.1:8080]
    bind: "RESCIND_BIND", "ADDRESS:PORT";
    /// Where people find it: issuer, cookie security, origin checks. [default: http:// and the address it listens on]
    public_url: "RESCIND_PUBLIC_URL", "URL";
    /// What the names of the cookies begin with. [default: rescind, or rescind_PORT where the public URL names a port]
    cookie_prefix: "RESCIND_COOKIE_PREFIX", "NAME";
    /// The directory of the SQLite file and of the keys. [default: ./data]
    data_dir: "RESCIND_DATA_DIR", "DIRECTORY";
    /// The database: `sqlite:` and the path of a file, or `postgres:`. [default: rescind.db in the data directory]
    database_url: "DATABASE_URL", "URL";
    /// How many connections to the database at most, besides one that holds the lock (Postgres) or writes (SQLite).
    /// [default: 8]
    database_connections: "RESCIND_DATABASE_CONNECTIONS", "COUNT";
    /// Where the blacklist is: redis:, rediss:, redis+sentinel: or redis+cluster:. [default: in the process, which is then alone]
    redis_url: "REDIS_URL", "URL";
    /// How many connections to Redis at most, besides the one that all checks share. [default: 8]
    redis_connections: "RESCIND_REDIS_CONNECTIONS", "COUNT";
    /// What the names of the keys in Redis begin with. [default: rescind]
    redis_namespace: "RESCIND_REDIS_NAMESPACE", "NAME";
    /// How a check reads the blacklist in Redis: direct, by one command, or replicated, from a copy in memory. [default: direct]
    blacklist_read: "RESCIND_BLACKLIST_READ", "HOW";
    /// How long a replicated copy is relied on after each renewal; twice that must fit into the store timeout. [default: 200ms]
    lease: "RESCIND_LEASE", "DURATION";
    /// stored, client_delete, short_lived, rotation or blacklist. [default: blacklist]
    policy: "RESCIND_POLICY", "POLICY";
    /// Lifetime of an access token. [default: 12h under stored and client_delete, else 5m]
    access_ttl: "RESCIND_ACCESS_TTL", "DURATION";
    /// How long a session may be idle. [default: 7d]
    refresh_ttl: "RESCIND_REFRESH_TTL", "DURATION";
    /// Longest lifetime of a session. [default: 30d]
    session_max: "RESCIND_SESSION_MAX", "DURATION";
    /// How long a refresh token that was exchanged still answers with the same successor. [default: 10s]
    grace: "RESCIND_GRACE", "DURATION";
    /// How long past its expiry an access token is accepted, at most 5m, for verifiers whose clocks differ. [default: 0s]
    leeway: "RESCIND_LEEWAY", "DURATION";
    /// Audience of the access tokens. [default: rescind-api]
    audience: "RESCIND_AUDIENCE", "NAME";
    /// EdDSA, ES256, RS256 or HS256, for keys that are made here. [default: that of the active key, else EdDSA]
    algorithm: "RESCIND_ALGORITHM", "ALGORITHM";
    /// How long others may keep the published keys, 1s to 24h; a new key signs after that. The same on every node. [default: 60s]
    jwks_max_age: "RESCIND_JWKS_MAX_AGE", "DURATION";
    /// The directory of the keys, filled at the first start. [default: keys in the data directory]
    keys: "RESCIND_KEYS", "DIRECTORY";
    /// How many verified access tokens are remembered, at most 10000000; times and revocation are checked on every request.
    /// 0: none. [default: 20000]
    token_cache: "RESCIND_TOKEN_CACHE", "COUNT";
    /// Who may use the OAuth endpoints: `id:sha256:hash` pairs, made by `rescind clients new`, with commas or spaces. [default: none]
    oauth_clients: "RESCIND_OAUTH_CLIENTS", "CLIENTS";
    /// How many logins may fail for an address, as 10/min, 100/hour or off. Guesses at one name wait for each other. [default: 10/min]
    login_limit: "RESCIND_LOGIN_LIMIT", "COUNT/PERIOD";
    /// How many accounts an address may make, as 10/min, 100/hour or off. [default: 10/min]
    signup_limit: "RESCIND_SIGNUP_LIMIT", "COUNT/PERIOD";
    /// How many open sessions one user may have; one more ends the oldest; or off. [default: 100]
    sessions_per_user: "RESCIND_SESSIONS_PER_USER", "COUNT";
    /// How many connections in all. [default: what the limit on open files allows, at most 16384]
    max_connections: "RESCIND_MAX_CONNECTIONS", "COUNT";
    /// Whose `Forwarded`, `X-Forwarded-For` and `X-Original-Method` are believed: addresses or networks, with commas. [default: none]
    trusted_proxies: "RESCIND_TRUSTED_PROXIES", "NETWORKS";
    /// on, or off: whether access tokens name their place in a status list. [default: off]
    status_list: "RESCIND_STATUS_LIST", "ON|OFF";
    /// How a proxy asks /auth/check: `get`, as nginx, Traefik and Caddy do, or `envoy`, with any method and any path below it.
    /// [default: get]
    forward_auth: "RESCIND_FORWARD_AUTH", "PROXY";
    /// The longest that a request waits for its stores, all of them together. [default: 500ms]
    store_timeout: "RESCIND_STORE_TIMEOUT", "DURATION";
    /// Receivers of revocation events: https addresses, or http on this machine, with commas between them, each perhaps followed by
    /// audience=NAME [default: the address] and bearer=TOKEN. [default: none]
    event_receivers: "RESCIND_EVENT_RECEIVERS", "RECEIVERS";
    /// How long the log of revocations waits at most for a receiver that does not acknowledge them. [default: 7d]
    event_retention: "RESCIND_EVENT_RETENTION", "DURATION";
    /// Where figures for Prometheus are served, at /metrics and nowhere else. [default: nowhere]
    metrics_bind: "RESCIND_METRICS_BIND", "ADDRESS:PORT";
    /// What this node is called, where there are several. Every answer says it, in X-Rescind-Node. [default: none]
    node: "RESCIND_NODE", "NAME";
}
