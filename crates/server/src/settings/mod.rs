//! Settings: variables of the environment, each with a flag of the same name without `RESCIND_`.
//!
//! A `.env` file in the working directory is read. The environment takes precedence over it, and flags over both. An empty
//! value counts as not set. A wrong value, and one that contradicts another, stops the start with exit code 2: a program
//! about revocation that runs with half of its settings is worse than one that does not run.
//!
//! [`Given`] lists them with their defaults, as `--help` does.
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
            client if *client.id() == ClientId::first_party() => Err(InvalidClient::Text),
            client => Ok(client),
        })
        .collect()
}
