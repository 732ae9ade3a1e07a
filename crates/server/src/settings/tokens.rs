//! The settings of tokens: policy, lifetimes, audience.

use std::time::Duration;

use rescind_session::{MARGIN, Policy, Preset, Refresh, VerifiedTokens};

use super::{Faults, Given, Setting};

/// The policy, the audience and the leeway.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tokens {
    /// The policy with its lifetimes.
    pub policy: Policy,
    /// The `aud` of every token.
    pub audience: String,
    /// How long past its `exp` a token is still accepted.
    pub leeway: Duration,
    /// How long others may keep the published keys.
    pub jwks_max_age: Duration,
    /// Whether access tokens name their place in a status list.
    pub status_list: bool,
    /// How many verified access tokens are remembered at most.
    pub token_cache: usize,
}

const MUST_BE_DURATION: &str = "must be a duration with its unit, such as 90s, 5m, 12h or 7d";

impl Tokens {
    const JWKS_MAX_AGE: Duration = Duration::from_secs(60);
    const SHORTEST_MAX_AGE: Duration = Duration::from_secs(1);
    const LONGEST_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

    /// How long to keep a revocation of tokens that are not in the database.
    pub(crate) fn margin(&self) -> Duration {
        self.leeway
            .saturating_add(MARGIN)
            .saturating_add(self.policy.access_ttl)
    }

    /// How long the longest access token, or refresh token, can be accepted after it was issued.
    pub(crate) fn longest_token(&self, is_refresh: bool) -> Duration {
        // Notices of a page are sealed with the refresh keys too, for a minute.
        let refresh = self.policy.refresh.map_or(Duration::ZERO, |refresh| refresh.ttl);
        if is_refresh {
            refresh.max(Duration::from_secs(60))
        } else {
            self.policy.access_ttl.saturating_add(self.leeway)
        }
    }

    pub(super) fn judge(given: &Given, faults: &mut Faults) -> Self {
        let must = "must be stored, client_delete, short_lived, rotation or blacklist";
        let preset = faults.parsed::<Preset>(given.policy(), must).unwrap_or_default();
        let leeway = duration(given.leeway(), faults).unwrap_or_default();
        let must = "must be at most 5m: revocations outlive their tokens by no more than that";
        faults.require(leeway <= MARGIN, "RESCIND_LEEWAY", must);
        let jwks_max_age = duration(given.jwks_max_age(), faults).unwrap_or(Self::JWKS_MAX_AGE);
        let must =
            "must be whole seconds, from 1s to 24h: a new key signs only after all copies of the old keys have expired";
        faults.require(
            (Self::SHORTEST_MAX_AGE..=Self::LONGEST_MAX_AGE).contains(&jwks_max_age)
                && jwks_max_age.subsec_nanos() == 0,
            "RESCIND_JWKS_MAX_AGE",
            must,
        );
        let must = "must be a number of tokens, at most 10000000, or 0 for none";
        let count = |text: &str| text.parse().ok().filter(|count| *count <= 10_000_000).ok_or(());
        let token_cache = faults
            .parsed_by(given.token_cache(), must, count)
            .unwrap_or(VerifiedTokens::USUAL);
        let policy = policy(preset, given, faults);
        let status_list = faults.is_second(given.status_list(), ["off", "on"], "must be on or off");
        let must = "must be off under a policy that keeps no sessions: no token would have a place";
        faults.require(!status_list || policy.keeps_sessions(), "RESCIND_STATUS_LIST", must);
        Self {
            policy,
            audience: audience(given, faults),
            leeway,
            jwks_max_age,
            status_list,
            token_cache,
        }
    }
}

fn policy(preset: Preset, given: &Given, faults: &mut Faults) -> Policy {
    let mut policy = Policy::preset(preset);
    let access_ttl = duration(given.access_ttl(), faults);
    policy.access_ttl = access_ttl.unwrap_or(policy.access_ttl);
    let must = "must be whole seconds, at least 1s: that is what a token can say";
    faults.require(
        policy.access_ttl >= Duration::from_secs(1) && policy.access_ttl.subsec_nanos() == 0,
        "RESCIND_ACCESS_TTL",
        must,
    );

    let session_max = duration(given.session_max(), faults);
    let refresh_ttl = duration(given.refresh_ttl(), faults);
    let grace = duration(given.grace(), faults);
    let Some(defaults) = policy.refresh else {
        for (variable, value) in [
            ("RESCIND_REFRESH_TTL", refresh_ttl),
            ("RESCIND_SESSION_MAX", session_max),
            ("RESCIND_GRACE", grace),
        ] {
            if value.is_some() {
                let why = format!(
                    "must not be set under RESCIND_POLICY={preset}, which has no refresh token: a login ends with its \
                     access token, after RESCIND_ACCESS_TTL"
                );
                faults.add(variable, why);
            }
        }
        policy.session_max = policy.session_max.max(policy.access_ttl);
        return validated(policy, faults);
    };

    // Defaults adapt to what is set; two settings must not contradict each other.
    policy.session_max = session_max.unwrap_or(policy.session_max);
    let refresh = Refresh {
        ttl: refresh_ttl.unwrap_or(defaults.ttl.min(policy.session_max)),
        grace: grace.unwrap_or(defaults.grace.min(policy.access_ttl)),
    };
    policy.refresh = Some(refresh);
    if policy.session_max < policy.access_ttl {
        faults.add("RESCIND_SESSION_MAX", "must not be shorter than RESCIND_ACCESS_TTL");
    } else if refresh.ttl > policy.session_max {
        faults.add(
            "RESCIND_REFRESH_TTL",
            "must not be longer than RESCIND_SESSION_MAX (30d unless set)",
        );
    } else if refresh.ttl < policy.access_ttl {
        faults.add("RESCIND_REFRESH_TTL", "must not be shorter than RESCIND_ACCESS_TTL");
    }
    let must = "must not be longer than RESCIND_ACCESS_TTL";
    faults.require(refresh.grace <= policy.access_ttl, "RESCIND_GRACE", must);
    validated(policy, faults)
}

/// Reports what the service would refuse for a reason not checked above.
fn validated(policy: Policy, faults: &mut Faults) -> Policy {
    if faults.is_empty()
        && let Err(error) = policy.validate()
    {
        faults.add(
            "RESCIND_SESSION_MAX",
            format!("and the other lifetimes must fit together: {error}"),
        );
    }
    policy
}

fn audience(given: &Given, faults: &mut Faults) -> String {
    let must = "must be at most 200 characters, none of them a space or a control character";
    let fits = |name: &str| {
        let fits = name.len() <= 200 && !name.chars().any(|c| c.is_whitespace() || c.is_control());
        if fits { Ok(name.to_owned()) } else { Err(()) }
    };
    faults
        .parsed_by(given.audience(), must, fits)
        .unwrap_or_else(|| "rescind-api".to_owned())
}

pub(super) fn duration(setting: Setting<'_>, faults: &mut Faults) -> Option<Duration> {
    faults.parsed_by(setting, MUST_BE_DURATION, humantime::parse_duration)
}
