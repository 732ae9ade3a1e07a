//! The log of what happened: one entry a request, newest first, and no more than fifty; and the list that is drawn of it, in
//! the page and in each event of the live log.
//!
//! It belongs to one visitor, and is forgotten with them. No token, no query and no body is in it, only what was asked and
//! what became of it.

use std::collections::VecDeque;

use askama::Template;
use jiff::Timestamp;
use rescind_lab::{
    Exchange, Who,
    meter::{Access, Store},
};

use super::words::WORDS;
use crate::{
    content::of,
    pages::times::Time,
    stores::Stores,
    trace::{class_of, milliseconds, outcome},
};

/// The longest path that is kept in full: anybody can send one of thousands of letters.
pub(crate) const LONGEST_PATH: usize = 200;
/// How many entries are kept.
pub(crate) const MOST: usize = 50;

/// Which node answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// This one.
    This,
    /// Another, whose stores' work cannot be seen from here. The name is what it said of itself, or its address.
    Another(String),
}

/// One request.
#[derive(Clone)]
pub(crate) struct Entry {
    /// Its place among the visitor's requests, in the order in which they began.
    pub(crate) id: u64,
    /// When it began.
    pub(crate) at: Timestamp,
    pub(crate) node: Node,
    /// What happened. The request is kept without headers, the reply without its body.
    pub(crate) exchange: Exchange,
}

impl Entry {
    /// The outcome as it stands on the wire, and in a word.
    pub(crate) fn outcome(&self) -> String {
        outcome(&self.exchange)
    }

    /// What was asked for, in words.
    pub(crate) fn asked(&self) -> &'static str {
        of(&WORDS.asked, self.exchange.asked)
    }

    /// How often each store was asked, and written to; those that were not are left out.
    pub(crate) fn costs(&self, stores: &Stores) -> Vec<Cost> {
        let count = |store, access| self.exchange.count(&[store], access);
        Store::ALL
            .into_iter()
            .map(|store| Cost {
                store: store.name(),
                place: stores.place_of(store),
                reads: Count(count(store, Access::Read), "read"),
                writes: Count(count(store, Access::Write), "write"),
            })
            .filter(|cost| cost.reads.0 + cost.writes.0 > 0)
            .collect()
    }

    /// The name of the node that answered, if it has one.
    pub(crate) fn node<'a>(&'a self, stores: &'a Stores) -> Option<&'a str> {
        match &self.node {
            Node::This => stores.node.as_deref(),
            Node::Another(name) => Some(name),
        }
    }

    /// "1.3 ms".
    pub(crate) fn took(&self) -> String {
        milliseconds(self.exchange.took)
    }
}

/// What one store had to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) store: &'static str,
    pub(crate) place: &'static str,
    pub(crate) reads: Count,
    pub(crate) writes: Count,
}

impl Cost {
    /// "1 read, 2 writes in Redis"; what there was none of is left out.
    pub(crate) fn told(&self) -> String {
        let counts = [&self.reads, &self.writes];
        let counts = counts.into_iter().filter(|count| count.0 > 0);
        let counts = counts.map(ToString::to_string).collect::<Vec<_>>().join(", ");
        format!("{counts} in {}", self.place)
    }
}

/// "1 read", "2 reads".
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Count(usize, &'static str);

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(number, unit) = self;
        write!(f, "{number} {unit}{}", if *number == 1 { "" } else { "s" })
    }
}

/// The entries of one visitor.
#[derive(Default)]
pub(crate) struct Log {
    /// Newest first.
    entries: VecDeque<Entry>,
}

impl Log {
    /// Puts an entry where it began, since one request may be answered while another goes on.
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
    entries: Vec<Row<'a>>,
}

struct Row<'a> {
    entry: &'a Entry,
    who: &'static str,
    class: &'static str,
    at: Time,
    /// Which node answered, where they have names.
    node: Option<&'a str>,
    /// What its stores had to do; nothing if that cannot be known here.
    costs: Option<Vec<Cost>>,
}

/// Who asked, for people.
pub(crate) fn who(who: Who) -> &'static str {
    match who {
        Who::You => "You",
        Who::Browser => "Browser, by itself",
        Who::Thief => "Thief",
    }
}

/// The list, newest first.
pub(crate) fn fragment(log: &Log, stores: &Stores) -> String {
    let entries = log.entries().map(|entry| Row {
        entry,
        who: who(entry.exchange.who),
        class: class_of(entry.exchange.who),
        at: clock_time(entry.at),
        node: entry.node(stores),
        costs: (entry.node == Node::This).then(|| entry.costs(stores)),
    });
    let list = LogList {
        entries: entries.collect(),
    };
    list.render().unwrap_or_else(|error| {
        tracing::error!(%error, "the log could not be drawn");
        String::new()
    })
}

/// An instant of today: "15:08:21". The page stays open, and "3 s ago" would become wrong on it.
pub(crate) fn clock_time(at: Timestamp) -> Time {
    let mut time = Time::exactly(at);
    time.words = at.strftime("%H:%M:%S").to_string();
    time
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use actix_web::http::{Method, StatusCode};
    use rescind_lab::{
        Asked,
        meter::{Answer, Call, Operation},
        raw::{Reply, Request},
    };
    use rescind_session::Check;

    use super::*;
    use crate::stores::{BlacklistKind, DatabaseKind};

    pub(crate) fn stores() -> Stores {
        Stores {
            database: DatabaseKind::Postgres,
            blacklist: BlacklistKind::Redis,
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
            answer: Answer::OnTheList,
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
    fn entries_stand_in_the_order_in_which_they_began_newest_first() {
        let mut log = Log::default();
        for id in [2, 3, 1] {
            log.add(entry(id));
        }
        assert_eq!(ids(&log), [3, 2, 1]);
        assert!(log.find(2).is_some() && log.find(4).is_none());
    }

    #[test]
    fn the_oldest_entry_goes_when_there_are_fifty() {
        let mut log = Log::default();
        for id in 0..60 {
            log.add(entry(id));
        }
        assert_eq!(ids(&log), (10..60).rev().collect::<Vec<_>>());
    }

    #[test]
    fn being_sent_to_the_login_is_a_refusal_and_being_sent_on_is_none() {
        for (to, refused, outcome) in [
            ("/login?next=/account", true, "303, sent to log in"),
            ("/refresh?next=/account", false, "303, sent to refresh"),
            ("/demo", false, "303, sent on"),
        ] {
            let entry = sent(1, "/account", Asked::Private, replied(303, None, Some(to)));
            assert_eq!(
                (entry.exchange.is_refused(), entry.outcome().as_str()),
                (refused, outcome),
                "{to}"
            );
        }
    }

    #[test]
    fn an_entry_says_its_outcome_and_what_it_cost() {
        let entry = entry(1);
        assert_eq!(entry.outcome(), "401 token_revoked");
        assert_eq!(entry.took(), "1.2 ms");
        let costs = entry.costs(&stores());
        assert_eq!(costs.len(), 1, "a store that was not asked is left out");
        assert_eq!(
            (costs[0].store, costs[0].told().as_str()),
            ("blacklist", "1 read in Redis")
        );
    }

    #[test]
    fn an_entry_says_who_what_the_outcome_the_check_the_cost_and_the_time() {
        let mut log = Log::default();
        log.add(entry(7));
        let drawn = fragment(&log, &stores());
        for word in [
            "Thief",
            "GET /api/me",
            "401 token_revoked",
            "the blacklist",
            "1 read in Redis",
            "node a",
            "1.2 ms",
            "/demo/log/7",
        ] {
            assert!(drawn.contains(word), "{word} is missing in {drawn}");
        }
        assert!(!drawn.contains("write"), "nothing was written: {drawn}");
    }

    #[test]
    fn of_another_node_it_says_its_name_and_claims_nothing_of_its_stores() {
        let mut log = Log::default();
        let mut elsewhere = entry(7);
        elsewhere.node = Node::Another("b".to_owned());
        elsewhere.exchange.calls = Vec::new();
        log.add(elsewhere);
        let drawn = fragment(&log, &stores());
        assert!(drawn.contains("node b") && !drawn.contains("no store"), "{drawn}");
    }

    #[test]
    fn what_a_visitor_asked_for_is_text() {
        let mut log = Log::default();
        let mut evil = entry(7);
        evil.exchange.request.path = "/<script>alert(1)</script>".into();
        log.add(evil);
        assert!(!fragment(&log, &stores()).contains("<script>"));
    }
}
