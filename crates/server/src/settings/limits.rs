//! Limits on what clients may use, and the proxies whose headers are trusted.

use std::{net::IpAddr, num::NonZeroUsize, time::Duration};

use ipnet::IpNet;
use rescind_api::RateLimit;
use rescind_session::Config;

use super::{Faults, Given, tokens::duration};

/// Limits on what clients may use.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// How many logins may fail for an address.
    pub login_limit: RateLimit,
    /// How many accounts an address may make.
    pub signup_limit: RateLimit,
    /// How many open sessions one user may have.
    pub sessions_per_user: Option<NonZeroUsize>,
    /// How many connections in all; by default the limit on open files decides.
    pub max_connections: Option<NonZeroUsize>,
    /// Whose `Forwarded` and `X-Forwarded-For` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The longest that a request waits for its stores.
    pub store_timeout: Duration,
}

impl Limits {
    const STORE_TIMEOUT: Duration = Duration::from_millis(500);

    pub(super) fn judge(given: &Given, faults: &mut Faults) -> Self {
        let must = "must be a number and a period, such as 10/min, 100/hour or 5/s, or off";
        let mut rate = |setting| faults.parsed(setting, must).unwrap_or_default();
        let login_limit = rate(given.login_limit());
        let signup_limit = rate(given.signup_limit());
        let must = "must be a number of sessions, at least 1, or off";
        let count = |text: &str| {
            if text == "off" {
                Ok(None)
            } else {
                text.parse().map(Some)
            }
        };
        let sessions_per_user = faults
            .parsed_by(given.sessions_per_user(), must, count)
            .unwrap_or(NonZeroUsize::new(100));
        let must = "must be a number of connections, at least 1";
        let max_connections = faults.parsed(given.max_connections(), must);
        let store_timeout = duration(given.store_timeout(), faults).unwrap_or(Self::STORE_TIMEOUT);
        let must = "must be more than 0 and at most 1h";
        faults.require(
            !store_timeout.is_zero() && store_timeout <= Config::LONGEST_STORE_TIMEOUT,
            "RESCIND_STORE_TIMEOUT",
            must,
        );
        let must = "must be addresses or networks with commas between them, such as 10.0.0.0/8,192.0.2.7";
        let trusted_proxies = faults.parsed_by(given.trusted_proxies(), must, networks);
        Self {
            login_limit,
            signup_limit,
            sessions_per_user,
            max_connections,
            trusted_proxies: trusted_proxies.unwrap_or_default(),
            store_timeout,
        }
    }
}

fn networks(text: &str) -> Result<Vec<IpNet>, ()> {
    let network = |part: &str| {
        part.parse()
            .or_else(|_| part.parse::<IpAddr>().map(IpNet::from))
            .map_err(drop)
    };
    text.split(',').map(str::trim).map(network).collect()
}
