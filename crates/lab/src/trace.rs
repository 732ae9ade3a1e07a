//! What happened in one exchange: who asked for what, what each store was asked and answered, which check decided, what was
//! replied, and what it cost. One type, and one recorder, for the lab's sandboxes and for whoever watches a real server.

use std::time::Duration;

use actix_web::http::StatusCode;
use rescind_session::{
    Check, SessionService,
    token::{Generation, SessionId},
};
use tokio::time::Instant;

use crate::{
    deciding::{Asked, Decided, decided},
    meter::{Access, Answer, Call, Meter, Operation, Store, metered},
    raw::{Reply, Request},
};

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// You, in your browser.
    You,
    /// Your browser, without being told: a refresh on the way, or one by a script.
    Browser,
    /// Whoever has the copy.
    Thief,
}

/// A request, and what came of it.
#[derive(Clone)]
pub struct Exchange {
    /// Who sent it.
    pub who: Who,
    /// What it asks for.
    pub asked: Asked,
    /// What was sent.
    pub request: Request,
    /// What the server replied; nothing, if it does not run.
    pub reply: Option<Reply>,
    /// Whether the reply arrived where it was going.
    pub arrived: bool,
    /// What the stores were asked.
    pub calls: Vec<Call>,
    /// How long it took.
    pub took: Duration,
    /// What came of it, in a word.
    pub outcome: Outcome,
    /// Which check decided.
    pub decided: Decided,
}

/// What came of a request, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Accepted,
    /// No.
    Refused,
    /// The server could not tell, and said so: 503.
    CannotTell,
    /// There was nobody to ask.
    NoServer,
}

impl Outcome {
    fn of(reply: Option<&Reply>) -> Self {
        let Some(reply) = reply else { return Self::NoServer };
        let passes = reply.status.is_success() || reply.status.is_redirection();
        match reply.status {
            StatusCode::SERVICE_UNAVAILABLE => Self::CannotTell,
            // Being sent to the login is a refusal.
            _ if passes && reply.code.is_none() && reply.leads_to() != Some("/login") => Self::Accepted,
            _ => Self::Refused,
        }
    }
}

/// What came of a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// The next generation.
    Next(Generation),
    /// The successor that exists already: within the grace somebody else was first.
    Forgiven(Generation),
    /// It is an old one, so somebody has a copy. The session was ended.
    Reused,
    /// The session was closed before.
    Closed,
    /// Something else was wrong with it.
    Refused(String),
}

/// Writes down an exchange while it happens. It decides nothing about it.
pub struct Recorder {
    who: Who,
    asked: Asked,
    pub(crate) request: Request,
    pub(crate) meter: Meter,
    started: Instant,
}

impl Recorder {
    /// Somebody sends this now.
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

    /// The service that has to answer it, so that what it asks of its stores is written down.
    #[must_use]
    pub fn around(&self, service: &SessionService) -> SessionService {
        service.with_ports(metered(service.ports(), &self.meter))
    }

    /// It was answered, by a server whose policy asks this on every request; or not, where none runs. Without a policy there
    /// are no tokens.
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
    /// One that was only seen from outside: what the stores were asked is not known.
    #[must_use]
    pub fn seen(who: Who, asked: Asked, request: Request, reply: Option<Reply>, check: Option<Check>) -> Self {
        Self {
            who,
            outcome: Outcome::of(reply.as_ref()),
            decided: Decided::Unknown,
            arrived: reply.is_some(),
            asked,
            request,
            reply,
            calls: Vec::new(),
            took: Duration::ZERO,
        }
        .with_calls(Vec::new(), check)
    }

    /// The same, with what the stores were asked, from which more can be told about what decided.
    #[must_use]
    pub fn with_calls(mut self, calls: Vec<Call>, check: Option<Check>) -> Self {
        self.decided = decided(self.asked, self.reply.as_ref(), &calls, check);
        self.calls = calls;
        self
    }

    /// The problem's code, if there was a problem.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.reply.as_ref().and_then(|reply| reply.code.as_deref())
    }

    /// The path that a redirect leads to.
    #[must_use]
    pub fn leads_to(&self) -> Option<&str> {
        self.reply.as_ref()?.leads_to()
    }

    /// Whether the answer was no, or none.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.outcome != Outcome::Accepted
    }

    /// What came of a refresh of that session; nothing if it was of another, or nothing came of it that one could tell.
    #[must_use]
    pub fn refreshed(&self, session: SessionId) -> Option<Refreshed> {
        let last = |operation: Operation| -> Option<&Call> {
            let mut calls = self.calls.iter().rev();
            calls.find(|call| call.operation == operation && call.session == Some(session))
        };
        let found = last(Operation::FindSession)?;
        if let Some(Call {
            answer: Answer::Done,
            generation: Some(next),
            ..
        }) = last(Operation::Rotate)
        {
            return Some(Refreshed::Next(*next));
        }
        match (found.answer, last(Operation::CloseForReuse)) {
            (Answer::Closed, _) => Some(Refreshed::Closed),
            (Answer::Open, Some(_)) => Some(Refreshed::Reused),
            (Answer::Open, None) if !self.is_refused() => found.generation.map(Refreshed::Forgiven),
            _ => self.code().map(|code| Refreshed::Refused(code.to_owned())),
        }
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let reply = self.reply.as_ref().map_or(0, Reply::bytes);
        size_of::<Self>() + self.request.bytes() + reply + size_of_val(self.calls.as_slice())
    }

    /// How many signatures of access tokens the server had to check for it: one where a token arrived, and none where it
    /// needs none. A refresh token carries a tag instead, which costs a hash.
    #[must_use]
    pub fn signature_checks(&self) -> usize {
        let decided_before = matches!(
            self.decided,
            Decided::TokenThere | Decided::Origin | Decided::NoneNeeded | Decided::Address
        );
        usize::from(self.asked.takes_a_token() && self.request.carries_token && self.reply.is_some() && !decided_before)
    }

    /// How often stores were only asked, or written to.
    #[must_use]
    pub fn count(&self, stores: &[Store], access: Access) -> usize {
        let calls = self.calls.iter();
        calls
            .filter(|call| stores.contains(&call.store) && call.access() == access)
            .count()
    }
}
