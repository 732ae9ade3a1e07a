//! What a stranger may cost, and whose word is taken for who they are.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use rescind_api::LoginLimit;

use super::{Faults, Given, Setting, tokens::duration};

/// What a stranger may cost.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// How many logins may fail.
    pub(crate) login_limit: LoginLimit,
    /// Whose `Forwarded` and `X-Forwarded-For` are believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The longest that a request waits for its stores.
    pub(crate) store_timeout: Duration,
}

impl Limits {
    const STORE_TIMEOUT: Duration = Duration::from_millis(500);

    pub(super) fn judge(given: &Given, faults: &mut Faults) -> Self {
        let login_limit = Setting::new("RESCIND_LOGIN_LIMIT", &given.login_limit);
        let login_limit = faults
            .parsed(
                login_limit,
                "must be a number of logins and a period, such as 10/min, 100/hour or 5/s, or off",
            )
            .unwrap_or_default();
        let proxies = Setting::new("RESCIND_TRUSTED_PROXIES", &given.trusted_proxies);
        let must = "must be addresses or networks with commas between them, such as 10.0.0.0/8,192.0.2.7";
        let store_timeout =
            duration("RESCIND_STORE_TIMEOUT", &given.store_timeout, faults).unwrap_or(Self::STORE_TIMEOUT);
        if store_timeout.is_zero() {
            faults.add(
                "RESCIND_STORE_TIMEOUT",
                "must be longer than nothing: no store answers in no time",
            );
        }
        Self {
            login_limit,
            trusted_proxies: faults.parsed_by(proxies, must, networks).unwrap_or_default(),
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
