//! The settings of a resource server.

use std::{sync::Arc, time::Duration};

use rescind_session::{Clock, SystemClock, VerifiedTokens, token::Verifier};

/// The settings of a [`ResourceServer`](crate::ResourceServer). Change the fields that differ from the defaults.
#[derive(Clone)]
#[non_exhaustive]
pub struct ResourceServerSettings {
    /// Which tokens are accepted: their issuer, audience, leeway and longest lifetime.
    pub verifier: Verifier,
    /// The address of the issuer's JWK set: `https`, or `http` on this machine, since who changes the keys on the way can
    /// sign. Default: `/.well-known/jwks.json` below the issuer.
    pub jwks_url: String,
    /// Whether `jwks_url` may be `http` on another machine. Default: no.
    pub allow_plain_http: bool,
    /// How long a request waits for all its checks; then it is answered 503. Fetching keys takes at most half of it.
    /// Default 2 s.
    pub timeout: Duration,
    /// The shortest time between two fetches of the keys, however many tokens name an unknown `kid`. Default 10 s.
    pub between_fetches: Duration,
    /// How long the keys are used after their `Cache-Control` time if they cannot be fetched. Default: an hour.
    pub stale_if_error: Duration,
    /// How many verified tokens are remembered at most, at about 700 bytes each; 0: none. Times and revocation are checked on
    /// every request. Default 20,000.
    pub token_cache: usize,
    /// The clock. Default: the machine's, read once and counted from then on. If the machine's clock is set meanwhile, by
    /// [`LARGEST_DRIFT`](rescind_session::ClockNotReady::LARGEST_DRIFT) or more, every reply is 503 until a restart.
    pub clock: Arc<dyn Clock>,
}

impl ResourceServerSettings {
    /// Settings for an issuer and an audience, otherwise the defaults.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        let issuer = issuer.into();
        Self {
            jwks_url: format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')),
            verifier: Verifier::new(issuer, audience),
            allow_plain_http: false,
            timeout: Duration::from_secs(2),
            between_fetches: Duration::from_secs(10),
            stale_if_error: Duration::from_secs(60 * 60),
            token_cache: VerifiedTokens::USUAL,
            clock: Arc::new(SystemClock::counting()),
        }
    }
}
