//! Settings: variables of the environment, each with a flag of the same name without `RESCIND_`.
//!
//! A `.env` file in the working directory is read. The environment takes precedence over it, and flags over both. An empty
//! value counts as not set. A wrong value, and one that contradicts another, stops the start with exit code 2: a program
//! about revocation that runs with half of its settings is worse than one that does not run.
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
//! | `RESCIND_REDIS_CONNECTIONS` | `8` | connections to Redis at most, besides the one that all checks share |
//! | `RESCIND_REDIS_NAMESPACE` | `rescind` | what the names of the keys in Redis begin with |
//! | `RESCIND_BLACKLIST_READ` | `direct` | how a check reads the blacklist in Redis: `direct`, by one command, or `replicated`, from a copy in memory |
//! | `RESCIND_LEASE` | `200ms` | how long a replicated copy is relied on after each renewal; twice that must fit into `RESCIND_STORE_TIMEOUT` |
//! | `RESCIND_POLICY` | `blacklist` | `stored`, `client_delete`, `short_lived`, `rotation`, `blacklist` |
//! | `RESCIND_ACCESS_TTL` | `12h` under `stored` and `client_delete`, else `5m` | life of an access token |
//! | `RESCIND_REFRESH_TTL` | `7d` | how long a session may lie idle |
//! | `RESCIND_SESSION_MAX` | `30d` | how old a session may become |
//! | `RESCIND_GRACE` | `10s` | how long an exchanged refresh token answers with the same successor |
//! | `RESCIND_LEEWAY` | `0s` | how long past its expiry a token is accepted; at most `5m` |
//! | `RESCIND_AUDIENCE` | `rescind-api` | the `aud` of every token |
//! | `RESCIND_ALGORITHM` | that of the active key, at first `EdDSA` | also `ES256`, `RS256`, `HS256` |
//! | `RESCIND_JWKS_MAX_AGE` | `60s` | how long others may keep the published keys, from `1s` to `24h`; a new key signs after that |
//! | `RESCIND_KEYS` | `keys` in the data directory | the directory of the keys; filled at the first start |
//! | `RESCIND_OAUTH_CLIENTS` | none | who may use the OAuth endpoints: `id:sha256:<hex>` pairs, made by `rescind clients new` |
//! | `RESCIND_LOGIN_LIMIT` | `10/min` | how many logins may fail for an address; guesses at one name wait for each other; `off` |
//! | `RESCIND_SIGNUP_LIMIT` | `10/min` | how many accounts an address may make; `off` |
//! | `RESCIND_SESSIONS_PER_USER` | `100` | how many open sessions one user may have, one more ends the oldest; `off` |
//! | `RESCIND_MAX_CONNECTIONS` | what the limit on open files allows, at most `16384` | connections in all |
//! | `RESCIND_TRUSTED_PROXIES` | none | whose `Forwarded`, `X-Forwarded-For` and `X-Original-Method` are believed |
//! | `RESCIND_TOKEN_CACHE` | `20000` | verified access tokens that are remembered at most; `0`: none |
//! | `RESCIND_STATUS_LIST` | `off` | `on`: access tokens name their place in a status list, at `/oauth/status/{n}` |
//! | `RESCIND_FORWARD_AUTH` | `get` | how a proxy asks `/auth/check`: `get`, or `envoy`, with any method and any path below it |
//! | `RESCIND_STORE_TIMEOUT` | `500ms` | the longest that a request waits for its stores, all of them together |
//! | `RESCIND_EVENT_RECEIVERS` | none | receivers of revocation events: addresses with commas between them, each perhaps followed by `audience=NAME` (default: the address) and `bearer=TOKEN` |
//! | `RESCIND_EVENT_RETENTION` | `7d` | how long the log waits for a receiver at most |
//! | `RESCIND_METRICS_BIND` | none | where `/metrics` is served, for Prometheus; never on `RESCIND_BIND` |
//! | `RESCIND_NODE` | none | what this node is called: `X-Rescind-Node` in every answer |
//!
//! Defaults adapt to settings: with an access token of 5 s the grace is 5 s too, unless it is set.
//! An unknown variable that begins with `RESCIND_` is only logged: Kubernetes generates such names.
//!
//! A program adds its own settings with [`Settings::judge_with`].

mod arguments;
mod dot_env;
mod events;
mod faults;
mod limits;
mod listening;
mod storage;
#[cfg(test)]
mod tests;
mod tokens;

pub use arguments::{Clients, Command, CommandLine, Given, Keys, Migrate, Users};
pub use dot_env::DotEnvError;
pub(crate) use dot_env::read as read_dot_env;
pub use events::{EventReceiver, Events};
pub(crate) use faults::LOG;
pub use faults::{Faults, Setting};
pub use limits::Limits;
pub use listening::{Listening, origin};
pub use storage::{BlacklistRead, Database, Redis, Storage};
pub use tokens::Tokens;

use rescind_session::token::{ClientId, InvalidClient, RegisteredClient};

/// Every setting, checked. One structure per concern.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Its address and public URL.
    pub listening: Listening,
    /// The database, the blacklist and the keys.
    pub storage: Storage,
    /// The policy and the lifetimes of tokens.
    pub tokens: Tokens,
    /// Limits on what clients may use.
    pub limits: Limits,
    /// The clients of the OAuth endpoints.
    pub oauth_clients: Vec<RegisteredClient>,
    /// The receivers of revocation events.
    pub events: Events,
    /// The node's name, in `X-Rescind-Node` and in `/health/ready`.
    pub node: Option<String>,
    own: &'static [&'static str],
}

/// What a program adds to the settings of its node.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Additions {
    /// Its own variables that begin with `RESCIND_`. Others are logged as unknown.
    pub variables: &'static [&'static str],
}

rescind_session::__setters!(Additions {
    variables: &'static [&'static str],
});

impl Settings {
    /// Checks the given values.
    ///
    /// # Errors
    /// Every wrong setting.
    pub fn judge(given: &Given) -> Result<Self, Faults> {
        Self::judge_with(given, |_, _| Default::default()).map(|(settings, ())| settings)
    }

    /// The same for a program with its own settings, which `own` checks; its faults are reported with the others.
    ///
    /// # Errors
    /// Every wrong setting.
    pub fn judge_with<T>(
        given: &Given,
        own: impl FnOnce(&Listening, &mut Faults) -> (Additions, T),
    ) -> Result<(Self, T), Faults> {
        let mut faults = Faults::default();
        let listening = Listening::judge(given, &mut faults);
        let (additions, own) = own(&listening, &mut faults);
        let must = "must be id:sha256:hash pairs with commas or spaces between them, as `rescind clients new` prints them; no id \
                    may be `rescind`, which stands for sessions of no client";
        let oauth_clients = faults
            .parsed_by(given.oauth_clients(), must, oauth_clients)
            .unwrap_or_default();
        let must = "must be a name of at most 32 letters, digits, dots, dashes and underscores";
        let tokens = Tokens::judge(given, &mut faults);
        let settings = Self {
            storage: Storage::judge(given, &mut faults),
            events: Events::judge(given, &tokens, &mut faults),
            tokens,
            limits: Limits::judge(given, &mut faults),
            oauth_clients,
            node: faults.parsed_by(given.node(), must, |text| listening::name(text, 32)),
            listening,
            own: additions.variables,
        };
        if let Some(Redis {
            read: BlacklistRead::Replicated { lease },
            ..
        }) = settings.storage.redis
        {
            // A logout may have to wait for a lease that has just been renewed, and for the drift of clocks.
            let must =
                "must be at most half of RESCIND_STORE_TIMEOUT: a logout waits for the lease of a node that died";
            faults.require(lease * 2 <= settings.limits.store_timeout, "RESCIND_LEASE", must);
        }
        if faults.is_empty() {
            Ok((settings, own))
        } else {
            Err(faults)
        }
    }

    /// Variables that begin like settings and are none: perhaps a mistyped name.
    pub(crate) fn unknown_variables(&self) -> impl Iterator<Item = String> {
        let known = |name: &str| Given::VARIABLES.contains(&name) || self.own.contains(&name);
        std::env::vars_os()
            .filter_map(|(name, _)| name.into_string().ok())
            .filter(move |name| name.starts_with("RESCIND_") && !known(name))
    }
}

fn oauth_clients(text: &str) -> Result<Vec<RegisteredClient>, InvalidClient> {
    let pairs = text.split([',', ' ', '\t', '\n']).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| match pair.parse::<RegisteredClient>()? {
            client if *client.id() == ClientId::first_party() => Err(InvalidClient),
            client => Ok(client),
        })
        .collect()
}
