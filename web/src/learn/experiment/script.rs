//! A story, from the file of its chapter or exercise: the answer it plays under, the steps, and the sentences on the outcome.
//!
//! A file never states the outcome of a step. The sandbox supplies it as facts, which the file's sentences use:
//!
//! | | |
//! | --- | --- |
//! | the name of a control | its value |
//! | `you`, `thief` | the outcome of the last request of each: `accepted`, `refused`, `cannot-tell` or `no-server` |
//! | `tries` | how many requests the thief has sent |
//! | `got` | the replies to the thief after the end: your logout, or else a reuse; each once |
//! | `copy`, `let_in` | whether a copy `works` after the end or was `refused`, and how often it was let in then |
//! | `left`, `left_seconds` | for how long it works |
//! | `since` | how long ago the end was |
//! | `again` | how often you had to log in again |
//! | `bytes`, `reads` | the cookie bytes of your last request, and its store reads |
//! | `row_reads`, `blacklist_reads` | the number of these |
//! | `token`, `why` | the result of checking a changed token, and the reason |
//! | `refused`, `forged`, `forged_seconds` | the result of a new signing key: see [`Rollover`] |

use std::{collections::BTreeMap, time::Duration};

use rescind_lab::{
    Action, Answer, Error, Outcome, Rollover, Who,
    meter::{Access, Store},
};
use serde::Deserialize;

use super::playing::{Play, PlayedExperiment, asked};
use crate::{
    choices::Choices,
    content::{Case, Facts, first, word},
    pages::times::length,
    trace::Finding,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    answers: Vec<Case<Answer>>,
    steps: Vec<Case<Vec<ScriptStep>>>,
    /// What is found; an exercise has bounds instead.
    #[serde(default)]
    findings: Vec<Case<Finding>>,
    /// The question of each verifier check, if a token is changed.
    #[serde(default)]
    pub(super) checks: BTreeMap<String, String>,
}

/// An event, and its name if it has its own.
#[derive(Deserialize)]
#[serde(untagged)]
enum ScriptStep {
    Bare(Deed),
    Named {
        step: Deed,
        says: String,
        /// Whether the thief is behind your browser's request: a script in the page.
        #[serde(default)]
        thief: bool,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Deed {
    /// Time passes, as a control sets it.
    Wait(String),
    /// The thief tries the copy, and while it works again until it is refused.
    ThiefGoesOn,
    /// A call every five minutes, and a new login after a refusal; for an hour, unless a control sets it.
    Work,
    /// Until the blacklist is empty.
    WatchTheBlacklist,
    Tamper,
    /// The signing key is replaced, in no sandbox.
    NewKey,
    #[serde(untagged)]
    Press(Action),
}

impl Script {
    pub(super) async fn play(&'static self, choices: &Choices) -> Result<PlayedExperiment, Error> {
        let (play, facts) = self.run(choices).await?;
        Ok(PlayedExperiment {
            finding: Finding::of(&self.findings, &facts),
            played: play.played,
            checks: play.checks,
        })
    }

    pub(in crate::learn) async fn run(&'static self, choices: &Choices) -> Result<(Play, Facts), Error> {
        let mut facts = choices.facts();
        let answer = first(&self.answers, &facts).copied().unwrap_or(Answer::Sessions);
        let mut play = Play::begin(answer, |policy| {
            let life = choices.time("life").or(choices.time("my-life"));
            policy.access_ttl = life.unwrap_or(policy.access_ttl);
            if let (Some(refresh), Some(grace)) = (policy.refresh.as_mut(), choices.time("grace")) {
                refresh.grace = grace;
            }
        })
        .await?;
        for steps in &self.steps {
            if steps.holds(&facts) {
                for step in &steps.then {
                    play.act(self, step, choices, &mut facts).await?;
                }
                play.tell(&mut facts);
            }
        }
        Ok((play, facts))
    }
}

impl Play {
    async fn act(
        &mut self,
        script: &'static Script,
        step: &'static ScriptStep,
        choices: &Choices,
        facts: &mut Facts,
    ) -> Result<(), Error> {
        let (deed, says, is_the_thiefs) = match step {
            ScriptStep::Bare(deed) => (deed, None, false),
            ScriptStep::Named { step, says, thief } => (step, Some(says.as_str()), *thief),
        };
        match deed {
            Deed::Press(action) => {
                self.press_as(*action, says).await;
                if is_the_thiefs {
                    self.by_the_thief();
                }
                if *action == Action::Call {
                    let exchange = self.sandbox.steps().last().and_then(|step| step.exchanges.last());
                    let count = |store| exchange.map_or(0, |exchange| exchange.count(&[store], Access::Read));
                    facts.set("reads", exchange.map(asked).unwrap_or_default());
                    facts.set("row_reads", count(Store::Sessions).to_string());
                    facts.set("blacklist_reads", count(Store::Blacklist).to_string());
                    facts.set("bytes", self.cookie_bytes().to_string());
                }
            }
            Deed::Wait(control) => self.wait(choices.time(control).unwrap_or_default()).await,
            Deed::ThiefGoesOn => self.thief_goes_on().await,
            Deed::Work => facts.set("again", self.work(choices).await.to_string()),
            Deed::WatchTheBlacklist => self.watch_the_blacklist().await,
            Deed::Tamper => self.tamper(script, choices, says.unwrap_or_default(), facts).await?,
            Deed::NewKey => {
                let is_known_first = choices.of("my-order") == Some("known");
                let done = Rollover::run(is_known_first, choices.time("my-keep").unwrap_or_default())?;
                facts.set("refused", done.refused.to_string());
                facts.set("forged", length(done.forged));
                facts.set("forged_seconds", done.forged.as_secs().to_string());
            }
        }
        Ok(())
    }

    async fn work(&mut self, choices: &Choices) -> usize {
        const AN_HOUR: Duration = Duration::from_secs(60 * 60);
        let mut again = 0;
        for _ in 0..choices.time("work").unwrap_or(AN_HOUR).as_secs() / 300 {
            self.press(Action::Wait5m).await;
            if self.press(Action::Call).await == Some(Outcome::Refused) {
                again += 1;
                self.press_as(Action::LogIn, Some("You have to log in again.")).await;
            }
        }
        again
    }

    async fn watch_the_blacklist(&mut self) {
        const MOST_WAITS: usize = 8;
        for _ in 0..MOST_WAITS {
            if self.sandbox.snapshot().await.blacklist.is_empty() {
                break;
            }
            self.press(Action::Wait5m).await;
        }
    }

    /// Sets the facts after a step.
    fn tell(&self, facts: &mut Facts) {
        let sent = || self.sandbox.steps().iter().flat_map(|step| &step.exchanges);
        for (name, who) in [("you", Who::You), ("thief", Who::Thief)] {
            if let Some(exchange) = sent().rfind(|exchange| exchange.who == who) {
                facts.set(name, word(exchange.outcome));
            }
        }
        let tries = sent().filter(|exchange| exchange.who == Who::Thief).count();
        facts.set("tries", tries.to_string());
        let (mut got, let_in) = self.after_the_end();
        got.dedup();
        facts.set("got", got.join(", then "));
        facts.set("let_in", let_in.to_string());
        let inside = self.inside_after_the_end();
        facts.set("copy", if inside.is_some() { "works" } else { "refused" });
        let left = inside.unwrap_or_default();
        facts.set("left", length(left));
        facts.set("left_seconds", left.as_secs().to_string());
        facts.set("since", length(self.since_the_end()));
    }
}
