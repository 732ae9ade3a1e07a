//! The story's progress: the facts when a screen is drawn, and the next step.

use std::net::IpAddr;

use jiff::Timestamp;
use rescind_api::{Authenticated, Rescind, Visitor};
use rescind_lab::Who;
use rescind_session::token::{Generation, SessionId};

use super::{
    heist::{Act, Heist},
    peers::Attempt,
    standing::{Standing, State, Tried},
    words::WORDS,
};
use crate::{
    content::{Facts, of, word, yes},
    stores::BlacklistKind,
    trace::stage::Button,
};

#[derive(Clone)]
pub(super) struct Scene<'a> {
    /// The time of the step that is shown.
    pub(super) now: Timestamp,
    pub(super) rescind: &'a Rescind,
    pub(super) heist: Option<&'a Heist>,
    /// How things stood at the step that is shown.
    pub(super) standing: Standing,
    /// Whether that is an earlier step.
    pub(super) is_past: bool,
    /// Who looks at the screen, if that is known.
    pub(super) visitor: Option<&'a Visitor>,
    /// The viewer's name, if it is known.
    pub(super) name: Option<&'a str>,
    /// Whether it is another account than the visitor's own.
    pub(super) is_other: bool,
    /// Session and generation of the refresh token in the browser's cookies.
    pub(super) cookie: Option<(SessionId, Generation)>,
    pub(super) thief_at: IpAddr,
    pub(super) blacklist: BlacklistKind,
}

impl<'a> Scene<'a> {
    /// The same after only so many moments.
    pub(super) fn at(&self, heist: &'a Heist, moments: usize) -> Self {
        let last = heist
            .moments
            .get(..moments)
            .and_then(<[_]>::last)
            .or(heist.moments.first());
        Self {
            now: last.map_or(self.now, |moment| moment.at),
            standing: heist.after(moments),
            is_past: true,
            ..self.clone()
        }
    }

    /// Whether the browser is logged in with the session that was robbed.
    pub(super) fn is_the_victim(&self, heist: &Heist) -> bool {
        let by_access = self.logged_in().is_some_and(|who| who.session_id() == heist.session());
        by_access || self.your_generation().is_some() && !matches!(self.visitor, Some(Visitor::Anonymous))
    }

    pub(super) fn logged_in(&self) -> Option<&Authenticated> {
        match self.visitor {
            Some(Visitor::LoggedIn(authenticated)) => Some(authenticated),
            _ => None,
        }
    }

    /// The generation of the browser's refresh token, if it is of the session that was robbed.
    pub(super) fn your_generation(&self) -> Option<Generation> {
        if self.is_past {
            let keeps = self.standing.keeps_cookies();
            return self.standing.you.as_ref().filter(|_| keeps)?.generation;
        }
        let (session, generation) = self.cookie?;
        (session == self.heist?.session()).then_some(generation)
    }

    /// The generation of the thief's refresh token.
    pub(super) fn their_generation(&self) -> Option<Generation> {
        self.standing.thief.as_ref()?.generation
    }

    /// Whether the thief's access token has time left.
    pub(super) fn left(&self) -> bool {
        let thief = self.standing.thief.as_ref();
        thief.is_some_and(|thief| self.now < thief.expires_at)
    }

    /// By how many generations the thief is ahead.
    fn ahead(&self) -> Option<u32> {
        let (yours, theirs) = (self.your_generation()?, self.their_generation()?);
        Some(theirs.get().saturating_sub(yours.get()))
    }

    pub(super) fn facts(&self) -> Facts {
        let standing = &self.standing;
        let tried = |door: fn(&Tried) -> &Attempt| {
            let tried = standing.tried.as_ref();
            tried.map_or("nothing", |tried| door(tried).name())
        };
        let visitor = match self.visitor {
            // What the browser was then is not known.
            _ if self.is_past => "past",
            Some(Visitor::LoggedIn(_)) => "logged-in",
            Some(Visitor::Stale) => "stale",
            Some(Visitor::Anonymous) => "anonymous",
            None => "unknown",
        };
        let by = match standing.session {
            State::Ended { by, .. } => word(by),
            State::NotYet | State::Open => String::new(),
        };
        let policy = self.rescind.service().policy();
        let victim = self.is_past || self.heist.is_some_and(|heist| self.is_the_victim(heist));
        let facts = Facts::default()
            .with("phase", word(Phase::of(standing)))
            .with("asking", tried(|tried| &tried.asking))
            .with("signature", tried(|tried| &tried.signature))
            .with("check", word(policy.check))
            .with("keeps", yes(policy.keeps_sessions()))
            .with("victim", yes(victim))
            .with("blacklist", word(self.blacklist))
            .with("ended", yes(standing.ended_at().is_some()))
            .with("left", yes(self.left()))
            .with("refresh", yes(standing.both_refresh()))
            .with("by", by)
            .with(
                "ahead",
                self.ahead().map_or_else(String::new, |ahead| ahead.min(2).to_string()),
            )
            .with("named", yes(self.name.is_some()))
            .with("name", self.name.unwrap_or_default())
            .with("other", yes(self.is_other))
            .with("visitor", visitor)
            .with("act", word(self.heist.map_or(Act::First, |heist| heist.act)));
        match standing.reuse().map(|reuse| reuse.noticed_by) {
            Some(Who::Thief) => facts.with("noticed", "thief"),
            Some(Who::You | Who::Browser) => facts.with("noticed", "you"),
            _ => facts,
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
    pub(super) fn of(standing: &Standing) -> Self {
        match standing.session {
            State::NotYet => Self::NotRobbed,
            // While both can refresh, there is another token.
            State::Open if standing.both_refresh() => Self::BothHoldIt,
            State::Open => Self::Robbed,
            State::Ended { .. } if standing.tried_after_end() => Self::TriedAfterEnd,
            State::Ended { .. } => Self::Ended,
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

    pub(super) fn button(self) -> Button {
        Button::of(self.action(), self.label())
    }

    pub(super) fn next(scene: &Scene) -> Self {
        let Some(heist) = scene.heist else {
            return Self::BeRobbed;
        };
        match Phase::of(&scene.standing) {
            Phase::NotRobbed => Self::BeRobbed,
            _ if scene.standing.is_unconfirmed() && scene.is_the_victim(heist) => Self::LogOut,
            Phase::Robbed if scene.standing.tried.is_none() => Self::tries(scene),
            Phase::Robbed if heist.act == Act::Second && scene.your_generation().is_some() => Self::LetThemStealRefresh,
            Phase::Robbed if scene.is_the_victim(heist) => Self::LogOut,
            // Logged out by the expiry, or as another user.
            Phase::Robbed if !scene.left() => Self::BeRobbedAgain,
            Phase::Robbed | Phase::Ended => Self::LetThemTryAgain,
            Phase::BothHoldIt => {
                let (yours, theirs) = (scene.your_generation(), scene.their_generation());
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

    /// How many steps follow until this act is over, if the reader takes the next one each time.
    pub(super) fn to_come(scene: &Scene) -> usize {
        match (Phase::of(&scene.standing), Self::next(scene)) {
            (Phase::NotRobbed, _) => 3,
            (_, Self::LogOut) => 2,
            (Phase::Robbed, Self::LetThemStealRefresh) => 5,
            (Phase::Robbed, Self::LetThemTry) => 3,
            // Twice the thief, then you, then the doors.
            (Phase::BothHoldIt, Self::YouRefresh) => 2,
            (Phase::BothHoldIt, Self::ThiefRefreshesAgain) => 3,
            (Phase::BothHoldIt, _) => 4,
            (Phase::Ended, _) => 1,
            (Phase::Robbed | Phase::TriedAfterEnd, _) => 0,
        }
    }

    /// The button that sends the thief to the doors.
    pub(super) fn tries(scene: &Scene) -> Self {
        let tried = scene.standing.tried.is_some() || scene.standing.both_refresh();
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
