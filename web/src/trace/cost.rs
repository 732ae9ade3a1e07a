//! The store calls, counted for every page that shows them.

use std::{fmt, time::Duration};

use rescind_lab::{
    Exchange, Outcome, Sandbox, Snapshot,
    meter::{Access, Call, Store},
};

use super::milliseconds;

pub(crate) const BLACKLIST: [Store; 1] = [Store::Blacklist];
pub(crate) const DATABASE: [Store; 2] = [Store::Sessions, Store::Users];

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) reads: usize,
    pub(crate) writes: usize,
}

impl Count {
    pub(crate) fn of<'a>(calls: impl IntoIterator<Item = &'a Call>, stores: &[Store]) -> Self {
        let mut count = Self::default();
        for call in calls.into_iter().filter(|call| stores.contains(&call.store)) {
            match call.access() {
                Access::Read => count.reads += 1,
                Access::Write => count.writes += 1,
            }
        }
        count
    }

    /// The same, without zeros.
    pub(crate) fn told(self) -> String {
        let counts = [(self.reads, "read"), (self.writes, "write")];
        let counts = counts.into_iter().filter(|(number, _)| *number > 0);
        let counts: Vec<_> = counts.map(|(number, what)| times(number, what)).collect();
        counts.join(", ")
    }
}

/// "1 read, 0 writes".
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", times(self.reads, "read"), times(self.writes, "write"))
    }
}

/// "1 read", "2 reads".
pub(crate) fn times(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A row for each figure of two sandboxes: its name, here, and there.
pub(crate) fn table(here: &Sandbox, there: &Sandbox) -> Vec<(&'static str, String, String)> {
    let rows = figures(here).into_iter().zip(figures(there));
    rows.map(|((what, here), (_, there))| (what, here, there)).collect()
}

/// Of a call, only the reads that authenticate it are counted: the API under tokens also reads the account's name for its
/// reply, which is no part of any answer.
fn figures(sandbox: &Sandbox) -> [(&'static str, String); 11] {
    let steps = sandbox.steps();
    let is_call = |sent: &&Exchange| sent.outcome == Outcome::Accepted && sent.request.path == "/api/me";
    let calls: Vec<_> = steps.iter().flat_map(|step| &step.exchanges).filter(is_call).collect();
    let each = |count: fn(&Exchange) -> usize| each(calls.iter().map(|call| count(call)).sum(), calls.len());
    let all = |stores: &[Store]| {
        let asked = steps.iter().flat_map(|step| {
            let sent = step.exchanges.iter().chain(&step.news);
            sent.flat_map(|exchange| &exchange.calls).chain(&step.maintenance)
        });
        Count::of(asked, stores).to_string()
    };
    let kept = |count: fn(&Snapshot) -> usize| steps.last().map_or(0, |step| count(&step.after)).to_string();
    let time: Duration = calls.iter().map(|call| call.took).sum();
    let time_each = u32::try_from(calls.len())
        .ok()
        .and_then(|calls| time.checked_div(calls));
    let news: usize = steps.iter().map(|step| step.news.len()).sum();
    [
        ("Accepted calls of the API", calls.len().to_string()),
        (
            "Database reads to let it in, each",
            each(|call| call.count(&[Store::Sessions], Access::Read)),
        ),
        (
            "Blacklist reads, each",
            each(|call| call.count(&BLACKLIST, Access::Read)),
        ),
        ("Signatures checked, each", each(Exchange::signature_checks)),
        ("Time, each", time_each.map_or_else(|| "–".to_owned(), milliseconds)),
        ("Database, all in all", all(&DATABASE)),
        ("Blacklist, all in all", all(&BLACKLIST)),
        ("Messages about ended sessions", news.to_string()),
        (
            "Rows of sessions kept now",
            kept(|after| after.sessions.len() + after.plain.len()),
        ),
        ("Log entries kept now", kept(|after| after.log.len())),
        ("Blacklist entries kept now", kept(|after| after.blacklist.len())),
    ]
}

fn each(all: usize, calls: usize) -> String {
    match (calls, all) {
        (0, _) => "–".to_owned(),
        (calls, all) if all % calls == 0 => (all / calls).to_string(),
        #[expect(clippy::cast_precision_loss, reason = "a sandbox knows sixty steps")]
        (calls, all) => format!("{:.1}", all as f64 / calls as f64),
    }
}
