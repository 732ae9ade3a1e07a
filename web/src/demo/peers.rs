//! The other nodes: their addresses, and their answers to the stolen token.
//!
//! One node can show that it checks a blacklist. That all of them check the *same* one is seen by trying the token at each,
//! so the thief does that too. **Still no proxy**: the addresses are a setting, checked at the start, and only their scheme,
//! host and port are used; the path is the checking door's; the token comes from the loot. An answer is drawn as text, and
//! the name in it is cut to the length of a name.

use std::{sync::Arc, time::Duration};

use actix_web::http::Method;
use jiff::Timestamp;
use rescind_api::http_client::reqwest::header::HeaderMap;
use rescind_lab::{
    Exchange, Outcome, Who,
    raw::{Reply, Request},
};
use rescind_session::Check;
use url::Url;

use super::log::{ASKING_DOOR, Entry, Node, asked};

/// The name that a node reports.
pub(crate) const NODE_HEADER: &str = "x-rescind-node";
/// How many others are tried: a cluster to look at, not a network scan.
const MOST: usize = 8;
const LONGEST_NAME: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// `127.0.0.1:8082`, for people.
    pub(crate) address: String,
    /// The URL of its checking door.
    pub(crate) door: String,
}

pub(crate) struct Peers(Vec<Arc<Peer>>);

impl Peers {
    pub(crate) fn at(urls: &[Url]) -> Self {
        let peer = |url: &Url| {
            let origin = url.origin().ascii_serialization();
            let (_, address) = origin.split_once("://")?;
            Some(Arc::new(Peer {
                address: address.to_owned(),
                door: format!("{origin}{ASKING_DOOR}"),
            }))
        };
        Self(urls.iter().filter_map(peer).take(MOST).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.0.iter()
    }
}

/// A door's answer, as the thief saw it.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) exchange: Exchange,
    /// The private note behind the door.
    pub(crate) note: Option<String>,
}

impl Attempt {
    pub(crate) fn at(door: &'static str, reply: Option<Reply>, took: Duration, check: Check) -> Self {
        let request = Request::new(Method::GET, door, false);
        let seen = Exchange::seen(Who::Thief, asked(&Method::GET, door), request, reply, Some(check));
        Self {
            exchange: Exchange { took, ..seen },
            note: None,
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

#[derive(Clone)]
pub(crate) struct AtPeer {
    pub(crate) peer: Arc<Peer>,
    /// The name it reports; `None` if it did not answer, or has no name.
    pub(crate) node: Option<String>,
    pub(crate) attempt: Attempt,
}

impl AtPeer {
    /// Its name, or its address.
    pub(crate) fn name(&self) -> &str {
        self.node.as_deref().unwrap_or(&self.peer.address)
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

pub(crate) fn name_in(headers: &HeaderMap) -> Option<String> {
    let name = headers.get(NODE_HEADER)?.to_str().ok()?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_name)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scheme_host_and_port_of_an_address_are_used() {
        let urls = [
            "http://127.0.0.1:8082".parse().unwrap(),
            "http://somebody:secret@127.0.0.1:8083/health/ready?x=1#y"
                .parse()
                .unwrap(),
            "data:text/plain,nowhere".parse().unwrap(),
        ];
        let peers = Peers::at(&urls);
        let doors: Vec<_> = peers.iter().map(|peer| peer.door.as_str()).collect();
        assert_eq!(doors, ["http://127.0.0.1:8082/api/me", "http://127.0.0.1:8083/api/me"]);
    }

    #[test]
    fn the_number_of_peers_tried_is_bounded() {
        let urls: Vec<Url> = (0..100)
            .map(|n| format!("http://127.0.0.1:{}", 8000 + n).parse().unwrap())
            .collect();
        assert_eq!(Peers::at(&urls).iter().count(), MOST);
    }

    #[test]
    fn a_nodes_name_is_cut_and_filtered() {
        let name = |name: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(NODE_HEADER, name.parse().unwrap());
            name_in(&headers)
        };
        assert_eq!(name("b").as_deref(), Some("b"));
        for wrong in ["", "<b>", "two words", &"x".repeat(33)] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
    }
}
