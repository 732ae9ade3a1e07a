//! What it cost, as measured in the sandbox, beside what the same buttons cost under another answer.
//!
//! Beside every answer stand plain server sessions, and beside those the blacklist: the same buttons, pressed in a sandbox
//! that lives as long as the page takes to draw. Actions are data, so this is as easy as pressing them.
//!
//! Of a call is counted what it takes to let it in. The API under tokens also looks the account's name up, to tell it; that
//! is no part of any answer, and would make the comparison one of unlike with unlike.

use std::time::Duration;

use rescind_lab::{
    Answer, Exchange, Outcome, Sandbox,
    meter::{Access, Call, Store},
};
use rescind_session::Preset;

use crate::trace::wire::took;

/// One figure, here and there.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) here: String,
    pub(crate) there: String,
}

/// What is compared with an answer.
pub(crate) fn other(answer: Answer) -> Answer {
    match answer {
        Answer::Sessions => Answer::Tokens(Preset::Blacklist),
        Answer::Tokens(_) => Answer::Sessions,
    }
}

/// Presses the same buttons elsewhere. Those that make no sense there are left out.
pub(crate) async fn press_the_same(sandbox: &Sandbox, elsewhere: &mut Sandbox) {
    for step in sandbox.steps() {
        let _ = elsewhere.press(step.action).await;
    }
}

pub(crate) fn table(here: &Sandbox, there: &Sandbox) -> Vec<Row> {
    let (here, there) = (Costs::of(here), Costs::of(there));
    let row = |what, figure: fn(&Costs) -> String| Row {
        what,
        here: figure(&here),
        there: figure(&there),
    };
    vec![
        row("Accepted calls of the API", |costs| costs.accepted.to_string()),
        row("Database reads to let it in, each", |costs| {
            costs.each(costs.call_database)
        }),
        row("Blacklist reads, each", |costs| costs.each(costs.call_blacklist)),
        row("Signatures checked, each", |costs| costs.each(costs.call_signatures)),
        row("Time, each", |costs| match u32::try_from(costs.accepted) {
            Ok(0) | Err(_) => "–".to_owned(),
            Ok(accepted) => took(costs.call_time / accepted),
        }),
        row("Database, all in all", |costs| in_and_out(costs.database)),
        row("Blacklist, all in all", |costs| in_and_out(costs.blacklist)),
        row("Rows of sessions kept now", |costs| costs.rows.to_string()),
        row("Log entries kept now", |costs| costs.log.to_string()),
        row("Blacklist entries kept now", |costs| costs.listed.to_string()),
    ]
}

fn in_and_out((reads, writes): (usize, usize)) -> String {
    let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!("{}, {}", plural(reads, "read"), plural(writes, "write"))
}

#[derive(Default)]
struct Costs {
    accepted: usize,
    call_database: usize,
    call_blacklist: usize,
    call_signatures: usize,
    call_time: Duration,
    database: (usize, usize),
    blacklist: (usize, usize),
    rows: usize,
    log: usize,
    listed: usize,
}

impl Costs {
    fn of(sandbox: &Sandbox) -> Self {
        let mut costs = Self::default();
        for step in sandbox.steps() {
            for exchange in &step.exchanges {
                costs.count(exchange);
            }
            costs.add(&step.upkeep);
        }
        if let Some(step) = sandbox.steps().last() {
            costs.rows = step.after.sessions.len() + step.after.plain.len();
            costs.log = step.after.log.len();
            costs.listed = step.after.blacklist.len();
        }
        costs
    }

    fn count(&mut self, exchange: &Exchange) {
        self.add(&exchange.calls);
        if exchange.outcome == Outcome::Accepted && exchange.request.path == "/api/me" {
            self.accepted += 1;
            self.call_database += exchange.count(&[Store::Sessions], Access::Read);
            self.call_blacklist += exchange.count(&[Store::Blacklist], Access::Read);
            self.call_signatures += exchange.signature_checks();
            self.call_time += exchange.took;
        }
    }

    fn add(&mut self, calls: &[Call]) {
        for call in calls {
            let (reads, writes) = match call.store {
                Store::Blacklist => &mut self.blacklist,
                Store::Sessions | Store::Users => &mut self.database,
            };
            *match call.access() {
                Access::Read => reads,
                Access::Write => writes,
            } += 1;
        }
    }

    fn each(&self, all: usize) -> String {
        match (self.accepted, all) {
            (0, _) => "–".to_owned(),
            (calls, all) if all % calls == 0 => (all / calls).to_string(),
            #[expect(clippy::cast_precision_loss, reason = "a sandbox knows sixty steps")]
            (calls, all) => format!("{:.1}", all as f64 / calls as f64),
        }
    }
}
