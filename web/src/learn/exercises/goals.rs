//! Conditions on a sandbox's steps, from `content/conditions.toml`.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use rescind_lab::{
    Action, BlacklistFault, Exchange, Step, Who,
    meter::{Access, Store},
};
use serde::{Deserialize, Deserializer, de::Error};

use crate::content::{Facts, When, file, word, yes};

static WRITTEN: LazyLock<BTreeMap<String, Written>> = LazyLock::new(|| file!("conditions.toml").data());

/// A condition, by its name in that file.
pub(crate) struct Condition(&'static Written);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    once: Vec<Action>,
    happened: Vec<Happened>,
}

#[derive(Deserialize)]
struct Happened {
    /// The only step that counts is the first one with this action.
    first: Option<Action>,
    /// In minutes.
    #[serde(default)]
    later: u64,
    #[serde(flatten)]
    when: When,
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let written = WRITTEN.get(&String::deserialize(from)?);
        written.map(Self).ok_or_else(|| D::Error::custom("no such condition"))
    }
}

impl Condition {
    pub(crate) fn holds(&self, steps: &[Step]) -> bool {
        let is_once = |action: &Action| steps.iter().filter(|step| step.action == *action).count() == 1;
        let (mut rest, mut since) = (steps, Duration::ZERO);
        let mut follows = |happened: &Happened| {
            let Some(step) = happened.find(rest, since) else {
                return false;
            };
            rest = steps.get(step.number..).unwrap_or_default();
            since = step.at;
            true
        };
        self.0.once.iter().all(is_once) && self.0.happened.iter().all(&mut follows)
    }
}

impl Happened {
    fn find<'a>(&self, steps: &'a [Step], since: Duration) -> Option<&'a Step> {
        let is = |step: &&Step| {
            let requests = step.exchanges.iter().map(Some).chain([None]);
            let mut facts = requests.map(|sent| facts(step, sent));
            step.at.saturating_sub(since) >= Duration::from_secs(60 * self.later)
                && facts.any(|facts| self.when.holds(&facts))
        };
        match self.first {
            Some(action) => steps.iter().find(|step| step.action == action).filter(is),
            None => steps.iter().find(is),
        }
    }
}

/// The facts of a step, and of a request in it.
fn facts(step: &Step, sent: Option<&Exchange>) -> Facts {
    let (fault, after) = (step.after.fault, &step.after);
    let facts = Facts::default()
        .with("action", step.action.slug())
        .with(
            "doubt",
            yes(fault != BlacklistFault::None || !after.blacklist_is_complete),
        )
        .with("untold", yes(fault == BlacklistFault::Stopped && !after.log.is_empty()));
    let Some(sent) = sent else { return facts };
    let reads = |store| sent.count(&[store], Access::Read);
    let asks = match (reads(Store::Sessions), reads(Store::Blacklist)) {
        (0, 0) => "nothing",
        (0, _) => "blacklist",
        _ => "row",
    };
    facts
        .with("replay", yes(sent.who == Who::Thief && sent.request.path == "/api/me"))
        .with("outcome", word(sent.outcome))
        .with("by", word(sent.decided))
        .with("asks", asks)
}
