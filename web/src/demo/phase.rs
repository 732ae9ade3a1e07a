//! How far the story has come: one word, from which heading, buttons and explanations follow.

use super::{
    heist::{Heist, Tried, Verdict},
    screen::Scene,
};

/// How far the story has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nobody was robbed, or it was forgotten.
    NotRobbed,
    /// The thief has the access token, and you are still logged in.
    Robbed,
    /// The thief has the refresh token too.
    BothHoldIt,
    /// The session was ended, and the thief has not tried since.
    Ended,
    /// The session was ended, and the thief has tried since.
    TriedAfterEnd,
    /// The thief's token has run out by itself.
    RunOut,
}

impl Phase {
    pub(crate) fn of(scene: &Scene) -> Self {
        let Some(heist) = scene.heist else {
            return Self::NotRobbed;
        };
        let ended = heist.ended_at();
        let run_out = scene.now >= heist.expires_at();
        match (ended, heist.refresh().is_some()) {
            // As long as they both can refresh, there is another token.
            (None, true) => Self::BothHoldIt,
            _ if run_out && !knows_more_than_expiry(heist) => Self::RunOut,
            (None, false) => Self::Robbed,
            (Some(_), _) if tried_after_end(heist).is_some() => Self::TriedAfterEnd,
            (Some(_), _) => Self::Ended,
        }
    }
}

/// What was found at the doors since the session was ended.
pub(crate) fn tried_after_end(heist: &Heist) -> Option<&Tried> {
    let ended = heist.ended_at()?;
    heist.doors().filter(|tried| tried.at >= ended)
}

/// Whether the doors, tried after the end, told a logout from an expiry. That stays worth seeing when the token runs out.
fn knows_more_than_expiry(heist: &Heist) -> bool {
    tried_after_end(heist).is_some_and(|tried| !is_expired(&tried.signature))
}

pub(crate) fn is_expired(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Refused { code, .. } if code == "token_expired")
}
