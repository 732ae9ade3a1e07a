//! The log as a list, drawn once and used twice: in the page, and in each event of the live log.

use askama::Template;
use jiff::Timestamp;

use super::log::{Entry, Log};
use crate::pages::times::Time;

#[derive(Template)]
#[template(path = "demo/log.html")]
struct LogList<'a> {
    entries: Vec<Row<'a>>,
}

struct Row<'a> {
    entry: &'a Entry,
    at: Time,
}

/// The list, newest first.
pub(crate) fn fragment(log: &Log) -> String {
    let entries = log.entries().map(|entry| Row {
        entry,
        at: clock_time(entry.at),
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
    use crate::demo::log::tests::entry;

    #[test]
    fn an_entry_says_who_what_the_outcome_the_check_the_cost_and_the_time() {
        let mut log = Log::default();
        log.add(entry(7));
        let drawn = fragment(&log);
        for word in [
            "Thief",
            "GET /api/me",
            "401 token_revoked",
            "the blacklist",
            "1 read",
            "1.2 ms",
            "/demo/log/7",
        ] {
            assert!(drawn.contains(word), "{word} is missing in {drawn}");
        }
        assert!(!drawn.contains("write"), "nothing was written: {drawn}");
    }

    #[test]
    fn what_a_visitor_asked_for_is_text() {
        let mut log = Log::default();
        let mut evil = entry(7);
        evil.path = "/<script>alert(1)</script>".to_owned();
        log.add(evil);
        assert!(!fragment(&log).contains("<script>"));
    }
}
