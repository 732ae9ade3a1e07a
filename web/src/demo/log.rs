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
        (false, "/demo/rob" | "/demo/rob/second") => Asked::Rob,
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
        Store::ALL.iter().copied().filter_map(cost).collect()
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
