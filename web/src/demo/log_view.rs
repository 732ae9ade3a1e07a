//! The log as a list, drawn once and used twice: in the page, and in each event of the live log.

use askama::Template;
use jiff::Timestamp;

use super::log::{Cost, Entry, Log, Node};
use crate::{pages::times::Time, stores::Stores};

#[derive(Template)]
#[template(path = "demo/log.html")]
struct LogList<'a> {
    entries: Vec<Row<'a>>,
}

struct Row<'a> {
    entry: &'a Entry,
    at: Time,
    /// Which node answered, where they have names.
    node: Option<&'a str>,
    /// What its stores had to do; nothing if that cannot be known here.
    costs: Option<Vec<Cost>>,
}

/// The list, newest first.
pub(crate) fn fragment(log: &Log, stores: &Stores) -> String {
    let entries = log.entries().map(|entry| Row {
        entry,
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
mod tests {
    use super::*;
    use crate::demo::log::tests::{entry, stores};

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
        elsewhere.calls = Vec::new();
        log.add(elsewhere);
        let drawn = fragment(&log, &stores());
        assert!(drawn.contains("node b") && !drawn.contains("no store"), "{drawn}");
    }

    #[test]
    fn what_a_visitor_asked_for_is_text() {
        let mut log = Log::default();
        let mut evil = entry(7);
        evil.path = "/<script>alert(1)</script>".to_owned();
        log.add(evil);
        assert!(!fragment(&log, &stores()).contains("<script>"));
    }
}
