//! One robbery: the stolen tokens, what happened, moment by moment, and how things stand after each moment.
//!
//! Without I/O: handlers and the middleware report what they saw, and the screen reads it. How things stand after a moment is
//! a [`RobberyState`]: a fold of the moments up to it, without tokens, so that each step of the story can be shown again.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rescind_lab::{
    Asked, Outcome, Refreshed, Who,
    meter::{Operation, StoreReply},
};
use rescind_session::{
    IssuedTokens,
    token::{AccessClaims, AccessToken, Generation, PresentedRefreshToken, RefreshToken, SessionId},
};

use super::{
    log::Entry,
    peers::{AtPeer, Attempt},
};

/// How many moments are kept. Of more, the first three stay, since the story began with them.
const MOST_MOMENTS: usize = 24;
const FIRST_MOMENTS: usize = 3;

/// A robbery. No `Debug`; its tokens are wiped when it is dropped.
pub(crate) struct Robbery {
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

impl Robbery {
    /// After a login, the thief has copied the access token.
    pub(crate) fn of(access: AccessToken, claims: &AccessClaims, refreshes: bool, at: Timestamp, act: Act) -> Self {
        let mut robbery = Self {
            access,
            refresh: None,
            session: claims.session_id,
            act,
            moments: Vec::new(),
            begun: None,
        };
        let expires_at = claims.expires_at;
        robbery.remember(at, Who::You, What::LoggedIn { expires_at, refreshes });
        robbery.remember(at, Who::Thief, What::CopiedAccess);
        robbery
    }

    /// How things stood after so many moments.
    pub(crate) fn after(&self, moments: usize) -> RobberyState {
        let moments = self.moments.get(..moments).unwrap_or(&self.moments);
        match (&self.begun, moments.get(FIRST_MOMENTS..)) {
            (Some(begun), Some(later)) if !later.is_empty() => later.iter().fold(begun.clone(), RobberyState::after),
            _ => moments.iter().fold(RobberyState::default(), RobberyState::after),
        }
    }

    pub(crate) fn state(&self) -> RobberyState {
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
        let now = self.state();
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
        if presented.unverified_session_id() != self.session || !self.state().is_open() {
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
        let state = self.state();
        state.ended_at().is_some() && state.thief.is_some_and(|thief| now >= thief.expires_at)
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
        if self.state().is_open() {
            self.remember(at, Who::You, What::Ended(how));
        }
    }

    pub(crate) fn saw(&mut self, entry: &Entry) {
        let state = self.state();
        match entry.exchange.asked {
            Asked::LogOut if state.keeps_cookies() && self.is_about_this(entry) => {
                let mut calls = entry.exchange.calls.iter();
                let closed = calls.any(|call| (call.operation, call.answer) == (Operation::Close, StoreReply::Done));
                let what = match entry.exchange.outcome {
                    Outcome::Accepted => What::LoggedOut,
                    Outcome::CannotTell if closed && state.is_open() => What::Unconfirmed,
                    _ => return,
                };
                self.remember(entry.at, entry.exchange.who, what);
            }
            Asked::Refresh => {
                let outcome = entry.exchange.refreshed(self.session);
                // A browser that goes on by itself after the end adds nothing to the story.
                let is_over = outcome == Some(Refreshed::Closed) && entry.exchange.who == Who::Browser;
                if let Some(outcome) = outcome.filter(|_| !is_over) {
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

/// How things stand after some moments.
#[derive(Clone, Default)]
pub(crate) struct RobberyState {
    /// When and how the robbed session ended.
    pub(crate) ended: Option<(Timestamp, End)>,
    /// What your browser got, and what the thief got.
    pub(crate) you: Option<Held>,
    pub(crate) thief: Option<Held>,
    /// The answers of the doors to the thief's newest access token.
    pub(crate) tried: Option<Arc<Tried>>,
    /// Whether it was played again, with new tokens.
    pub(crate) replayed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Logout,
    /// A copy of the refresh token was noticed.
    Reuse(Reuse),
    /// By a logout that is not confirmed: the blacklist did not take it, and the browser keeps its cookies.
    Unconfirmed,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reuse {
    /// When the thief last used the copy.
    pub(crate) used_at: Timestamp,
    /// Whose refresh revealed it.
    pub(crate) noticed_by: Who,
}

/// The tokens of one side.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) expires_at: Timestamp,
    /// Of the refresh token, if there is one.
    pub(crate) generation: Option<Generation>,
    /// How long an access token is valid.
    pub(crate) life: SignedDuration,
    /// When the refresh token was last copied or used, and the outcome.
    used: Option<(Timestamp, Option<Refreshed>)>,
}

impl Held {
    pub(crate) fn refreshed(&self) -> Option<&Refreshed> {
        self.used.as_ref()?.1.as_ref()
    }
}

/// The answers of both doors, and of the other nodes.
pub(crate) struct Tried {
    pub(crate) at: Timestamp,
    pub(crate) asking: Attempt,
    pub(crate) signature: Attempt,
    /// The same door's answer at every other node.
    pub(crate) elsewhere: Vec<AtPeer>,
}

impl Tried {
    /// The checking door's answer, or the other's.
    pub(crate) fn at_door(&self, first: bool) -> &Attempt {
        if first { &self.asking } else { &self.signature }
    }
}

#[derive(Clone)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    pub(crate) who: Who,
    pub(crate) what: What,
}

#[derive(Clone)]
pub(crate) enum What {
    LoggedIn {
        expires_at: Timestamp,
        refreshes: bool,
    },
    CopiedAccess,
    CopiedRefresh(Generation),
    Tried(Arc<Tried>),
    Exchanged(Refreshed),
    /// The thief's exchange gave these.
    Bought {
        expires_at: Timestamp,
        generation: Generation,
    },
    LoggedOut,
    /// The session's row was closed, but the reply was 503.
    Unconfirmed,
    /// The same again, with new tokens.
    PlayedAgain {
        expires_at: Timestamp,
    },
    Ended(&'static str),
}

impl What {
    /// As the file of sentences writes it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::LoggedIn { .. } => "logged-in",
            Self::CopiedAccess => "copied-access",
            Self::CopiedRefresh(_) => "copied-refresh",
            Self::Tried(_) => "tried",
            Self::Exchanged(_) => "exchanged",
            Self::Bought { .. } => "bought",
            Self::LoggedOut => "logged-out",
            Self::Unconfirmed => "unconfirmed",
            Self::PlayedAgain { .. } => "played-again",
            Self::Ended(_) => "ended",
        }
    }

    /// Whether it belongs to the same step of the story as the moment before.
    pub(super) fn continues(&self, before: &Self) -> bool {
        matches!(
            (before, self),
            (Self::LoggedIn { .. }, Self::CopiedAccess)
                | (Self::CopiedAccess | Self::PlayedAgain { .. }, Self::Tried(_))
                | (Self::Exchanged(_), Self::Bought { .. })
        )
    }
}

impl RobberyState {
    pub(super) fn after(mut self, moment: &Moment) -> Self {
        let at = moment.at;
        match &moment.what {
            What::LoggedIn { expires_at, refreshes } => {
                self.you = Some(Held {
                    expires_at: *expires_at,
                    generation: refreshes.then_some(Generation::FIRST),
                    life: expires_at.duration_since(at),
                    used: None,
                });
            }
            What::CopiedAccess => {
                self.thief = self.you.clone().map(|copied| Held {
                    generation: None,
                    ..copied
                });
            }
            What::CopiedRefresh(generation) => {
                if let Some(thief) = &mut self.thief {
                    (thief.generation, thief.used) = (Some(*generation), Some((at, None)));
                }
            }
            What::Tried(tried) => self.tried = Some(Arc::clone(tried)),
            What::Exchanged(outcome) => self.exchanged(moment, outcome),
            What::Bought { expires_at, generation } => {
                if let Some(thief) = &mut self.thief {
                    (thief.expires_at, thief.generation) = (*expires_at, Some(*generation));
                }
                // The doors' answers belonged to the old one.
                self.tried = None;
            }
            What::LoggedOut => {
                if self.is_unconfirmed() {
                    self.ended = None;
                }
                self.end(at, End::Logout);
            }
            What::Unconfirmed => self.end(at, End::Unconfirmed),
            What::Ended(_) => self.end(at, End::Other),
            What::PlayedAgain { expires_at } => {
                if let Some(thief) = &mut self.thief {
                    thief.expires_at = *expires_at;
                }
                if let Some((ended, _)) = &mut self.ended {
                    *ended = at;
                }
                self.tried = None;
                self.replayed = true;
            }
        }
        self
    }

    fn exchanged(&mut self, moment: &Moment, outcome: &Refreshed) {
        let at = moment.at;
        let is_thief = moment.who == Who::Thief;
        let used_before = self.thief.as_ref().and_then(|thief| thief.used.as_ref());
        let used_at = used_before.filter(|_| !is_thief).map_or(at, |(used, _)| *used);
        if let Some(held) = if is_thief { &mut self.thief } else { &mut self.you } {
            held.used = Some((at, Some(outcome.clone())));
            if let (Refreshed::Next(generation) | Refreshed::Forgiven(generation), false) = (outcome, is_thief) {
                held.generation = Some(*generation);
                held.expires_at = at.checked_add(held.life).unwrap_or(held.expires_at);
            }
        }
        if *outcome == Refreshed::Reused {
            let noticed_by = moment.who;
            self.end(at, End::Reuse(Reuse { used_at, noticed_by }));
        }
    }

    /// It ends once.
    fn end(&mut self, at: Timestamp, by: End) {
        if self.is_open() {
            self.ended = Some((at, by));
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.you.is_some() && self.ended.is_none()
    }

    pub(crate) fn ended_at(&self) -> Option<Timestamp> {
        self.ended.map(|(at, _)| at)
    }

    pub(crate) fn is_unconfirmed(&self) -> bool {
        matches!(self.ended, Some((_, End::Unconfirmed)))
    }

    /// Whether your browser still has its cookies, as far as the story knows.
    pub(crate) fn keeps_cookies(&self) -> bool {
        self.is_open() || self.is_unconfirmed()
    }

    /// The newest generation of the refresh token.
    pub(crate) fn generation(&self) -> Option<Generation> {
        let held = [self.you.as_ref(), self.thief.as_ref()];
        held.into_iter().flatten().filter_map(|held| held.generation).max()
    }

    pub(crate) fn reuse(&self) -> Option<Reuse> {
        match self.ended {
            Some((_, End::Reuse(reuse))) => Some(reuse),
            _ => None,
        }
    }

    /// Whether the thief has tried the doors since the session was ended.
    pub(crate) fn tried_after_end(&self) -> bool {
        let tried = self.tried.as_ref();
        self.ended_at()
            .is_some_and(|ended| tried.is_some_and(|tried| tried.at >= ended))
    }

    /// Whether the thief holds a refresh token.
    pub(crate) fn both_refresh(&self) -> bool {
        self.thief.as_ref().is_some_and(|thief| thief.generation.is_some())
    }
}
