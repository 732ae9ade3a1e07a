//! Conditions on a sandbox's steps, from `content/conditions.toml`.

use std::{collections::BTreeMap, str::FromStr, sync::LazyLock, time::Duration};

use rescind_lab::{
    Action, Exchange, Mood, Step, Who,
    meter::{Access, Store},
};
use serde::Deserialize;

use crate::content::{all_named, file, maybe_named, word};

static WRITTEN: LazyLock<BTreeMap<String, Written>> = LazyLock::new(|| file!("conditions.toml").data());

/// A condition, by its name in that file.
pub(crate) struct Condition(&'static Written);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, deserialize_with = "all_named")]
    once: Vec<Action>,
    happened: Vec<Happened>,
}

/// A step, and a request in it. Missing members match anything.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Happened {
    #[serde(default, deserialize_with = "maybe_named")]
    action: Option<Action>,
    #[serde(default)]
    first: bool,
    /// In minutes.
    #[serde(default)]
    later: u64,
    #[serde(default)]
    doubt: bool,
    #[serde(default)]
    untold: bool,
    #[serde(default)]
    replay: bool,
    outcome: Option<String>,
    by: Option<String>,
    asks: Option<Asked>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Asked {
    Row,
    Nothing,
}

impl FromStr for Condition {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        WRITTEN.get(name).map(Self).ok_or("no such condition")
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
        let is_meant = |step: &&Step| self.action.is_none_or(|action| action == step.action);
        let mut meant = steps.iter().filter(is_meant);
        if self.first {
            meant.next().filter(|step| self.is(step, since))
        } else {
            meant.find(|step| self.is(step, since))
        }
    }

    fn is(&self, step: &Step, since: Duration) -> bool {
        let (mood, after) = (step.after.mood, &step.after);
        let asks_for_request = self.replay || self.outcome.is_some();
        step.at.saturating_sub(since) >= Duration::from_secs(60 * self.later)
            && (!self.doubt || mood != Mood::Well || !after.blacklist_is_whole)
            && (!self.untold || mood == Mood::Stopped && !after.log.is_empty())
            && (!asks_for_request || step.exchanges.iter().any(|sent| self.is_request(sent)))
    }

    fn is_request(&self, sent: &Exchange) -> bool {
        let reads = |store| sent.count(&[store], Access::Read);
        let is = |asked: &Option<String>, found: String| asked.as_ref().is_none_or(|asked| *asked == found);
        (!self.replay || sent.who == Who::Thief && sent.request.path == "/api/me")
            && is(&self.outcome, word(sent.outcome))
            && is(&self.by, word(sent.decided))
            && match self.asks {
                Some(Asked::Row) => reads(Store::Sessions) > 0,
                Some(Asked::Nothing) => reads(Store::Sessions) + reads(Store::Blacklist) == 0,
                None => true,
            }
    }
}
