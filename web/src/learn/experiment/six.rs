//! All six answers in one story, in numbers: what the seventh chapter compares.
//!
//! The lab plays it and measures; here it is only told. `/lab` draws the same, with every control.

use std::time::Duration;

use rand::{SeedableRng, rngs::StdRng};
use rescind_lab::comparison::{ComparisonError, Costs, Lane, Scenario, compare};

use super::playing::{SEED, begins};
use crate::pages::times::length;

/// What became of one answer.
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    /// How long the copy worked after the logout, if it did.
    pub(crate) after: Option<String>,
    pub(crate) thrown_out: u32,
    /// What one request asks.
    pub(crate) asked: String,
    /// What is kept of one user who is logged in.
    pub(crate) bytes: usize,
}

/// Plays the lab's own story under all six: robbed after six minutes, logged out after eight.
pub(super) async fn measured() -> Result<Vec<Measured>, ComparisonError> {
    let scenario = Scenario::default();
    let lanes = compare(&scenario, begins(), &mut StdRng::seed_from_u64(SEED)).await?;
    Ok(lanes.iter().map(|lane| told(lane, scenario.logout)).collect())
}

fn told(lane: &Lane, logout: Duration) -> Measured {
    let after = Duration::from_secs(lane.seconds_inside_after(logout));
    Measured {
        name: lane.answer.name(),
        after: (!after.is_zero()).then(|| length(after)),
        thrown_out: lane.thrown_out,
        asked: asked(&lane.costs),
        bytes: lane.costs.bytes_before,
    }
}

fn asked(costs: &Costs) -> String {
    let of = |reads: u32, name: &str| {
        let each = f64::from(reads) / f64::from(costs.calls.max(1));
        (reads > 0).then(|| format!("the {name}, {each}\u{a0}×"))
    };
    let asked: Vec<_> = [
        of(costs.database_reads, "database"),
        of(costs.blacklist_reads, "blacklist"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if asked.is_empty() {
        "nobody".to_owned()
    } else {
        asked.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chapter's point: whoever refuses at once asks somebody, and whoever asks nobody does not refuse at once.
    #[actix_web::test]
    async fn those_who_refuse_at_once_are_those_who_ask() {
        let measured = measured().await.unwrap();
        assert_eq!(measured.len(), 6);
        let mut asking = 0;
        for answer in &measured {
            assert_eq!(answer.after.is_none(), answer.asked != "nobody", "{}", answer.name);
            asking += usize::from(answer.asked != "nobody");
        }
        assert_eq!(asking, 3);
    }
}
