//! One robbery: what the thief holds, their answers from the doors, and what happened, moment by moment.
//!
//! Without I/O: handlers and the middleware report what they saw, and the screen reads it.

use jiff::Timestamp;
use rescind_lab::{Asked, Refreshed, Who};
use rescind_session::{
    IssuedTokens,
    token::{AccessClaims, AccessToken, Generation, PresentedRefreshToken, RefreshToken, SessionId},
};

use super::{
    log::Entry,
    peers::{AtPeer, Attempt},
};

/// How many moments are kept. Of more, the first two stay, since the story began with them.
const MOST_MOMENTS: usize = 24;
const FIRST_MOMENTS: usize = 2;

/// A robbery. No `Debug`; its tokens are wiped when it is dropped.
pub(crate) struct Heist {
    pub(super) access: AccessToken,
    pub(super) claims: AccessClaims,
    pub(super) refresh: Option<StolenRefresh>,
    /// The doors' answers to that access token.
    pub(super) doors: Option<Tried>,
    pub(super) ended_at: Option<Timestamp>,
    /// Set if the session was ended because a copy was noticed.
    pub(super) reuse: Option<Reuse>,
    pub(super) act: Act,
    pub(super) moments: Vec<Moment>,
}

/// The part of the story that a robbery is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// You log out, and the thief tries the access token.
    First,
    /// The thief takes the refresh token too.
    Second,
}

pub(super) struct StolenRefresh {
    pub(super) token: RefreshToken,
    pub(super) generation: Generation,
    /// Whether it was used, and the last outcome.
    pub(super) used: Option<Refreshed>,
}

/// A copy was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reuse {
    /// When the thief last used the copy.
    pub(crate) used_at: Timestamp,
    /// Whose refresh revealed it.
    pub(crate) noticed_by: Who,
}

/// The answers of both doors, and of the other nodes.
#[derive(Clone)]
pub(crate) struct Tried {
    pub(crate) at: Timestamp,
    pub(crate) asking: Attempt,
    pub(crate) signature: Attempt,
    /// The same door's answer at every other node.
    pub(crate) elsewhere: Vec<AtPeer>,
}

#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    pub(crate) who: Who,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    LoggedIn,
    CopiedAccess,
    CopiedRefresh(Generation),
    /// With the status of each answer.
    Tried {
        asking: String,
        signature: String,
        elsewhere: Vec<String>,
    },
    Exchanged(Refreshed),
    LoggedOut,
    /// The same again, with new tokens.
    PlayedAgain,
    /// The session was ended in another way.
    Ended(&'static str),
}

impl Heist {
    /// After a login, the thief has copied the access token.
    pub(crate) fn of(access: AccessToken, claims: AccessClaims, at: Timestamp, act: Act) -> Self {
        let mut heist = Self {
            access,
            claims,
            refresh: None,
            doors: None,
            ended_at: None,
            reuse: None,
            act,
            moments: Vec::new(),
        };
        heist.remember(at, Who::You, What::LoggedIn);
        heist.remember(at, Who::Thief, What::CopiedAccess);
        heist
    }

    /// The part of the next robbery: the second once the first was seen to its end.
    pub(crate) fn next_act(&self) -> Act {
        match self.act {
            Act::First if self.tried_after_end().is_some() && self.reuse.is_none() => Act::Second,
            _ => Act::First,
        }
    }

    /// The generation of the thief's refresh token.
    pub(crate) fn generation(&self) -> Option<Generation> {
        self.refresh.as_ref().map(|stolen| stolen.generation)
    }

    pub(crate) fn session(&self) -> SessionId {
        self.claims.session_id
    }

    /// The doors' answers since the session was ended.
    pub(crate) fn tried_after_end(&self) -> Option<&Tried> {
        let ended = self.ended_at?;
        self.doors.as_ref().filter(|tried| tried.at >= ended)
    }

    /// The thief copies the refresh token too, if it is of this session.
    pub(crate) fn copy_refresh(&mut self, token: &RefreshToken, at: Timestamp) {
        let Ok(presented) = PresentedRefreshToken::parse(token.expose_secret()) else {
            return;
        };
        if presented.unverified_session_id() != self.session() || self.ended_at.is_some() {
            return;
        }
        let generation = presented.unverified_generation();
        self.refresh = Some(StolenRefresh {
            token: token.clone(),
            generation,
            used: None,
        });
        self.remember(at, Who::Thief, What::CopiedRefresh(generation));
    }

    /// The thief has got new tokens. The doors' answers belonged to the old one.
    pub(crate) fn bought(&mut self, access: AccessToken, claims: AccessClaims, refresh: RefreshToken) {
        let Ok(presented) = PresentedRefreshToken::parse(refresh.expose_secret()) else {
            return;
        };
        self.access = access;
        self.claims = claims;
        self.doors = None;
        if let Some(stolen) = &mut self.refresh {
            stolen.generation = presented.unverified_generation();
            stolen.token = refresh;
        }
    }

    /// Whether the stolen token expired before the thief could try it after the end.
    pub(crate) fn has_expired_untried(&self, now: Timestamp) -> bool {
        self.ended_at.is_some() && now >= self.claims.expires_at
    }

    /// The same happened again with these tokens, and their session was ended.
    pub(crate) fn played_again(&mut self, issued: IssuedTokens, at: Timestamp) {
        (self.access, self.claims) = (issued.access_token, issued.claims);
        (self.doors, self.ended_at) = (None, Some(at));
        self.remember(at, Who::Thief, What::PlayedAgain);
    }

    pub(crate) fn tried(&mut self, tried: Tried) {
        let what = What::Tried {
            asking: tried.asking.status(),
            signature: tried.signature.status(),
            elsewhere: tried.elsewhere.iter().map(|at| at.attempt.status()).collect(),
        };
        self.remember(tried.at, Who::Thief, what);
        self.doors = Some(tried);
    }

    /// According to its row, the session was ended, by a request that was not seen here.
    pub(crate) fn found_ended(&mut self, at: Timestamp, how: &'static str) {
        if self.ended_at.is_none() {
            self.ended_at = Some(at);
            self.remember(at, Who::You, What::Ended(how));
        }
    }

    /// Updates the robbery from a request.
    pub(crate) fn saw(&mut self, entry: &Entry) {
        match entry.exchange.asked {
            Asked::LogOut if !entry.exchange.is_refused() && self.ended_at.is_none() && self.is_about_this(entry) => {
                self.ended_at = Some(entry.at);
                self.remember(entry.at, entry.exchange.who, What::LoggedOut);
            }
            Asked::Refresh => self.saw_refresh(entry),
            _ => {}
        }
    }

    fn saw_refresh(&mut self, entry: &Entry) {
        let Some(exchange) = entry.exchange.refreshed(self.session()) else {
            return;
        };
        if entry.exchange.who == Who::Thief
            && let Some(stolen) = &mut self.refresh
        {
            stolen.used = Some(exchange.clone());
        }
        // The copy's last use before this one.
        let used_before = self.moments.iter().rev().find(|moment| {
            moment.who == Who::Thief && matches!(moment.what, What::Exchanged(_) | What::CopiedRefresh(_))
        });
        let used_at = used_before.map_or(entry.at, |moment| moment.at);
        if exchange == Refreshed::Reused && self.reuse.is_none() {
            self.ended_at = self.ended_at.or(Some(entry.at));
            self.reuse = Some(Reuse {
                used_at: if entry.exchange.who == Who::Thief {
                    entry.at
                } else {
                    used_at
                },
                noticed_by: entry.exchange.who,
            });
        }
        self.remember(entry.at, entry.exchange.who, What::Exchanged(exchange));
    }

    /// If the policy keeps sessions, a logout names the one it closed. If not, it can mean only this one.
    fn is_about_this(&self, entry: &Entry) -> bool {
        let mut named = entry.exchange.calls.iter().filter_map(|call| call.session).peekable();
        named.peek().is_none() || named.any(|session| session == self.session())
    }

    fn remember(&mut self, at: Timestamp, who: Who, what: What) {
        let place = self.moments.partition_point(|moment| moment.at <= at);
        self.moments.insert(place, Moment { at, who, what });
        if self.moments.len() > MOST_MOMENTS {
            self.moments.remove(FIRST_MOMENTS);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::ToSpan;
    use rescind_session::token::{ClientId, TokenId, UserId};

    use super::*;
    use actix_web::http::Method;
    use rescind_lab::{
        Exchange,
        meter::{Answer, Call, Operation, Store},
        raw::Request,
    };
    use rescind_session::Check;

    use crate::demo::log::{Node, tests::replied};

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn session() -> SessionId {
        SessionId::from_uuid(Default::default())
    }

    fn heist() -> Heist {
        let claims = AccessClaims {
            issuer: String::new(),
            audience: String::new(),
            subject: UserId::from(0),
            client_id: ClientId::first_party(),
            issued_at: now(),
            expires_at: now() + 1.minute(),
            token_id: TokenId::from_uuid(Default::default()),
            session_id: session(),
            auth_time: None,
            extra: Default::default(),
        };
        Heist::of("stolen".to_owned().into(), claims, now(), Act::First)
    }

    fn call(operation: Operation, answer: Answer, generation: u32) -> Call {
        Call {
            store: Store::Sessions,
            operation,
            answer,
            took: Duration::ZERO,
            session: Some(session()),
            generation: Some(generation.into()),
        }
    }

    fn entry(who: Who, asked: Asked, calls: Vec<Call>) -> Entry {
        let request = Request::new(Method::POST, "/", true);
        let exchange = Exchange::seen(
            who,
            asked,
            request,
            Some(replied(303, None, None)),
            Some(Check::Blacklist),
        );
        Entry {
            id: 1,
            at: now() + 10.seconds(),
            node: Node::This,
            exchange: Exchange { calls, ..exchange },
        }
    }

    #[test]
    fn a_logout_ends_it_once_and_one_of_another_session_does_not() {
        let mut heist = heist();
        let mut other = call(Operation::Close, Answer::Done, 0);
        other.session = Some(SessionId::from_uuid(
            "00000000-0000-0000-0000-000000000001".parse().unwrap(),
        ));
        heist.saw(&entry(Who::You, Asked::LogOut, vec![other]));
        assert_eq!(heist.ended_at, None);
        let own = call(Operation::Close, Answer::Done, 0);
        for _ in 0..2 {
            heist.saw(&entry(Who::You, Asked::LogOut, vec![own]));
        }
        assert_eq!(heist.ended_at, Some(now() + 10.seconds()));
        assert_eq!(heist.moments.len(), 3, "logged in, copied, logged out");
    }

    #[test]
    fn a_copy_that_is_noticed_by_your_refresh_was_used_when_the_thief_last_refreshed() {
        let mut heist = heist();
        let found = call(Operation::FindSession, Answer::Open, 1);
        let mut thiefs = entry(
            Who::Thief,
            Asked::Refresh,
            vec![found, call(Operation::Rotate, Answer::Done, 1)],
        );
        thiefs.at = now() + 5.seconds();
        heist.saw(&thiefs);
        heist.saw(&entry(
            Who::You,
            Asked::Refresh,
            vec![found, call(Operation::CloseForReuse, Answer::Done, 0)],
        ));
        let expected = Reuse {
            used_at: now() + 5.seconds(),
            noticed_by: Who::You,
        };
        assert_eq!(
            (heist.reuse, heist.ended_at),
            (Some(expected), Some(now() + 10.seconds()))
        );
    }
}
