//! One robbery: the stolen tokens, and what happened, moment by moment.
//!
//! Without I/O: handlers and the middleware report what they saw, and the screen reads it. How things stand after a moment is
//! a [`RobberyState`], folded from the moments up to it, so that each step of the story can be shown again.

use std::sync::Arc;

use jiff::Timestamp;
use rescind_lab::{
    Asked, Outcome, Who,
    meter::{Operation, StoreReply},
};
use rescind_session::{
    IssuedTokens,
    token::{AccessClaims, AccessToken, PresentedRefreshToken, RefreshToken, SessionId},
};

use super::{
    log::Entry,
    robbery_state::{Moment, RobberyState, Tried, What},
};

/// How many moments are kept. Of more, the first three stay, since the story began with them.
const MOST_MOMENTS: usize = 24;
const FIRST_MOMENTS: usize = 3;

/// A robbery. No `Debug`; its tokens are wiped when it is dropped.
pub(crate) struct Heist {
    pub(super) access: AccessToken,
    pub(super) refresh: Option<RefreshToken>,
    pub(super) session: SessionId,
    pub(super) act: Act,
    pub(super) moments: Vec<Moment>,
    /// After the first moments, and those that were not kept; `None` while all are kept.
    begun: Option<RobberyState>,
}

/// The part of the story that a robbery is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// You log out, and the thief tries the access token.
    First,
    /// The thief takes the refresh token too.
    Second,
}

impl Heist {
    /// After a login, the thief has copied the access token.
    pub(crate) fn of(access: AccessToken, claims: &AccessClaims, refreshes: bool, at: Timestamp, act: Act) -> Self {
        let mut heist = Self {
            access,
            refresh: None,
            session: claims.session_id,
            act,
            moments: Vec::new(),
            begun: None,
        };
        let expires_at = claims.expires_at;
        heist.remember(at, Who::You, What::LoggedIn { expires_at, refreshes });
        heist.remember(at, Who::Thief, What::CopiedAccess);
        heist
    }

    /// How things stood after so many moments.
    pub(crate) fn after(&self, moments: usize) -> RobberyState {
        let moments = self.moments.get(..moments).unwrap_or(&self.moments);
        match (&self.begun, moments.get(FIRST_MOMENTS..)) {
            (Some(begun), Some(later)) if !later.is_empty() => later.iter().fold(begun.clone(), RobberyState::after),
            _ => moments.iter().fold(RobberyState::default(), RobberyState::after),
        }
    }

    pub(crate) fn robbery(&self) -> RobberyState {
        self.after(self.moments.len())
    }

    /// The steps of the story: how many moments had happened after each. The first act begins before the robbery.
    pub(crate) fn steps(&self) -> Vec<usize> {
        let mut steps = match self.act {
            Act::First => vec![0],
            Act::Second => Vec::new(),
        };
        let nexts = self.moments.iter().skip(1).map(Some).chain([None]);
        for ((moment, next), count) in self.moments.iter().zip(nexts).zip(1..) {
            if next.is_none_or(|next| !next.what.continues(&moment.what)) {
                steps.push(count);
            }
        }
        steps
    }

    /// The part of the next robbery: the second once the first was seen to its end.
    pub(crate) fn next_act(&self) -> Act {
        let now = self.robbery();
        match self.act {
            Act::First if now.tried_after_end() && now.reuse().is_none() => Act::Second,
            _ => Act::First,
        }
    }

    /// The thief copies the refresh token too, if it is of this session.
    pub(crate) fn copy_refresh(&mut self, token: &RefreshToken, at: Timestamp) {
        let Ok(presented) = PresentedRefreshToken::parse(token.expose_secret()) else {
            return;
        };
        if presented.unverified_session_id() != self.session || !self.robbery().is_open() {
            return;
        }
        self.refresh = Some(token.clone());
        let generation = presented.unverified_generation();
        self.remember(at, Who::Thief, What::CopiedRefresh(generation));
    }

    pub(crate) fn bought(&mut self, access: AccessToken, claims: &AccessClaims, refresh: RefreshToken, at: Timestamp) {
        let Ok(presented) = PresentedRefreshToken::parse(refresh.expose_secret()) else {
            return;
        };
        let (expires_at, generation) = (claims.expires_at, presented.unverified_generation());
        (self.access, self.refresh) = (access, Some(refresh));
        self.remember(at, Who::Thief, What::Bought { expires_at, generation });
    }

    /// Whether the stolen token expired before the thief could try it after the end.
    pub(crate) fn has_expired_untried(&self, now: Timestamp) -> bool {
        let robbery = self.robbery();
        robbery.ended_at().is_some() && robbery.thief.is_some_and(|thief| now >= thief.expires_at)
    }

    /// The same happened again with these tokens, and their session was ended.
    pub(crate) fn played_again(&mut self, issued: IssuedTokens, at: Timestamp) {
        self.access = issued.access_token;
        let expires_at = issued.claims.expires_at;
        self.remember(at, Who::Thief, What::PlayedAgain { expires_at });
    }

    pub(crate) fn tried(&mut self, tried: Tried) {
        self.remember(tried.at, Who::Thief, What::Tried(Arc::new(tried)));
    }

    /// According to its row, the session was ended, by a request that was not seen here.
    pub(crate) fn found_ended(&mut self, at: Timestamp, how: &'static str) {
        if self.robbery().is_open() {
            self.remember(at, Who::You, What::Ended(how));
        }
    }

    pub(crate) fn saw(&mut self, entry: &Entry) {
        let robbery = self.robbery();
        match entry.exchange.asked {
            Asked::LogOut if robbery.keeps_cookies() && self.is_about_this(entry) => {
                let mut calls = entry.exchange.calls.iter();
                let closed = calls.any(|call| (call.operation, call.answer) == (Operation::Close, StoreReply::Done));
                let what = match entry.exchange.outcome {
                    Outcome::Accepted => What::LoggedOut,
                    Outcome::CannotTell if closed && robbery.is_open() => What::Unconfirmed,
                    _ => return,
                };
                self.remember(entry.at, entry.exchange.who, what);
            }
            Asked::Refresh => {
                if let Some(outcome) = entry.exchange.refreshed(self.session) {
                    self.remember(entry.at, entry.exchange.who, What::Exchanged(outcome));
                }
            }
            _ => {}
        }
    }

    /// If the policy keeps sessions, a logout names the one it closed. If not, it can mean only this one.
    fn is_about_this(&self, entry: &Entry) -> bool {
        let mut named = entry.exchange.calls.iter().filter_map(|call| call.session).peekable();
        named.peek().is_none() || named.any(|session| session == self.session)
    }

    fn remember(&mut self, at: Timestamp, who: Who, what: What) {
        let place = self.moments.partition_point(|moment| moment.at <= at);
        self.moments.insert(place, Moment { at, who, what });
        if self.moments.len() > MOST_MOMENTS {
            let begun = self.begun.take().unwrap_or_else(|| self.after(FIRST_MOMENTS));
            self.begun = Some(begun.after(&self.moments.remove(FIRST_MOMENTS)));
        }
    }
}
