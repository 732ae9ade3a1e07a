//! The story's progress: the facts when a screen is drawn, and the next step.

use std::net::IpAddr;

use jiff::Timestamp;
use rescind_api::{Authenticated, Rescind, Visitor};
use rescind_lab::Who;
use rescind_session::token::{Generation, SessionId};

use super::{
    heist::{Act, Heist, Tried},
    peers::Attempt,
    words::WORDS,
};
use crate::{
    content::{Facts, of, word, yes},
    stores::BlacklistKind,
};

pub(super) struct Scene<'a> {
    pub(super) now: Timestamp,
    pub(super) rescind: &'a Rescind,
    pub(super) heist: Option<&'a Heist>,
    /// Who looks at the screen, if that is known.
    pub(super) visitor: Option<&'a Visitor>,
    /// The viewer's name, if it is known.
    pub(super) name: Option<&'a str>,
    /// Session and generation of the refresh token in the browser's cookies.
    pub(super) cookie: Option<(SessionId, Generation)>,
    pub(super) thief_at: IpAddr,
    pub(super) blacklist: BlacklistKind,
}

impl Scene<'_> {
    /// Whether the browser is logged in with the session that was robbed.
    pub(super) fn is_the_victim(&self, heist: &Heist) -> bool {
        let by_access = self.logged_in().is_some_and(|who| who.session_id() == heist.session());
        by_access || self.your_generation(heist).is_some() && !matches!(self.visitor, Some(Visitor::Anonymous))
    }

    pub(super) fn logged_in(&self) -> Option<&Authenticated> {
        match self.visitor {
            Some(Visitor::LoggedIn(authenticated)) => Some(authenticated),
            _ => None,
        }
    }

    /// The generation of the browser's refresh token, if it is of the session that was robbed.
    pub(super) fn your_generation(&self, heist: &Heist) -> Option<Generation> {
        let (session, generation) = self.cookie?;
        (session == heist.session()).then_some(generation)
    }

    pub(super) fn facts(&self) -> Facts {
        let heist = self.heist;
        let is = |holds: fn(&Heist) -> bool| yes(heist.is_some_and(holds));
        let tried = |door: fn(&Tried) -> &Attempt| {
            let tried = heist.and_then(|heist| heist.doors.as_ref());
            tried.map_or("nothing", |tried| door(tried).name())
        };
        let facts = Facts::default()
            .with("phase", word(Phase::of(self)))
            .with("asking", tried(|tried| &tried.asking))
            .with("signature", tried(|tried| &tried.signature))
            .with("check", word(self.rescind.service().policy().check))
            .with("blacklist", word(self.blacklist))
            .with("ended", is(|heist| heist.ended_at.is_some()))
            .with(
                "left",
                yes(heist.is_some_and(|heist| self.now < heist.claims.expires_at)),
            )
            .with("refresh", is(|heist| heist.refresh.is_some()))
            .with("named", yes(self.name.is_some()))
            .with("name", self.name.unwrap_or_default())
            .with(
                "visitor",
                match self.visitor {
                    Some(Visitor::LoggedIn(_)) => "logged-in",
                    Some(Visitor::Stale) => "stale",
                    Some(Visitor::Anonymous) => "anonymous",
                    None => "unknown",
                },
            )
            .with("act", word(heist.map_or(Act::First, |heist| heist.act)));
        match heist.and_then(|heist| heist.reuse).map(|reuse| reuse.noticed_by) {
            Some(Who::Thief) => facts.with("noticed", "thief"),
            Some(Who::You | Who::Browser) => facts.with("noticed", "you"),
            None => facts,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// No robbery, or it was forgotten.
    NotRobbed,
    /// The thief has the access token, and you are still logged in.
    Robbed,
    /// The thief has the refresh token too.
    BothHoldIt,
    /// The session was ended, and the thief has not tried since.
    Ended,
    /// The session was ended, and the thief has tried since.
    TriedAfterEnd,
}

impl Phase {
    pub(super) fn of(scene: &Scene) -> Self {
        let Some(heist) = scene.heist else {
            return Self::NotRobbed;
        };
        match (heist.ended_at, heist.refresh.is_some()) {
            // While both can refresh, there is another token.
            (None, true) => Self::BothHoldIt,
            (None, false) => Self::Robbed,
            (Some(_), _) if heist.tried_after_end().is_some() => Self::TriedAfterEnd,
            (Some(_), _) => Self::Ended,
        }
    }
}

/// A button. The next step is the prominent one; the other buttons are on the sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    BeRobbed,
    BeRobbedAgain,
    BeRobbedForTheSecondAct,
    LogOut,
    LetThemTry,
    LetThemTryAgain,
    LetThemStealRefresh,
    ThiefRefreshes,
    ThiefRefreshesAgain,
    YouRefresh,
}

impl Step {
    #[cfg(test)]
    pub(super) const ALL: [Self; 10] = [
        Self::BeRobbed,
        Self::BeRobbedAgain,
        Self::BeRobbedForTheSecondAct,
        Self::LogOut,
        Self::LetThemTry,
        Self::LetThemTryAgain,
        Self::LetThemStealRefresh,
        Self::ThiefRefreshes,
        Self::ThiefRefreshesAgain,
        Self::YouRefresh,
    ];

    pub(super) fn action(self) -> &'static str {
        match self {
            Self::BeRobbed | Self::BeRobbedAgain | Self::BeRobbedForTheSecondAct => "/demo/rob",
            Self::LogOut => "/demo/log-out",
            Self::LetThemTry | Self::LetThemTryAgain => "/demo/thief/try",
            Self::LetThemStealRefresh => "/demo/thief/steal-refresh",
            Self::ThiefRefreshes | Self::ThiefRefreshesAgain => "/demo/thief/refresh",
            Self::YouRefresh => "/demo/refresh",
        }
    }

    pub(super) fn label(self) -> &'static str {
        of(&WORDS.buttons, self)
    }

    /// Whether it begins another story: then the current result is more important than the button.
    pub(super) fn begins_anew(self) -> bool {
        matches!(self, Self::BeRobbedAgain | Self::BeRobbedForTheSecondAct)
    }

    pub(super) fn next(scene: &Scene) -> Self {
        let Some(heist) = scene.heist else {
            return Self::BeRobbed;
        };
        match Phase::of(scene) {
            Phase::NotRobbed => Self::BeRobbed,
            Phase::Robbed if heist.doors.is_none() => Self::tries(scene),
            Phase::Robbed if heist.act == Act::Second && scene.your_generation(heist).is_some() => {
                Self::LetThemStealRefresh
            }
            Phase::Robbed if scene.is_the_victim(heist) => Self::LogOut,
            // Logged out by the expiry, or as another user.
            Phase::Robbed if scene.now >= heist.claims.expires_at => Self::BeRobbedAgain,
            Phase::Robbed | Phase::Ended => Self::LetThemTryAgain,
            Phase::BothHoldIt => {
                let (yours, theirs) = (scene.your_generation(heist), heist.generation());
                next_refresh(yours.map(|yours| yours.get()), theirs.map(|theirs| theirs.get()))
            }
            Phase::TriedAfterEnd => {
                let has_refresh = scene.rescind.service().policy().refresh.is_some();
                match heist.next_act() {
                    Act::Second if has_refresh => Self::BeRobbedForTheSecondAct,
                    _ => Self::BeRobbedAgain,
                }
            }
        }
    }

    /// The button that sends the thief to the doors.
    pub(super) fn tries(scene: &Scene) -> Self {
        let tried = scene
            .heist
            .is_some_and(|heist| heist.doors.is_some() || heist.refresh.is_some());
        if tried { Self::LetThemTryAgain } else { Self::LetThemTry }
    }
}

/// The side that is two generations behind refreshes: no grace covers its token, so the session ends without waiting.
fn next_refresh(yours: Option<u32>, theirs: Option<u32>) -> Step {
    match (yours, theirs) {
        (Some(yours), Some(theirs)) if theirs >= yours.saturating_add(2) => Step::YouRefresh,
        (Some(yours), Some(theirs)) if theirs > yours => Step::ThiefRefreshesAgain,
        _ => Step::ThiefRefreshes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_side_two_generations_behind_refreshes_next() {
        for (yours, theirs, next) in [
            (0, 0, Step::ThiefRefreshes),
            (0, 1, Step::ThiefRefreshesAgain),
            (0, 2, Step::YouRefresh),
            (1, 1, Step::ThiefRefreshes),
            (3, 1, Step::ThiefRefreshes),
        ] {
            assert_eq!(next_refresh(Some(yours), Some(theirs)), next, "{yours} {theirs}");
        }
    }
}
