//! What happened: one step a button, with everything that went over the wire in it.

use std::time::Duration;

use actix_web::http::StatusCode;
use rescind_session::Check;

use crate::{
    action::Action,
    deciding::Decided,
    meter::{Access, Call, Store},
    picture::Picture,
    raw::{Reply, Request},
};

/// One step.
#[derive(Clone)]
pub struct Step {
    /// From 1.
    pub number: usize,
    /// How long the sandbox has existed, in its own time, when the step was over.
    pub at: Duration,
    /// Which button was pressed.
    pub action: Action,
    /// What went over the wire, in order. None, where only time passed or something was broken.
    pub exchanges: Vec<Exchange>,
    /// What the upkeep asked of the stores afterwards, nobody having pressed anything.
    pub upkeep: Vec<Call>,
    /// How everything stood afterwards.
    pub after: Picture,
}

impl Step {
    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.exchanges.iter().map(Exchange::bytes).sum::<usize>()
            + size_of_val(self.upkeep.as_slice())
            + self.after.bytes()
    }
}

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// You, in your browser.
    You,
    /// Whoever has the copy.
    Thief,
}

/// A request, and what came of it.
#[derive(Clone)]
pub struct Exchange {
    /// Who sent it.
    pub who: Who,
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
    pub(crate) fn of(reply: Option<&Reply>) -> Self {
        let Some(reply) = reply else { return Self::NoServer };
        match reply.status {
            StatusCode::SERVICE_UNAVAILABLE => Self::CannotTell,
            status if status.is_success() || status.is_redirection() => Self::Accepted,
            _ => Self::Refused,
        }
    }
}

impl Exchange {
    /// The problem's code, if there was a problem.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        self.reply.as_ref().and_then(Reply::problem_code)
    }

    fn bytes(&self) -> usize {
        let reply = self.reply.as_ref().map_or(0, Reply::bytes);
        size_of::<Self>() + self.request.bytes() + reply + size_of_val(self.calls.as_slice())
    }

    /// How many signatures of access tokens the server had to check for it: one where a token arrived, and none where it
    /// needs none. A refresh token carries a tag instead, which costs a hash.
    #[must_use]
    pub fn signature_checks(&self) -> usize {
        let asks_for_one = matches!(self.request.path, "/api/me" | "/logout");
        let decided_before = matches!(
            self.decided,
            Decided::TokenThere | Decided::Origin | Decided::NoneNeeded | Decided::Address
        );
        usize::from(asks_for_one && self.carries_token() && self.reply.is_some() && !decided_before)
    }

    fn carries_token(&self) -> bool {
        self.request.headers.iter().any(|(name, value)| match *name {
            "Authorization" => true,
            "Cookie" => value.contains(crate::sandbox::ACCESS_COOKIE),
            _ => false,
        })
    }

    /// How often stores were only asked, or written to.
    #[must_use]
    pub fn count(&self, stores: &[Store], access: Access) -> usize {
        self.calls
            .iter()
            .filter(|call| stores.contains(&call.store) && call.access() == access)
            .count()
    }
}

/// The check that had the last word, under a policy that asks this; without tokens, it is always the row.
pub(crate) fn decided(request: &Request, reply: Option<&Reply>, check: Option<Check>) -> Decided {
    let Some(reply) = reply else { return Decided::NoAnswer };
    let code = reply.problem_code();
    match (check, code.as_deref(), request.path) {
        (_, _, "/login") => Decided::Credentials,
        (None, _, _) => Decided::SessionRow,
        (Some(check), Some(code), _) => Decided::by_code(code, check),
        (Some(check), None, "/api/me") => Decided::last_question(check),
        (Some(_), None, "/api/refresh") => Decided::Generation,
        (Some(_), None, "/logout") => Decided::Signature,
        (Some(_), None, _) => Decided::Unknown,
    }
}
