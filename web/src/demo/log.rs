//! The log of a visitor's requests: one entry for each, newest first, at most fifty; and the list drawn from it, in the page
//! and in each event of the live log.
//!
//! It is forgotten with its visitor. It holds no token, query or body, only what was requested and the outcome.

use std::collections::VecDeque;

use actix_web::http::Method;
use askama::Template;
use jiff::Timestamp;
use rescind_lab::{Asked, Exchange, meter::Store};

use super::words::WORDS;
use crate::{
    content::of,
    pages::times::Time,
    stores::Stores,
    trace::{
        Shown, VerdictColour, class_of,
        cost::Count,
        decided_by, milliseconds, names, outcome,
        sequence::{DiagramStep, Lane, Message, Sequence, messages},
    },
};

/// The door that checks revocation.
pub(crate) const ASKING_DOOR: &str = "/api/me";
/// The door that checks the token alone.
pub(crate) const SIGNATURE_DOOR: &str = "/demo/signature-only/me";

pub(super) fn asked(method: &Method, path: &str) -> Asked {
    let reads = method == Method::GET || method == Method::HEAD;
    match (reads, path) {
        (true, "/" | "/login" | "/signup") => Asked::Page,
        (true, "/account" | "/password" | "/api/sessions") => Asked::Private,
        (true, ASKING_DOOR) => Asked::AskingDoor,
        (true, SIGNATURE_DOOR) => Asked::SignatureDoor,
        (_, "/refresh" | "/api/refresh" | "/demo/refresh") => Asked::Refresh,
        (false, "/signup" | "/api/users") => Asked::SignUp,
        (false, "/login" | "/api/login") => Asked::LogIn,
        (false, "/logout" | "/api/logout" | "/demo/log-out") => Asked::LogOut,
        (false, "/logout-everywhere" | "/api/logout-everywhere") => Asked::EndSessions,
        (false, "/password") => Asked::PrivateForm,
        (false, "/demo/rob") => Asked::Rob,
        (false, "/demo/thief/try") => Asked::ThiefTries,
        (false, "/demo/thief/steal-refresh") => Asked::ThiefStealsRefresh,
        (false, "/demo/thief/refresh") => Asked::ThiefRefreshes,
        (false, "/demo/forget") => Asked::Forget,
        (false, path) if path.starts_with("/sessions/") || path.starts_with("/api/sessions/") => Asked::EndSessions,
        _ => Asked::Other,
    }
}

/// The longest path that is kept in full: a client can send one of thousands of letters.
pub(crate) const LONGEST_PATH: usize = 200;
pub(crate) const MOST: usize = 50;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    This,
    /// Another, whose store calls cannot be seen from here. The name is the one it reports, or its address.
    Another(String),
}

#[derive(Clone)]
pub(crate) struct Entry {
    /// The request's number: requests are ordered by their beginning.
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    pub(crate) node: Node,
    /// The request without headers, the reply without its body.
    pub(crate) exchange: Exchange,
}

impl Entry {
    pub(crate) fn who(&self) -> &'static str {
        &names(self.exchange.who).in_the_log
    }

    pub(crate) fn asked(&self) -> &'static str {
        of(&WORDS.asked, self.exchange.asked)
    }

    /// Each store of this node that was called, and "1 read, 2 writes in Redis".
    pub(crate) fn costs(&self, stores: &Stores) -> Vec<(&'static str, String)> {
        let cost = |store: Store| {
            let told = Count::of(&self.exchange.calls, &[store]).told();
            (!told.is_empty()).then(|| (store.name(), format!("{told} in {}", stores.place_of(store))))
        };
        Store::ALL.into_iter().filter_map(cost).collect()
    }

    pub(crate) fn node<'a>(&'a self, stores: &'a Stores) -> Option<&'a str> {
        match &self.node {
            Node::This => stores.node.as_deref(),
            Node::Another(name) => Some(name),
        }
    }

    pub(crate) fn drawing(&self, stores: &Stores) -> Sequence {
        let mut messages = messages(&self.exchange, true);
        if self.node != Node::This {
            let thought = Message::new(Lane::Server, Lane::Server, "what it asks, it knows alone");
            messages.insert(1, thought);
        }
        let places = |lane| match lane {
            Lane::Browser | Lane::Thief | Lane::Service => None,
            Lane::Server => self.node(stores).map(|node| format!("node {node}")),
            Lane::Blacklist => Some(stores.place_of(Store::Blacklist).to_owned()),
            Lane::Database => Some(stores.place_of(Store::Sessions).to_owned()),
        };
        let title = format!("{}: {}", Shown(&self.exchange).asked(), outcome(&self.exchange));
        let alone = DiagramStep { named: None, messages };
        Sequence::of(title, vec![alone], false, places)
    }
}

#[derive(Default)]
pub(crate) struct Log {
    /// Newest first.
    entries: VecDeque<Entry>,
}

impl Log {
    /// Inserts an entry by its beginning, since requests may overlap.
    pub(crate) fn add(&mut self, entry: Entry) {
        let place = self.entries.partition_point(|kept| kept.id > entry.id);
        self.entries.insert(place, entry);
        self.entries.truncate(MOST);
    }

    /// Newest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(crate) fn find(&self, id: u64) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }
}

#[derive(Template)]
#[template(path = "demo/log.html")]
struct LogList<'a> {
    log: &'a Log,
    stores: &'a Stores,
}

pub(crate) fn fragment(log: &Log, stores: &Stores) -> String {
    let list = LogList { log, stores };
    list.render().unwrap_or_else(|error| {
        tracing::error!(%error, "the log could not be drawn");
        String::new()
    })
}

/// The time of day: "15:08:21". On a page that stays open, "3 s ago" would become wrong.
pub(crate) fn clock_time(at: Timestamp) -> Time {
    let mut time = Time::exactly(at);
    time.words = at.strftime("%H:%M:%S").to_string();
    time
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use actix_web::http::StatusCode;
    use rescind_lab::{
        Who,
        meter::{Call, Operation, StoreReply},
        raw::{Reply, Request},
    };
    use rescind_session::Check;

    use super::*;

    pub(crate) fn stores() -> Stores {
        Stores {
            database: "Postgres",
            is_shared: true,
            node: Some("a".to_owned()),
        }
    }

    pub(crate) fn entry(id: u64) -> Entry {
        sent(
            id,
            "/api/me",
            Asked::AskingDoor,
            replied(401, Some("token_revoked"), None),
        )
    }

    pub(crate) fn replied(status: u16, code: Option<&str>, to: Option<&str>) -> Reply {
        Reply::new(StatusCode::from_u16(status).unwrap(), code, to)
    }

    fn sent(id: u64, path: &'static str, asked: Asked, reply: Reply) -> Entry {
        let request = Request::new(Method::GET, path, true);
        let exchange = Exchange::seen(Who::Thief, asked, request, Some(reply), Some(Check::Blacklist));
        let call = Call {
            store: Store::Blacklist,
            operation: Operation::Check,
            answer: StoreReply::OnTheList,
            took: Duration::from_micros(20),
            session: None,
            generation: None,
        };
        Entry {
            id,
            at: Timestamp::UNIX_EPOCH,
            node: Node::This,
            exchange: Exchange {
                calls: vec![call],
                took: Duration::from_micros(1_250),
                ..exchange
            },
        }
    }

    fn ids(log: &Log) -> Vec<u64> {
        log.entries().map(|entry| entry.id).collect()
    }

    #[test]
    fn entries_are_ordered_by_their_beginning_newest_first() {
        let mut log = Log::default();
        for id in [2, 3, 1] {
            log.add(entry(id));
        }
        assert_eq!(ids(&log), [3, 2, 1]);
        assert!(log.find(2).is_some() && log.find(4).is_none());
    }

    #[test]
    fn beyond_fifty_entries_the_oldest_is_removed() {
        let mut log = Log::default();
        for id in 0..60 {
            log.add(entry(id));
        }
        assert_eq!(ids(&log), (10..60).rev().collect::<Vec<_>>());
    }

    #[test]
    fn a_redirect_to_the_login_is_a_refusal_and_others_are_not() {
        for (to, refused, outcome) in [
            ("/login?next=/account", true, "303, sent to log in"),
            ("/refresh?next=/account", false, "303, sent to refresh"),
            ("/demo", false, "303, sent on"),
        ] {
            let entry = sent(1, "/account", Asked::Private, replied(303, None, Some(to)));
            assert_eq!(
                (entry.exchange.is_refused(), super::outcome(&entry.exchange).as_str()),
                (refused, outcome),
                "{to}"
            );
        }
    }

    #[test]
    fn an_entry_shows_its_outcome_and_its_cost() {
        let entry = entry(1);
        assert_eq!(outcome(&entry.exchange), "401 token_revoked");
        assert_eq!(milliseconds(entry.exchange.took), "1.2 ms");
        let costs = entry.costs(&stores());
        assert_eq!(costs.len(), 1, "a store that was not asked is left out");
        assert_eq!((costs[0].0, costs[0].1.as_str()), ("blacklist", "1 read in Redis"));
    }

    #[test]
    fn another_nodes_entry_shows_its_name_and_no_store_calls() {
        let mut log = Log::default();
        let mut elsewhere = entry(7);
        elsewhere.node = Node::Another("b".to_owned());
        elsewhere.exchange.calls = Vec::new();
        log.add(elsewhere);
        let drawn = fragment(&log, &stores());
        assert!(drawn.contains("node b") && !drawn.contains("no store"), "{drawn}");
    }

    #[test]
    fn a_visitors_path_is_escaped() {
        let mut log = Log::default();
        let mut evil = entry(7);
        evil.exchange.request.path = "/<script>alert(1)</script>".into();
        log.add(evil);
        assert!(!fragment(&log, &stores()).contains("<script>"));
    }

    #[test]
    fn a_method_and_path_name_the_operation() {
        for (method, path, expected) in [
            (Method::GET, "/api/me", Asked::AskingDoor),
            (Method::HEAD, "/api/me", Asked::AskingDoor),
            (Method::POST, "/api/me", Asked::Other),
            (Method::GET, "/refresh", Asked::Refresh),
            (Method::POST, "/demo/log-out", Asked::LogOut),
            (Method::GET, "/demo/log-out", Asked::Other),
            (Method::DELETE, "/api/sessions/7", Asked::EndSessions),
            (Method::GET, "/nowhere", Asked::Other),
        ] {
            assert_eq!(asked(&method, path), expected, "{method} {path}");
        }
    }
}
