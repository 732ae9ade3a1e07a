//! The settings of the HTTP side.

use std::{fmt, num::NonZeroU32, str::FromStr};

use ipnet::IpNet;
use url::Url;

/// The HTTP side's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address that people type. Only its origin may write. If it is `https`, cookies are `Secure` and have the
    /// `__Host-` prefix, and replies make browsers use `https` only.
    pub public_url: Url,
    /// The proxies whose `Forwarded` and `X-Forwarded-For` headers are trusted. Anybody else could forge them.
    pub trusted_proxies: Vec<IpNet>,
    /// The prefix of the cookies' names. Cookies ignore ports, so two instances on one host need two prefixes.
    pub cookie_prefix: String,
    /// How many logins of an address may fail.
    pub login_limit: RateLimit,
    /// How many accounts an address may create.
    pub signup_limit: RateLimit,
    /// The name of this node, if there are several. `/health/ready` shows it.
    pub node: Option<String>,
}

impl Settings {
    /// Settings for a service without a proxy in front. Cookies are called `rescind_…`, or `rescind_<port>_…` if the
    /// URL names a port.
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

    /// The name of a cookie of this service that no other host can set.
    #[must_use]
    pub fn cookie_name(&self, what: &str) -> String {
        let host_only = if self.is_https() { "__Host-" } else { "" };
        format!("{host_only}{}_{what}", self.cookie_prefix)
    }

    /// Whether the public URL is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

/// How often an action is allowed. Written as `10/min`, `100/hour`, `5/s` or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimit {
    /// No limit.
    Off,
    /// So many at once; a used-up quota grows back evenly over the period.
    Quota {
        /// How many.
        count: NonZeroU32,
        /// The period.
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

/// A limit that cannot be parsed.
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
