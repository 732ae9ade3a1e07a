//! The trace of one exchange: sender and request, store calls and answers, deciding check, reply, and cost. One type
//! and one recorder, for the lab's sandboxes and for pages that watch a real server.

use std::time::Duration;

use actix_web::http::StatusCode;
use rescind_session::{
    Check, SessionService,
    token::{Generation, SessionId},
};
use tokio::time::Instant;

use crate::{
    deciding::{Asked, Decided, decided},
    meter::{Access, Call, Meter, Operation, Store, StoreReply, metered_service},
    raw::{Reply, Request},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::VariantArray)]
pub enum Who {
    /// You, in your browser.
    You,
    /// Your browser by itself: a refresh during a request, or one by a script.
    Browser,
    /// The holder of the copy.
    Thief,
    /// The issuer, which pushes an event to another service.
    Issuer,
    /// Another service, which reads what the issuer publishes.
    Service,
}

impl Who {
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;
}

/// A request and its outcome.
#[derive(Clone)]
pub struct Exchange {
    pub who: Who,
    /// What it asks for.
    pub asked: Asked,
    /// Whether another service was asked, which has only the issuer's keys.
    pub elsewhere: bool,
    pub request: Request,
    /// `None` if the server does not run.
    pub reply: Option<Reply>,
    pub arrived: bool,
    pub calls: Vec<Call>,
    pub took: Duration,
    pub outcome: Outcome,
    pub decided: Decided,
}

/// The outcome of a request, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Accepted,
    /// Refused by a check.
    Refused,
    /// 503: the server could not decide.
    CannotTell,
    /// No server answered.
    NoServer,
}

impl Outcome {
    fn of(reply: Option<&Reply>) -> Self {
        let Some(reply) = reply else { return Self::NoServer };
        let passes = reply.status.is_success() || reply.status.is_redirection();
        match reply.status {
            StatusCode::SERVICE_UNAVAILABLE => Self::CannotTell,
            // A redirect to the login is a refusal.
            _ if passes && reply.code.is_none() && reply.leads_to() != Some("/login") => Self::Accepted,
            _ => Self::Refused,
        }
    }
}

/// The outcome of a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// The next generation.
    Next(Generation),
    /// The existing successor: within the grace another caller was first.
    Forgiven(Generation),
    /// Reuse of an old token, so a copy exists. The session was ended.
    Reused,
    /// The session had been closed.
    Closed,
    /// Another error.
    Refused(String),
}

/// Records an exchange and does not influence it.
pub struct Recorder {
    who: Who,
    asked: Asked,
    pub(crate) request: Request,
    pub(crate) meter: Meter,
    started: Instant,
}

impl Recorder {
    /// Begins the record of a request.
    #[must_use]
    pub fn start(who: Who, asked: Asked, request: Request) -> Self {
        Self {
            who,
            asked,
            request,
            meter: Meter::default(),
            // A stopwatch: it decides nothing.
            started: Instant::now(),
        }
    }

    /// The service to answer the request, with its store calls recorded.
    #[must_use]
    pub fn around(&self, service: &SessionService) -> SessionService {
        metered_service(service, &self.meter)
    }

    /// Ends the record. `reply`: `None` if no server runs. `check`: the policy's check on every request; `None` without
    /// tokens.
    #[must_use]
    pub fn end(self, reply: Option<Reply>, check: Option<Check>) -> Exchange {
        let calls = self.meter.calls();
        let exchange = Exchange {
            took: self.started.elapsed(),
            ..Exchange::seen(self.who, self.asked, self.request, reply, check)
        };
        exchange.with_calls(calls, check)
    }
}

impl Exchange {
    /// An exchange seen only from outside, without store calls.
    #[must_use]
    pub fn seen(who: Who, asked: Asked, request: Request, reply: Option<Reply>, check: Option<Check>) -> Self {
        Self {
            who,
            outcome: Outcome::of(reply.as_ref()),
            decided: Decided::Unknown,
            elsewhere: false,
            arrived: reply.is_some(),
            asked,
            request,
            reply,
            calls: Vec::new(),
            took: Duration::ZERO,
        }
        .with_calls(Vec::new(), check)
    }

    /// The same with store calls, which show more about the deciding check.
    #[must_use]
    pub fn with_calls(mut self, calls: Vec<Call>, check: Option<Check>) -> Self {
        self.decided = decided(self.asked, self.reply.as_ref(), &calls, check);
        self.calls = calls;
        self
    }

    /// The problem's code, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.reply.as_ref().and_then(|reply| reply.code.as_deref())
    }

    /// The path of a redirect.
    #[must_use]
    pub fn leads_to(&self) -> Option<&str> {
        self.reply.as_ref()?.leads_to()
    }

    /// Whether it was refused or not answered.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.outcome != Outcome::Accepted
    }

    /// The outcome of a refresh of that session; `None` if it was another session's, or the outcome is unknown.
    #[must_use]
    pub fn refreshed(&self, session: SessionId) -> Option<Refreshed> {
        let last = |operation: Operation| -> Option<&Call> {
            let mut calls = self.calls.iter().rev();
            calls.find(|call| call.operation == operation && call.session == Some(session))
        };
        let found = last(Operation::FindSession)?;
        if let Some(Call {
            answer: StoreReply::Done,
            generation: Some(next),
            ..
        }) = last(Operation::Rotate)
        {
            return Some(Refreshed::Next(*next));
        }
        match (found.answer, last(Operation::CloseForReuse)) {
            (StoreReply::Closed, _) => Some(Refreshed::Closed),
            (StoreReply::Open, Some(_)) => Some(Refreshed::Reused),
            (StoreReply::Open, None) if !self.is_refused() => found.generation.map(Refreshed::Forgiven),
            _ => self.code().map(|code| Refreshed::Refused(code.to_owned())),
        }
    }

    /// Its approximate size in memory.
    pub(crate) fn bytes(&self) -> usize {
        let reply = self.reply.as_ref().map_or(0, Reply::bytes);
        size_of::<Self>() + self.request.bytes() + reply + size_of_val(self.calls.as_slice())
    }

    /// How many signatures the server checked: one if it needed an access token and one arrived, or for a pushed event,
    /// otherwise none. A refresh token has a tag instead, which costs a hash.
    #[must_use]
    pub fn signature_checks(&self) -> usize {
        let decided_before = matches!(
            self.decided,
            Decided::TokenThere | Decided::Origin | Decided::NoneNeeded | Decided::Address
        );
        let by_token = self.asked.takes_a_token() && self.request.carries_token && !decided_before;
        usize::from(self.reply.is_some() && (by_token || self.who == Who::Issuer))
    }

    /// The number of reads or of writes.
    #[must_use]
    pub fn count(&self, stores: &[Store], access: Access) -> usize {
        let calls = self.calls.iter();
        calls
            .filter(|call| stores.contains(&call.store) && call.access() == access)
            .count()
    }
}
