//! The buttons of the lab.

use std::{fmt, str::FromStr, time::Duration};

/// One button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    LogIn,
    /// You call the API. If the access token has expired, your browser refreshes and calls again.
    Call,
    /// The thief copies what your browser sends with each request: the access token, or the session cookie.
    CopyAccess,
    /// The thief copies the refresh token.
    CopyRefresh,
    LogOut,
    /// The thief calls the API with the copy.
    Replay,
    /// The thief exchanges the stolen refresh token.
    ThiefRefreshes,
    /// Your browser refreshes, ahead of time.
    Refresh,
    /// You call the API, and so does the thief with the copy, if there is one.
    AskBoth,
    Wait30s,
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
    SetClockBack,
}

impl Action {
    /// All of them, in the order of the buttons.
    pub const ALL: [Self; 21] = [
        Self::LogIn,
        Self::Call,
        Self::Refresh,
        Self::LogOut,
        Self::CopyAccess,
        Self::CopyRefresh,
        Self::Replay,
        Self::ThiefRefreshes,
        Self::AskBoth,
        Self::Wait30s,
        Self::Wait5m,
        Self::WaitBeforeExpiry,
        Self::WaitAfterExpiry,
        Self::BlacklistForgets,
        Self::BlacklistSlow,
        Self::BlacklistStops,
        Self::BlacklistWell,
        Self::LoseReply,
        Self::KillServer,
        Self::StartServer,
        Self::SetClockBack,
    ];

    /// The name in forms.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::LogIn => "log-in",
            Self::Call => "call",
            Self::CopyAccess => "copy-access",
            Self::CopyRefresh => "copy-refresh",
            Self::LogOut => "log-out",
            Self::Replay => "replay",
            Self::ThiefRefreshes => "thief-refresh",
            Self::Refresh => "refresh",
            Self::AskBoth => "ask-both",
            Self::Wait30s => "wait-30s",
            Self::Wait5m => "wait-5m",
            Self::WaitBeforeExpiry => "wait-before-expiry",
            Self::WaitAfterExpiry => "wait-after-expiry",
            Self::BlacklistForgets => "blacklist-forgets",
            Self::BlacklistSlow => "blacklist-slow",
            Self::BlacklistStops => "blacklist-stops",
            Self::BlacklistWell => "blacklist-well",
            Self::LoseReply => "lose-reply",
            Self::KillServer => "kill-server",
            Self::StartServer => "start-server",
            Self::SetClockBack => "clock-back",
        }
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

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

/// The name is none of the actions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such action")]
pub struct UnknownAction;

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(slug: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|action| action.slug() == slug)
            .ok_or(UnknownAction)
    }
}
