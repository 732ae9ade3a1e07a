//! The buttons of the lab.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

/// One button, in the order of the pages. Its text is its name in forms.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Action {
    LogIn,
    /// You call the API. If the access token has expired, your browser refreshes and calls again.
    Call,
    /// Your browser refreshes, ahead of time.
    Refresh,
    LogOut,
    /// The thief copies what your browser sends with each request: the access token, or the session cookie.
    CopyAccess,
    CopyRefresh,
    /// The thief calls the API with the copy.
    Replay,
    /// The thief exchanges the stolen refresh token.
    #[strum(serialize = "thief-refresh")]
    ThiefRefreshes,
    /// You call the API, and so does the thief with the copy, if there is one.
    AskBoth,
    #[strum(serialize = "wait-30s")]
    Wait30s,
    #[strum(serialize = "wait-5m")]
    Wait5m,
    /// Time passes until a second before the next expiry.
    WaitBeforeExpiry,
    /// Time passes until a second after the next expiry.
    WaitAfterExpiry,
    /// The blacklist loses everything.
    BlacklistForgets,
    /// The blacklist answers late.
    BlacklistSlow,
    /// The blacklist does not answer.
    BlacklistStops,
    /// The blacklist answers as it should.
    BlacklistWell,
    /// The reply to your next refresh is lost.
    LoseReply,
    KillServer,
    /// The server restarts on the same database with the same keys.
    StartServer,
    /// The wall clock of the server's machine is set back by an hour.
    #[strum(serialize = "clock-back")]
    SetClockBack,
}

impl Action {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The name in forms.
    #[must_use]
    pub fn slug(self) -> &'static str {
        self.into()
    }

    /// How much time passes, if that is fixed.
    pub(crate) fn fixed_wait(self) -> Option<Duration> {
        match self {
            Self::Wait30s => Some(Duration::from_secs(30)),
            Self::Wait5m => Some(Duration::from_secs(300)),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
