//! The other nodes: their addresses, and their answers to the stolen token.
//!
//! One node can show that it checks a blacklist. That all of them check the *same* one is seen by trying the token at each,
//! so the thief does that too. **Still no proxy**: the addresses are a setting, checked at the start, with scheme, host and port
//! alone; the path is the checking door's; the token comes from the loot. An answer is drawn as text, and
//! the name in it is cut to the length of a name.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use jiff::Timestamp;
use rescind_api::http_client::{HttpReply, reqwest::header::HeaderMap};
use rescind_lab::{
    Exchange, Outcome, Who,
    raw::{Reply, Request},
};
use rescind_session::Check;
use serde_json::Value;
use url::Url;

use super::log::{Entry, Node, asked};

/// The name that a node reports.
pub(crate) const NODE_HEADER: &str = "x-rescind-node";
const LONGEST_NAME: usize = 32;

/// A door's answer, as the thief saw it.
pub(crate) struct Attempt {
    pub(crate) exchange: Exchange,
    /// The private note behind the door.
    pub(crate) note: Option<String>,
    /// The name that the node reports; `None` if it did not answer, or has no name.
    pub(crate) node: Option<String>,
}

impl Attempt {
    pub(crate) fn of(door: &'static str, answer: Option<&HttpReply>, took: Duration, check: Check) -> Self {
        let body = answer.and_then(|answer| serde_json::from_slice(&answer.body).ok());
        let body: Value = body.unwrap_or_default();
        let reply = answer.and_then(|answer| {
            let status = StatusCode::from_u16(answer.status).ok()?;
            let code = body["code"].as_str().unwrap_or("unknown");
            Some(Reply::new(status, (status != StatusCode::OK).then_some(code), None))
        });
        let request = Request::new(Method::GET, door, false);
        let seen = Exchange::seen(Who::Thief, asked(&Method::GET, door), request, reply, Some(check));
        Self {
            exchange: Exchange { took, ..seen },
            note: body["note"].as_str().map(str::to_owned),
            node: answer.and_then(|answer| name_in(&answer.headers)),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match (self.exchange.outcome, self.exchange.code()) {
            (Outcome::Accepted, _) => "in",
            (Outcome::NoServer, _) => "no-answer",
            (_, Some("token_revoked")) => "revoked",
            (_, Some("token_expired")) => "expired",
            _ => "refused",
        }
    }

    pub(crate) fn status(&self) -> String {
        let reply = self.exchange.reply.as_ref();
        reply.map_or_else(|| "no answer".to_owned(), |reply| reply.status.as_str().to_owned())
    }
}

pub(crate) struct AtPeer {
    pub(crate) peer: Url,
    pub(crate) attempt: Attempt,
}

impl AtPeer {
    /// Its name, or its address.
    pub(crate) fn name(&self) -> &str {
        self.attempt.node.as_deref().unwrap_or(self.peer.authority())
    }

    /// The log entry; `None` without an answer. The store calls are only in that node's own log.
    pub(crate) fn entry(&self, id: u64, at: Timestamp, check: Check) -> Option<Entry> {
        let mut exchange = self.attempt.exchange.clone();
        let reply = exchange.reply.as_mut()?;
        reply.code = reply.code.as_deref().map(|code| known(code).to_owned());
        Some(Entry {
            id,
            at,
            node: Node::Another(self.name().to_owned()),
            exchange: exchange.with_calls(Vec::new(), Some(check)),
        })
    }
}

/// The code, if this door can give it.
fn known(code: &str) -> &'static str {
    const CODES: [&str; 6] = [
        "token_revoked",
        "token_expired",
        "token_invalid",
        "store_unavailable",
        "not_found",
        "overloaded",
    ];
    CODES.into_iter().find(|known| *known == code).unwrap_or("unknown")
}

fn name_in(headers: &HeaderMap) -> Option<String> {
    let name = headers.get(NODE_HEADER)?.to_str().ok()?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_name)).then(|| name.to_owned())
}
