//! Settings: variables of the environment, each with a flag of the same name without `RESCIND_`.
//!
//! A `.env` file in the working directory is read; what the environment says goes before it, and flags before both. An
//! empty value counts as not set. A wrong value, and one that contradicts another, stops the start with exit code 2: a
//! program about revocation that runs with half of what it was told is worse than one that does not run.
//!
//! | setting | default | meaning |
//! | --- | --- | --- |
//! | `RESCIND_BIND` | `127.0.0.1:8080` | where to listen; port 0 takes any, and the address is printed |
//! | `RESCIND_PUBLIC_URL` | `http://` + bind | issuer, cookie security, origin checks; an origin, without a path |
//! | `RESCIND_COOKIE_PREFIX` | `rescind`, or `rescind_<port>` where the public URL names a port | what the names of the cookies begin with: cookies ignore ports, so two instances on one host need two |
//! | `RESCIND_DATA_DIR` | `./data` | the SQLite file and the generated keys |
//! | `DATABASE_URL` | SQLite in the data directory | `sqlite:` and a path, or `postgres:` |
//! | `RESCIND_DATABASE_CONNECTIONS` | `8` | connections to the database at most, besides one that holds the lock (Postgres) or writes (SQLite) |
//! | `REDIS_URL` | none: the blacklist is in the process, which is then alone | `redis:`, `rediss:`, `redis+sentinel:`, `redis+cluster:` |
//! | `RESCIND_REDIS_CONNECTIONS` | `8` | connections to Redis at most |
//! | `RESCIND_REDIS_NAMESPACE` | `rescind` | what the names of the keys in Redis begin with |
//! | `RESCIND_POLICY` | `blacklist` | `stored`, `client_delete`, `short_lived`, `rotation`, `blacklist` |
//! | `RESCIND_ACCESS_TTL` | `12h` under `stored` and `client_delete`, else `5m`; `60s` in the demo | life of an access token |
//! | `RESCIND_REFRESH_TTL` | `7d` | how long a session may lie idle |
//! | `RESCIND_SESSION_MAX` | `30d` | how old a session may become |
//! | `RESCIND_GRACE` | `10s` | how long an exchanged refresh token answers with the same successor |
//! | `RESCIND_LEEWAY` | `0s` | how long past its expiry a token is accepted; at most `5m` |
//! | `RESCIND_AUDIENCE` | `rescind-api` | the `aud` of every token |
//! | `RESCIND_ALGORITHM` | that of the active key, at first `EdDSA` | also `ES256`, `RS256`, `HS256` |
//! | `RESCIND_KEYS` | `keys` in the data directory | the directory of the keys; filled at the first start |
//! | `RESCIND_LOGIN_LIMIT` | `10/min` | how many logins may fail for an address; guesses at one name wait for each other; `off` |
//! | `RESCIND_SIGNUP_LIMIT` | `10/min` | how many accounts an address may make; `off` |
//! | `RESCIND_SESSIONS_PER_USER` | `100` | how many open sessions one user may have, one more ends the oldest; `off` |
//! | `RESCIND_MAX_CONNECTIONS` | what the limit on open files allows, at most `16384` | connections in all |
//! | `RESCIND_TRUSTED_PROXIES` | none | whose `Forwarded` and `X-Forwarded-For` are believed |
//! | `RESCIND_STORE_TIMEOUT` | `500ms` | the longest that a request waits for its stores, all of them together |
//! | `RESCIND_NODE` | none | what this node is called: `X-Rescind-Node` in every answer, and on the demo's pages |
//! | `RESCIND_DEMO_PEERS` | none | where the demo's thief finds the other nodes: their addresses, with commas between them |
//! | `RESCIND_DEMO` | on if bind and public URL (plain http) are loopback | `on`, `off`, or `public` where others come in |
//!
//! A default gives way to a setting: with an access token of 5 s the grace is 5 s too, unless somebody says otherwise.
//! `RESCIND_OAUTH_CLIENTS` is refused by name: it would otherwise be ignored in silence.
//! A variable that begins with `RESCIND_` and is no setting is only reported: Kubernetes makes up such names by itself.

mod arguments;
mod demo;
mod dot_env;
mod faults;
mod limits;
mod listening;
mod nodes;
mod storage;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use arguments::{Command, CommandLine, Given, Keys, Migrate};
pub(crate) use demo::Demo;
pub(crate) use dot_env::{DotEnvError, read as read_dot_env};
pub(crate) use faults::Faults;
use faults::Setting;
pub(crate) use limits::Limits;
pub(crate) use listening::Listening;
pub(crate) use nodes::Nodes;
pub(crate) use storage::{Database, Storage};
pub(crate) use tokens::Tokens;

/// Every setting, judged. One structure a concern.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) listening: Listening,
    pub(crate) storage: Storage,
    pub(crate) tokens: Tokens,
    pub(crate) limits: Limits,
    pub(crate) demo: Demo,
    pub(crate) nodes: Nodes,
}

impl Settings {
    /// Judges what was given.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn judge(given: &Given) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let clients = Setting::new("RESCIND_OAUTH_CLIENTS", &given.oauth_clients);
        if clients.is_given() {
            faults.add(
                clients.variable,
                "must not be set: this version keeps no OAuth endpoints; unset it",
            );
        }
        let listening = Listening::judge(given, &mut faults);
        let demo = Demo::judge(given, &listening, &mut faults);
        let settings = Self {
            storage: Storage::judge(given, &mut faults),
            tokens: Tokens::judge(given, demo.is_on(), &mut faults),
            limits: Limits::judge(given, &mut faults),
            nodes: Nodes::judge(given, demo, &mut faults),
            listening,
            demo,
        };
        if faults.is_empty() { Ok(settings) } else { Err(faults) }
    }
}

/// Variables that begin like settings and are none: perhaps somebody mistyped one.
pub(crate) fn unknown_variables() -> impl Iterator<Item = String> {
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("RESCIND_") && !Given::VARIABLES.contains(&name.as_str()))
}
