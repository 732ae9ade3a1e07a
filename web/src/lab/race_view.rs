//! A race, as it is told and drawn.
//!
//! List and drawing come from the same run; the sentences on the trade between a second tab and a thief come from six.

use std::{sync::LazyLock, time::Duration};

use rescind_lab::race::{Judged, Party, Race, RaceSetup, Second, Use, Verdict};
use serde::Deserialize;

use crate::{
    choices::Control,
    content::{Case, Facts, file, first, say},
    pages::times::to_the_second,
    trace::{Finding, Moment, Said},
};

/// What is said of a race, and what can be set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) switches: Vec<Control>,
    finding: Vec<Case<Finding>>,
    row: Vec<Case<Finding>>,
    login: Vec<Case<String>>,
    answer: Vec<Case<String>>,
    mishap: Vec<Case<String>>,
    trade: Vec<Case<String>>,
}

pub(super) static WORDS: LazyLock<Words> = LazyLock::new(|| file!("race.toml").data());

/// What came of a race.
fn facts(race: &Race) -> Facts {
    let (judged, at) = match race.judged() {
        Judged::Nobody => ("nobody", Duration::ZERO),
        Judged::FalseAlarm(at) => ("false-alarm", at),
        Judged::Thief(at) => ("thief", at),
    };
    let inside = match race.second_inside() {
        Duration::ZERO => "never".to_owned(),
        inside => to_the_second(inside),
    };
    let second = match race.setup.second {
        Second::Tab => "tab",
        Second::Thief => "thief",
    };
    let facts = Facts::default().with("judged", judged).with("at", to_the_second(at));
    facts.with("second", second).with("inside", inside)
}

fn found(cases: &[Case<Finding>], race: &Race) -> Finding {
    let facts = facts(race);
    let found = first(cases, &facts);
    Finding {
        said: found.map_or(Said::Nothing, |finding| finding.said),
        says: found.map_or_else(String::new, |finding| facts.fill(&finding.says)),
    }
}

fn name(setup: &RaceSetup, who: Party) -> &'static str {
    match (who, setup.second) {
        (Party::First, Second::Tab) => "tab 1",
        (Party::Second, Second::Tab) => "tab 2",
        (Party::First, Second::Thief) => "you",
        (Party::Second, Second::Thief) => "the thief",
    }
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What a verb ends in after a name: tab 1 presents, you present.
fn s(setup: &RaceSetup, who: Party) -> &'static str {
    if name(setup, who) == "you" { "" } else { "s" }
}

/// What a token is called: its generation, and a letter where a generation has several.
fn token(race: &Race, token: usize) -> String {
    let Some(link) = race.chain.get(token) else {
        return String::new();
    };
    let of_its_generation = |upto: usize| {
        let links = race.chain.iter().take(upto);
        links.filter(|other| other.generation == link.generation).count()
    };
    let letter = match of_its_generation(race.chain.len()) {
        1 => "",
        _ => ["a", "b", "c", "d"]
            .get(of_its_generation(token))
            .copied()
            .unwrap_or("…"),
    };
    format!("{}{letter}", link.generation)
}

/// What the run shows, in a sentence.
pub(super) fn finding(race: &Race) -> Finding {
    found(&WORDS.finding, race)
}

/// Who presented what and got what, in order.
pub(super) fn told(race: &Race) -> Vec<Moment> {
    let mut all = vec![Moment {
        at: "login".to_owned(),
        who: None,
        words: say(&WORDS.login, &facts(race)),
        said: None,
        answer: None,
    }];
    all.extend(race.uses.iter().map(|tried| told_of(race, tried)));
    all
}

fn told_of(race: &Race, tried: &Use) -> Moment {
    let (gets, got, said) = match tried.verdict {
        Verdict::Given {
            arrived: false, token, ..
        } => ("lost", Some(token), None),
        Verdict::Given { again: true, token, .. } => ("again", Some(token), Some(Said::Accepted)),
        Verdict::Given { token, .. } => ("first", Some(token), Some(Said::Accepted)),
        Verdict::Reused => ("reused", None, Some(Said::Refused)),
        Verdict::Closed => ("closed", None, Some(Said::Refused)),
    };
    let facts = Facts::default().with("gets", gets);
    let facts = facts.with("token", got.map(|got| token(race, got)).unwrap_or_default());
    Moment {
        at: to_the_second(tried.at),
        who: None,
        words: format!(
            "{} present{} token {}",
            capital(name(&race.setup, tried.who)),
            s(&race.setup, tried.who),
            token(race, tried.presented)
        ),
        said,
        answer: Some(say(&WORDS.answer, &facts)),
    }
}

/// One grace: what comes of a second tab, and of a thief in its place.
pub(super) struct Row {
    pub(super) grace: Duration,
    pub(super) chosen: bool,
    pub(super) tab: Finding,
    pub(super) thief: Finding,
    /// Whether nobody was suspected.
    spares: bool,
}

impl Row {
    pub(super) fn of(chosen: bool, tab: &Race, thief: &Race) -> Self {
        Self {
            grace: tab.setup.grace,
            chosen,
            tab: found(&WORDS.row, tab),
            thief: found(&WORDS.row, thief),
            spares: tab.judged() == Judged::Nobody,
        }
    }

    pub(super) fn name(&self) -> String {
        match self.grace {
            Duration::ZERO => "none".to_owned(),
            grace => to_the_second(grace),
        }
    }
}

/// The trade between the two, as the runs came out. `switches`: as they are set.
pub(super) fn trade(race: &Race, rows: &[Row], switches: Facts) -> Vec<String> {
    let graces = |spares: bool| -> Vec<_> { rows.iter().filter(|row| row.spares == spares).map(Row::name).collect() };
    let (sparing, shutting) = (graces(true), graces(false));
    let some = |graces: &[String]| if graces.is_empty() { "none" } else { "some" };
    let children = race.children_of(0);
    let facts = switches
        .with("apart_words", to_the_second(race.setup.apart))
        .with("splits", if children > 1 { "yes" } else { "no" })
        .with("children", children.to_string())
        .with("spares", some(&sparing))
        .with("sparing", sparing.join(" or "))
        .with(
            "shuts",
            match shutting.as_slice() {
                [only] if only == "none" => "zero",
                graces => some(graces),
            },
        )
        .with("shutting", shutting.join(" or ").replace("none", "nothing"));
    let facts = facts.clone().with("mishap", say(&WORDS.mishap, &facts));
    let told = WORDS.trade.iter().filter(|case| case.holds(&facts));
    told.map(|case| facts.fill(&case.then)).collect()
}

/// The chain: a circle a token, beneath it who got it and who was refused with it.
pub(super) struct Drawing {
    pub(super) height: i32,
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    /// The same in a sentence.
    pub(super) description: String,
}

pub(super) struct Node {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) name: String,
    /// Whether it is good for something when the story ends.
    pub(super) current: bool,
    pub(super) lines: Vec<Line>,
}

pub(super) struct Line {
    pub(super) y: i32,
    pub(super) class: &'static str,
    pub(super) words: String,
}

pub(super) struct Edge {
    /// Along, down or up, and along again: past what stands beneath the circles.
    pub(super) path: String,
}

impl Drawing {
    pub(super) const WIDTH: i32 = 400;
    pub(super) const RADIUS: i32 = 18;
    const LEFT: i32 = 62;
    const COLUMN: i32 = 136;
    const TOP: i32 = 24;
    const LINE: i32 = 16;

    pub(super) fn of(race: &Race) -> Self {
        let lines: Vec<_> = (0..race.chain.len()).map(|token| beneath(race, token)).collect();
        let most = lines.iter().map(Vec::len).max().unwrap_or_default();
        let row_height = 2 * Self::RADIUS + Self::LINE * i32::try_from(most).unwrap_or_default() + 24;
        let place = |token: usize| {
            let generation = race.chain.get(token).map_or(0, |link| link.generation);
            let before = race.chain.iter().take(token);
            let row = before.filter(|other| other.generation == generation).count();
            (
                Self::LEFT + Self::COLUMN * i32::try_from(generation).unwrap_or_default(),
                Self::TOP + row_height * i32::try_from(row).unwrap_or_default(),
            )
        };
        let last = race.chain.len() - 1;
        let nodes: Vec<_> = lines
            .into_iter()
            .enumerate()
            .map(|(n, lines)| {
                let (x, y) = place(n);
                Node {
                    x,
                    y,
                    name: token(race, n),
                    current: race.open && n == last,
                    lines: (1..)
                        .zip(lines)
                        .map(|(at, (class, words))| Line {
                            y: y + Self::RADIUS + Self::LINE * at,
                            class,
                            words,
                        })
                        .collect(),
                }
            })
            .collect();
        let edges = race
            .chain
            .iter()
            .enumerate()
            .filter_map(|(n, link)| {
                let ((from_x, from_y), (to_x, to_y)) = (place(link.parent?), place(n));
                let (from_x, bend, to_x) = (from_x + Self::RADIUS, from_x + Self::COLUMN / 2, to_x - Self::RADIUS);
                Some(Edge {
                    path: format!("M{from_x} {from_y}H{bend}V{to_y}H{to_x}"),
                })
            })
            .collect();
        let widest = (0..=last)
            .map(|token| race.children_of(token))
            .max()
            .unwrap_or_default();
        Self {
            height: nodes.iter().map(|node| node.y).max().unwrap_or_default() + row_height - Self::TOP / 2,
            nodes,
            edges,
            description: match widest {
                0 | 1 => "One chain: each token has at most one successor.".to_owned(),
                n => format!("The chain splits: a token has {n} successors."),
            },
        }
    }
}

/// Who got a token, and who was refused with it.
fn beneath(race: &Race, token: usize) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if token == 0 {
        lines.push(("", "login".to_owned()));
    }
    for tried in &race.uses {
        let who = name(&race.setup, tried.who);
        match tried.verdict {
            Verdict::Given {
                token: got, arrived, ..
            } if got == token => {
                lines.push((
                    "",
                    if arrived {
                        who.to_owned()
                    } else {
                        format!("{who}: lost")
                    },
                ));
            }
            Verdict::Reused if tried.presented == token => lines.push(("refused", format!("✕ {who}: reuse"))),
            Verdict::Closed if tried.presented == token => lines.push(("refused", format!("✕ {who}: closed"))),
            _ => {}
        }
    }
    lines
}
