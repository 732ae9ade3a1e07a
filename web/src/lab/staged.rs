//! A sandbox on the stage: you, the thief, and what the server told each of you last.

use std::time::Duration;

use rescind_lab::{Action, Answer, Asked, Exchange, KeptCookie, Outcome, Setup, Snapshot, Step, Who};
use rescind_session::{Check, token::TokenParts};

use super::{
    everything::heard,
    telling::{Context, Explanation, is_login},
    words::{SENTENCES, of_action, of_answer},
};
use crate::{
    content::{Facts, say, word},
    trace::{
        Shown, VerdictColour, class_of,
        cost::times,
        decided_by, moment,
        stage::{Actor, Chip, Door, Kept, Life, Stage, Story, StoryStep, words},
    },
};

/// The story at the context's step, without buttons: each page has its own. `address`: where a step is drawn; `None` is the newest.
pub(crate) fn staged(context: &Context, within: &'static str, address: impl Fn(Option<usize>) -> String) -> Stage {
    let told = context.tell().unwrap_or_else(|| Explanation {
        headline: on_stage("headline", context),
        meaning: on_stage("begin", context),
    });
    let (newest, shown) = (context.all.len(), context.steps.len());
    let snapshot = context.steps.last().map(|step| &step.after);
    let before = context.steps.iter().rev().nth(1).map(|step| &step.after);
    let last = context.steps.last();
    let last = last.and_then(|step| step.exchanges.last().or(step.news.last()));
    let drawn = |count: usize| {
        let until = Context::at(context.setup, context.all, Some(count));
        let step = until.steps.last();
        let mut sent = until.steps.iter().flat_map(|step| &step.exchanges);
        let stolen = step.is_some_and(|step| step.after.loot.access.is_some() || step.after.loot.refresh.is_some());
        let tried = stolen || sent.any(|exchange| exchange.who == Who::Thief);
        let thief = tried.then(|| answered(until.steps, Who::Thief).map_or(VerdictColour::Unknown, VerdictColour::of));
        StoryStep {
            address: address((count < newest).then_some(count)),
            mark: step.map_or_else(String::new, |step| {
                let words = of_action(step.action, context.answer);
                match words.group.as_str() {
                    "time" => format!("+ {}", until.passed()),
                    _ => words.mark.clone(),
                }
            }),
            yours: step.is_some_and(|step| step.exchanges.first().is_some_and(|sent| sent.who != Who::Thief)),
            doors: vec![thief, answered(until.steps, Who::You).map(VerdictColour::of)],
            ends: String::new(),
        }
    };
    Stage {
        within,
        headline: told.headline,
        lead: told.meaning,
        clock: moment(context.steps.last().map_or(Duration::ZERO, |step| step.at)),
        warning: context.is_past().then(|| words("earlier").to_owned()),
        message: last.map(|exchange| {
            let told = Shown(exchange);
            (
                class_of(exchange.who),
                format!("{}: {}, {}", told.who(), told.asked(), told.replied()),
            )
        }),
        server: words(match context.answer.news() {
            Some(_) => "server-and-service",
            None => "server",
        }),
        you: Actor {
            chips: yours(context),
            ..Actor::default()
        },
        thief: Actor {
            chips: snapshot.map_or(Vec::new(), |snapshot| theirs(context.setup, snapshot)),
            ..Actor::default()
        },
        doors: [
            (Who::Thief, "door-thief", words("thief-asks")),
            (Who::You, "door-you", words("you-ask")),
        ]
        .map(|(who, id, name)| door(context, who, id, name))
        .into(),
        stores: kept(context, snapshot, before),
        story: Story {
            steps: (0..=newest).map(drawn).collect(),
            shown,
            rows: vec![words("thief"), words("you")],
            ..Story::default()
        },
        ..Stage::default()
    }
}

/// A sentence of the stage itself.
pub(super) fn on_stage(part: &str, context: &Context) -> String {
    let facts = Facts::default().with("part", part).with("check", word(context.check));
    say(&SENTENCES.stage, &facts.with("answer", context.answer.slug()))
}

/// The last reply to somebody, unless something has happened since that may change it.
fn answered(steps: &[Step], who: Who) -> Option<&Exchange> {
    for step in steps.iter().rev() {
        let mut sent = step.exchanges.iter().rev();
        if let Some(exchange) = sent.find(|exchange| exchange.who == who) {
            return Some(exchange).filter(|exchange| exchange.asked != Asked::LogOut);
        }
        let changes_nothing = [
            Action::Call,
            Action::Replay,
            Action::AskBoth,
            Action::CopyAccess,
            Action::CopyRefresh,
        ];
        if !changes_nothing.contains(&step.action) {
            return None;
        }
    }
    None
}

fn door(context: &Context, who: Who, id: &'static str, name: &'static str) -> Door {
    let answer = answered(context.steps, who);
    // A logout asks for nothing that a verdict could be on.
    let asked = |sent: &Exchange| sent.who == who && sent.asked != Asked::LogOut;
    let said = answer.map_or(VerdictColour::Unknown, VerdictColour::of);
    Door {
        id,
        name,
        asks: match answer {
            Some(exchange) if context.answer.news().is_some() && !exchange.elsewhere => words("issuer").to_owned(),
            _ => of_answer(context.answer).asks.clone(),
        },
        said,
        word: match answer {
            None if context.steps.iter().any(|step| step.exchanges.iter().any(asked)) => words("unasked").to_owned(),
            None => words("never").to_owned(),
            Some(exchange) if exchange.outcome == Outcome::NoServer => words("no-answer").to_owned(),
            Some(_) => said.word().to_owned(),
        },
        status: answer.map_or_else(String::new, |exchange| Shown(exchange).replied()),
        why: answer.map_or_else(String::new, |exchange| {
            let asked = Shown(exchange).asked();
            match exchange.reply {
                Some(_) => format!("{asked}, decided by {}", decided_by(exchange)),
                None => asked,
            }
        }),
        ..Door::default()
    }
}

/// What your browser holds, or held last.
fn yours(context: &Context) -> Vec<Chip> {
    let (setup, steps) = (context.setup, context.steps);
    let is_token = |cookie: &&KeptCookie| is_login(&cookie.name);
    let tokens = |step: &Step| step.after.cookies.iter().any(|cookie| is_token(&cookie));
    let (Some(now), Some(held)) = (steps.last(), steps.iter().rev().find(|step| tokens(step))) else {
        return Vec::new();
    };
    let drawn = |cookie: &KeptCookie| {
        let is_refresh = cookie.name.ends_with("_refresh");
        let chip = chip(setup, &now.after, is_refresh, &cookie.value, cookie.until);
        let life = if held.number == now.number {
            chip.life
        } else {
            Life::Gone(words("dropped"))
        };
        Chip { life, ..chip }
    };
    held.after.cookies.iter().filter(is_token).map(drawn).collect()
}

fn theirs(setup: &Setup, snapshot: &Snapshot) -> Vec<Chip> {
    let loot = [(false, &snapshot.loot.access), (true, &snapshot.loot.refresh)];
    let loot = loot
        .into_iter()
        .filter_map(|(refresh, token)| Some((refresh, token.as_ref()?)));
    loot.map(|(refresh, token)| chip(setup, snapshot, refresh, token, None))
        .collect()
}

fn chip(setup: &Setup, snapshot: &Snapshot, refresh: bool, token: &str, kept_until: Option<Duration>) -> Chip {
    let started = setup.started;
    let until = match expiry(token) {
        Some(expiry) if !refresh => Some(expiry),
        _ => kept_until.and_then(|until| started.checked_add(until).ok()),
    };
    let all = match (refresh, setup.answer) {
        (_, Answer::Sessions) => setup.session_life,
        (true, _) => setup
            .policy
            .refresh
            .map_or(setup.policy.access_ttl, |refresh| refresh.ttl),
        (false, _) => setup.policy.access_ttl,
    };
    let now = started.checked_add(snapshot.at).unwrap_or(started);
    Chip {
        name: match (refresh, setup.answer) {
            (_, Answer::Sessions) => words("session"),
            (true, _) => words("refresh"),
            (false, _) => words("access"),
        },
        more: String::new(),
        life: until.map_or(Life::Open, |until| {
            Life::until(until, now, i64::try_from(all.as_secs()).unwrap_or(i64::MAX), false)
        }),
    }
}

/// The expiry in a token, not verified: it is drawn beside its name.
fn expiry(token: &str) -> Option<jiff::Timestamp> {
    let claims = TokenParts::split_without_verifying(token).ok()?.claims;
    jiff::Timestamp::from_second(claims["exp"].as_i64()?).ok()
}

fn kept(context: &Context, snapshot: Option<&Snapshot>, before: Option<&Snapshot>) -> Vec<Kept> {
    let told = |count: usize, what: &str| match count {
        0 => "empty".to_owned(),
        count => times(count, what),
    };
    let listed = |snapshot: Option<&Snapshot>| snapshot.map_or(0, |snapshot| snapshot.blacklist.len());
    let ended = |snapshot: Option<&Snapshot>| {
        let heard = snapshot.and_then(|snapshot| snapshot.heard.as_ref());
        heard.map_or(0, |heard| heard.ended)
    };
    let database = |snapshot: Option<&Snapshot>| {
        let snapshot = snapshot?;
        Some((snapshot.sessions.clone(), snapshot.plain.clone(), snapshot.log.len()))
    };
    let rows = snapshot.map_or(0, |snapshot| snapshot.sessions.len() + snapshot.plain.len());
    let first = match (heard(snapshot, context.answer), context.check) {
        (Some(holds), _) => Kept {
            name: "Other service",
            holds,
            changed: ended(snapshot) > ended(before),
        },
        (None, Check::Blacklist) => Kept {
            name: "Blacklist",
            holds: told(listed(snapshot), "session"),
            changed: listed(snapshot) != listed(before),
        },
        (None, _) => Kept {
            name: "Blacklist",
            holds: on_stage("unlisted", context),
            changed: false,
        },
    };
    vec![
        first,
        Kept {
            name: "Database",
            holds: format!("sessions: {}", told(rows, "row")),
            changed: database(snapshot).unwrap_or_default() != database(before).unwrap_or_default(),
        },
    ]
}
