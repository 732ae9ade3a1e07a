//! Policies: five answers, three dials.
//!
//! Each common way to revoke a JSON Web Token sets the same three things: how long an access token is valid, whether a
//! refresh token buys the next one, and what is checked on every request. So a policy is data, and there is one
//! service, not five. Rejected: a trait `Policy` with five implementations. It hides what should be taught: the answers
//! differ only in these dials.

use std::time::Duration;

use strum::{Display, EnumCount, EnumString, IntoStaticStr, VariantArray};

/// How long tokens are valid, whether there is a refresh token, and what is checked on every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Which of the five answers this began as. Only for display; no decision depends on it.
    pub preset: Preset,
    /// How long an access token is valid, in whole seconds, since `exp` has that unit.
    pub access_ttl: Duration,
    /// The refresh token, if the policy has one.
    pub refresh: Option<Refresh>,
    /// What is checked on every request, after signature and expiry.
    pub check: Check,
    /// The age at which a session ends, even if it is in use.
    pub session_max: Duration,
}

/// The dial for the refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh {
    /// How long a session may be idle: each rotation restarts this time.
    pub ttl: Duration,
    /// How long after a rotation the previous refresh token still gets the same successor. Two tabs that refresh at
    /// once, or a lost reply, then do not log the user out. Counted from the *first* rotation and never renewed.
    pub grace: Duration,
}

/// What is checked on every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Nothing more: a valid signature and a future expiry are enough.
    Nothing,
    /// The session's row, in the database.
    Session,
    /// The blacklist, in memory.
    Blacklist,
}

/// The five answers of the article.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Display, EnumCount, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownPreset, parse_err_fn = unknown)]
pub enum Preset {
    /// Every token is kept in a database and looked up.
    Stored,
    /// Logout deletes the token on the client only.
    ClientDelete,
    /// The token is short-lived, and so is the honest user's login.
    ShortLived,
    /// A short access token, and a refresh token that rotates and is closed at logout.
    Rotation,
    /// Rotation, and a blacklist that is checked on every request.
    #[default]
    Blacklist,
}

impl Preset {
    /// All five, in the article's order.
    pub const ALL: [Preset; Self::COUNT] = *Self::VARIANTS.first_chunk().unwrap();

    /// The name used in settings and addresses.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The name is none of the five.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such policy; it is one of stored, client_delete, short_lived, rotation, blacklist")]
pub struct UnknownPreset;

fn unknown(_: &str) -> UnknownPreset {
    UnknownPreset
}

const LONG: Duration = Duration::from_secs(12 * 60 * 60);
const SHORT: Duration = Duration::from_secs(5 * 60);
const SESSION_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const REFRESH: Refresh = Refresh {
    ttl: Duration::from_secs(7 * 24 * 60 * 60),
    grace: Duration::from_secs(10),
};

impl Policy {
    /// Keep every token in a database and look it up: revocable at once, at a database read per request.
    pub fn stored() -> Self {
        Self {
            access_ttl: LONG,
            check: Check::Session,
            ..Self::bare(Preset::Stored)
        }
    }

    /// Delete the token on the client: costs nothing, and does not affect a stolen copy.
    pub fn client_delete() -> Self {
        Self {
            access_ttl: LONG,
            ..Self::bare(Preset::ClientDelete)
        }
    }

    /// Make tokens short-lived: a stolen one expires soon, and the honest user must log in as often.
    pub fn short_lived() -> Self {
        Self::bare(Preset::ShortLived)
    }

    /// A short access token and a rotating refresh token: logout prevents the next access token but does not revoke the
    /// current one.
    pub fn rotation() -> Self {
        Self {
            refresh: Some(REFRESH),
            ..Self::bare(Preset::Rotation)
        }
    }

    /// Rotation with a blacklist checked on every request: logout revokes the current access token too. The default.
    pub fn blacklist() -> Self {
        Self {
            refresh: Some(REFRESH),
            check: Check::Blacklist,
            ..Self::bare(Preset::Blacklist)
        }
    }

    /// The policy of that preset.
    pub fn preset(preset: Preset) -> Self {
        match preset {
            Preset::Stored => Self::stored(),
            Preset::ClientDelete => Self::client_delete(),
            Preset::ShortLived => Self::short_lived(),
            Preset::Rotation => Self::rotation(),
            Preset::Blacklist => Self::blacklist(),
        }
    }

    fn bare(preset: Preset) -> Self {
        Self {
            preset,
            access_ttl: SHORT,
            refresh: None,
            check: Check::Nothing,
            session_max: SESSION_MAX,
        }
    }

    /// Whether a login writes a row. It does if there is a refresh token to rotate or a row to check.
    pub fn keeps_sessions(&self) -> bool {
        self.refresh.is_some() || self.check != Check::Nothing
    }

    /// Refuses a policy that contradicts itself.
    ///
    /// # Errors
    /// [`PolicyError`] names the wrong dial and what it must be.
    pub fn validate(&self) -> Result<(), PolicyError> {
        if self.access_ttl < Duration::from_secs(1) || self.access_ttl.subsec_nanos() != 0 {
            return Err(PolicyError::AccessTtl);
        }
        if self.session_max < self.access_ttl || self.session_max > LONGEST {
            return Err(PolicyError::SessionMax);
        }
        if let Some(refresh) = self.refresh {
            if refresh.ttl < self.access_ttl || refresh.ttl > self.session_max {
                return Err(PolicyError::RefreshTtl);
            }
            if refresh.grace > self.access_ttl {
                return Err(PolicyError::Grace);
            }
        }
        Ok(())
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::blacklist()
    }
}

/// Ten years of 365.25 days. Beyond it, time arithmetic could pass the end of the calendar.
const LONGEST: Duration = Duration::from_secs(10 * 31_557_600);

/// A policy that contradicts itself; each message states what the dial must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// `access_ttl` is not a whole number of seconds, or is zero.
    #[error("the access lifetime must be a whole number of seconds, at least 1")]
    AccessTtl,
    /// `session_max` is shorter than one access token, or longer than ten years.
    #[error("the longest age of a session must be at least the access lifetime and at most ten years")]
    SessionMax,
    /// `refresh.ttl` does not lie between the other two lifetimes.
    #[error("the refresh lifetime must be at least the access lifetime and at most the longest age of a session")]
    RefreshTtl,
    /// `refresh.grace` is longer than `access_ttl`.
    #[error("the grace must be at most the access lifetime")]
    Grace,
}
