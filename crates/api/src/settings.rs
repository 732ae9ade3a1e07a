//! What an application decides about its HTTP side.

use std::{fmt, num::NonZeroU32, str::FromStr};

use ipnet::IpNet;
use url::Url;

/// The HTTP side's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address that people type. Its origin is the only one that may write; if it is `https`, cookies are `Secure`
    /// and carry the `__Host-` prefix, and replies ask browsers to stay with `https`.
    pub public_url: Url,
    /// The proxies whose `Forwarded` and `X-Forwarded-For` headers are believed. Anybody else could have made them up.
    pub trusted_proxies: Vec<IpNet>,
    /// How many failed logins an address gets.
    pub login_limit: LoginLimit,
    /// What this node is called, where there are several. `/health/ready` says it.
    pub node: Option<String>,
}

impl Settings {
    /// Settings for a service that its clients reach without a proxy.
    #[must_use]
    pub fn new(public_url: Url) -> Self {
        Self {
            public_url,
            trusted_proxies: Vec::new(),
            login_limit: LoginLimit::default(),
            node: None,
        }
    }

    /// Whether people come over `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

/// How many failed logins an address gets before it has to wait. Written as `10/min`, `100/hour`, `5/s` or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginLimit {
    /// Nobody is counted.
    Off,
    /// So many failures at once; used up, they grow back evenly over the period.
    Quota {
        /// How many.
        failures: NonZeroU32,
        /// Over what time.
        per: Period,
    },
}

/// The time over which a [`LoginLimit`] grows back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// `s`
    Second,
    /// `min`
    Minute,
    /// `hour`
    Hour,
}

impl Period {
    const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    fn name(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "hour",
        }
    }
}

impl Default for LoginLimit {
    /// Ten a minute.
    fn default() -> Self {
        let failures = NonZeroU32::MIN.saturating_add(9);
        Self::Quota {
            failures,
            per: Period::Minute,
        }
    }
}

impl fmt::Display for LoginLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Quota { failures, per } => write!(f, "{failures}/{}", per.name()),
        }
    }
}

/// A login limit that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number of failed logins per s, min or hour, such as 10/min, or off")]
pub struct InvalidLoginLimit;

impl FromStr for LoginLimit {
    type Err = InvalidLoginLimit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let (failures, period) = text.split_once('/').ok_or(InvalidLoginLimit)?;
        let failures = failures.parse().map_err(|_| InvalidLoginLimit)?;
        let per = Period::ALL
            .into_iter()
            .find(|per| per.name() == period)
            .ok_or(InvalidLoginLimit)?;
        Ok(Self::Quota { failures, per })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_limit_is_read_as_it_is_written() {
        for text in ["off", "10/min", "100/hour", "5/s"] {
            assert_eq!(text.parse::<LoginLimit>().unwrap().to_string(), text);
        }
        assert_eq!(LoginLimit::default().to_string(), "10/min");
    }

    #[test]
    fn what_is_no_login_limit_is_refused() {
        for text in [
            "", "10", "0/min", "-1/min", "10/", "10/day", "/min", "ten/min", "10 / min", "OFF",
        ] {
            assert_eq!(text.parse::<LoginLimit>(), Err(InvalidLoginLimit), "{text:?}");
        }
    }
}
