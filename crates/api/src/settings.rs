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
    /// What the names of the cookies begin with. Cookies ignore ports, so two instances on one host need two prefixes.
    pub cookie_prefix: String,
    /// How many failed logins an address gets.
    pub login_limit: RateLimit,
    /// How many accounts an address may make.
    pub signup_limit: RateLimit,
    /// What this node is called, where there are several. `/health/ready` says it.
    pub node: Option<String>,
}

impl Settings {
    /// Settings for a service that its clients reach without a proxy. Cookies are called `rescind_…`, or `rescind_<port>_…`
    /// where the URL names a port.
    #[must_use]
    pub fn new(public_url: Url) -> Self {
        Self {
            cookie_prefix: public_url
                .port()
                .map_or_else(|| "rescind".to_owned(), |port| format!("rescind_{port}")),
            public_url,
            trusted_proxies: Vec::new(),
            login_limit: RateLimit::default(),
            signup_limit: RateLimit::default(),
            node: None,
        }
    }

    /// What a cookie of this service is called that no other host may set.
    #[must_use]
    pub fn cookie_name(&self, what: &str) -> String {
        let host_only = if self.is_https() { "__Host-" } else { "" };
        format!("{host_only}{}_{what}", self.cookie_prefix)
    }

    /// Whether people come over `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

/// How often something may be done before one has to wait. Written as `10/min`, `100/hour`, `5/s` or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimit {
    /// Nobody is counted.
    Off,
    /// So many at once; used up, they grow back evenly over the period.
    Quota {
        /// How many.
        count: NonZeroU32,
        /// Over what time.
        per: Period,
    },
}

/// The time over which a [`RateLimit`] grows back.
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

impl Default for RateLimit {
    /// Ten a minute.
    fn default() -> Self {
        let count = NonZeroU32::MIN.saturating_add(9);
        Self::Quota {
            count,
            per: Period::Minute,
        }
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Quota { count, per } => write!(f, "{count}/{}", per.name()),
        }
    }
}

/// A limit that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number per s, min or hour, such as 10/min, or off")]
pub struct InvalidRateLimit;

impl FromStr for RateLimit {
    type Err = InvalidRateLimit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let (count, period) = text.split_once('/').ok_or(InvalidRateLimit)?;
        let count = count.parse().map_err(|_| InvalidRateLimit)?;
        let per = Period::ALL
            .into_iter()
            .find(|per| per.name() == period)
            .ok_or(InvalidRateLimit)?;
        Ok(Self::Quota { count, per })
    }
}
