//! The store calls, counted for every page that shows them.

use std::{fmt, time::Duration};

use rescind_lab::{
    Exchange, Outcome, Sandbox,
    meter::{Access, Call, Store},
};

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

/// "0.4 ms"
pub(crate) fn took(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// The figures of a sandbox. Of a call, only the reads that authenticate it are counted: the API under tokens also reads the
/// account's name for its reply, which is no part of any answer.
const FIGURES: [&str; 11] = [
    "Accepted calls of the API",
    "Database reads to let it in, each",
    "Blacklist reads, each",
    "Signatures checked, each",
    "Time, each",
    "Database, all in all",
    "Blacklist, all in all",
    "Messages about ended sessions",
    "Rows of sessions kept now",
    "Log entries kept now",
    "Blacklist entries kept now",
];

/// A row for each figure: its name, here, and there.
pub(crate) fn table(here: &Sandbox, there: &Sandbox) -> Vec<(&'static str, String, String)> {
    let figures = figures(here).into_iter().zip(figures(there));
    let rows = FIGURES.into_iter().zip(figures);
    rows.map(|(what, (here, there))| (what, here, there)).collect()
}

fn figures(sandbox: &Sandbox) -> [String; FIGURES.len()] {
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
    let time: Duration = calls.iter().map(|call| call.took).sum();
    let after = steps.last().map(|step| &step.after);
    let kept = after.map_or([0; 3], |after| {
        [
            after.sessions.len() + after.plain.len(),
            after.log.len(),
            after.blacklist.len(),
        ]
    });
    let [rows, log, listed] = kept.map(|kept| kept.to_string());
    [
        calls.len().to_string(),
        each(|call| call.count(&[Store::Sessions], Access::Read)),
        each(|call| call.count(&BLACKLIST, Access::Read)),
        each(Exchange::signature_checks),
        match u32::try_from(calls.len()) {
            Ok(0) | Err(_) => "–".to_owned(),
            Ok(calls) => took(time / calls),
        },
        all(&DATABASE),
        all(&BLACKLIST),
        steps.iter().map(|step| step.news.len()).sum::<usize>().to_string(),
        rows,
        log,
        listed,
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
