//! A sandbox on the stage: you, the thief, and what the server told each of you last.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rescind_lab::{Action, Answer, Asked, Exchange, KeptCookie, Outcome, Picture, Sandbox, Step, Who};
use rescind_session::Check;

use super::{
    buttons::{button, may},
    telling::{Context, Told},
    words::{SENTENCES, label},
};
use crate::{
    content::{Facts, say, word},
    trace::{
        Said, Shown, class_of,
        cost::times,
        moment,
        stage::{Actor, Button, Chip, Door, Kept, Life, Next, Stage, Step as DrawnStep, Story},
    },
};

/// The usual story, and how many of its steps follow on each.
const STORY: [Action; 4] = [Action::LogIn, Action::CopyAccess, Action::LogOut, Action::Replay];

pub(super) fn staged(sandbox: &Sandbox, context: &Context, told: Option<&Told>, notice: Option<String>) -> Stage {
    let all = sandbox.steps();
    let (newest, shown) = (all.len(), context.steps.len());
    let is_past = shown < newest;
    let slug = context.answer.slug();
    let address = |step: usize| match step {
        step if step == newest => format!("/lab/{slug}"),
        step => format!("/lab/{slug}?step={step}"),
    };
    let next = natural(sandbox);
    let to_come = next.and_then(|next| STORY.iter().position(|step| *step == next));
    // What is to be done next stands above. At an earlier step there is nothing to press: a button acts on the newest.
    let buttons = |group| {
        let mut buttons = if is_past { Vec::new() } else { may(sandbox, group) };
        buttons.retain(|button| button.value != next.map(Action::slug));
        buttons
    };
    let picture = context.steps.last().map(|step| &step.after);
    let before = context.steps.iter().rev().nth(1).map(|step| &step.after);
    let last = context.steps.last().and_then(|step| step.exchanges.last());
    let doors = |count: usize| {
        let steps = all.get(..count).unwrap_or_default();
        let stolen = steps
            .last()
            .is_some_and(|step| step.after.loot.access.is_some() || step.after.loot.refresh.is_some());
        let thief = stolen.then(|| answered(steps, Who::Thief).map_or(Said::Unknown, Said::of));
        vec![thief, answered(steps, Who::You).map(Said::of)]
    };
    Stage {
        headline: told.map_or_else(|| on_stage("headline", context), |told| told.headline.clone()),
        lead: told.map_or_else(|| on_stage("begin", context), |told| told.meaning.clone()),
        alarm: None,
        notice,
        clock: moment(context.steps.last().map_or(Duration::ZERO, |step| step.at)),
        warning: is_past.then(|| on_stage("earlier", context)),
        next: match next {
            _ if is_past => Next::Follow,
            Some(action) => Next::Press(button(sandbox, action)),
            None => Next::Press(Button::of(format!("/lab/{slug}/restart"), on_stage("again", context))),
        },
        message: last.map(|exchange| {
            let told = Shown(exchange);
            (
                class_of(exchange.who),
                format!("{}: {}, {}", told.who(), told.asked(), told.replied()),
            )
        }),
        you: Actor {
            state: String::new(),
            chips: yours(sandbox, context.steps),
            may: buttons("you"),
        },
        thief: Actor {
            state: String::new(),
            chips: picture.map_or(Vec::new(), |picture| theirs(sandbox, picture)),
            may: buttons("thief"),
        },
        time: buttons("time"),
        doors: [
            (Who::Thief, "door-thief", "The thief asks"),
            (Who::You, "door-you", "You ask"),
        ]
        .map(|(who, id, name)| door(context, who, id, name))
        .into(),
        stores: kept(context, picture, before),
        story: Story {
            steps: (0..=newest)
                .map(|count| {
                    let step = count.checked_sub(1).and_then(|before| all.get(before));
                    DrawnStep {
                        address: address(count),
                        mark: step.map_or_else(String::new, |step| label(step.action).to_lowercase()),
                        yours: step.is_some_and(|step| {
                            matches!(
                                step.action,
                                Action::LogIn | Action::LogOut | Action::Call | Action::Refresh
                            )
                        }),
                        doors: doors(count),
                    }
                })
                .collect(),
            shown,
            to_come: to_come.map_or(0, |done| STORY.len() - done),
            rows: vec!["Thief", "You"],
            ends: Vec::new(),
            expired: false,
        },
    }
}

/// A sentence of the stage itself.
fn on_stage(part: &str, context: &Context) -> String {
    let facts = Facts::default().with("part", part).with("check", word(context.check));
    say(&SENTENCES.stage, &facts.with("answer", context.answer.slug()))
}

/// What to do next, if the reader wants to see the story to its end, or what a broken part leads to.
fn natural(sandbox: &Sandbox) -> Option<Action> {
    let last = sandbox.steps().last();
    let is_quiet = last.is_some_and(|step| step.exchanges.is_empty());
    let last = last.map(|step| step.action);
    let copied = matches!(last, Some(Action::CopyAccess | Action::CopyRefresh));
    let (logged_in, stolen) = (sandbox.access().is_some(), sandbox.loot().access.is_some());
    let wishes = [
        (true, Action::StartServer),
        (is_quiet && !copied && stolen, Action::AskBoth),
        (!logged_in && !stolen, Action::LogIn),
        (!stolen, Action::CopyAccess),
        (last == Some(Action::LogOut), Action::Replay),
        (logged_in, Action::LogOut),
        (matches!(last, Some(Action::Replay)), Action::WaitAfterExpiry),
        (true, Action::LogIn),
    ];
    let wishes = wishes.into_iter().filter(|(holds, _)| *holds);
    wishes
        .map(|(_, action)| action)
        .find(|action| sandbox.can(*action).is_ok())
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
    let said = answer.map_or(Said::Unknown, Said::of);
    Door {
        id,
        name,
        asks: on_stage("asks", context),
        said,
        word: match answer {
            None if context
                .steps
                .iter()
                .any(|step| step.exchanges.iter().any(|sent| sent.who == who)) =>
            {
                on_stage("unasked", context)
            }
            None => on_stage("never", context),
            Some(exchange) if exchange.outcome == Outcome::NoServer => Shown(exchange).word().to_owned(),
            Some(_) => said.word().to_owned(),
        },
        until: None,
        status: answer.map_or_else(String::new, |exchange| Shown(exchange).replied()),
        why: answer.map_or_else(String::new, |exchange| {
            format!("{}, decided by {}", Shown(exchange).asked(), exchange.decided.words())
        }),
    }
}

/// What your browser holds, or held last.
fn yours(sandbox: &Sandbox, steps: &[Step]) -> Vec<Chip> {
    // The other cookies are notices between two pages.
    let ends = ["_access", "_refresh", "-session"];
    let is_token = |cookie: &&KeptCookie| ends.iter().any(|end| cookie.name.ends_with(end));
    let tokens = |step: &Step| step.after.cookies.iter().any(|cookie| is_token(&cookie));
    let (Some(now), Some(held)) = (steps.last(), steps.iter().rev().find(|step| tokens(step))) else {
        return Vec::new();
    };
    let drawn = |cookie: &KeptCookie| {
        let is_refresh = cookie.name.ends_with("_refresh");
        let chip = chip(sandbox, &now.after, is_refresh, &cookie.value, cookie.until);
        let life = if held.number == now.number {
            chip.life
        } else {
            Life::Gone("dropped".to_owned())
        };
        Chip { life, ..chip }
    };
    held.after.cookies.iter().filter(is_token).map(drawn).collect()
}

fn theirs(sandbox: &Sandbox, picture: &Picture) -> Vec<Chip> {
    let loot = [(false, &picture.loot.access), (true, &picture.loot.refresh)];
    let loot = loot
        .into_iter()
        .filter_map(|(refresh, token)| Some((refresh, token.as_ref()?)));
    loot.map(|(refresh, token)| chip(sandbox, picture, refresh, token, None))
        .collect()
}

fn chip(sandbox: &Sandbox, picture: &Picture, refresh: bool, token: &str, kept_until: Option<Duration>) -> Chip {
    let setup = sandbox.setup();
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
    let now = started.checked_add(picture.at).unwrap_or(started);
    Chip {
        name: match (refresh, setup.answer) {
            (_, Answer::Sessions) => "session cookie",
            (true, _) => "refresh token",
            (false, _) => "access token",
        },
        more: String::new(),
        life: until.map_or(Life::Open, |until| {
            Life::until(until, now, i64::try_from(all.as_secs()).unwrap_or(i64::MAX), false)
        }),
    }
}

/// The expiry in a token, not verified: it is drawn beside its name.
fn expiry(token: &str) -> Option<jiff::Timestamp> {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    jiff::Timestamp::from_second(claims["exp"].as_i64()?).ok()
}

fn kept(context: &Context, picture: Option<&Picture>, before: Option<&Picture>) -> Vec<Kept> {
    let listed = |picture: &Picture| picture.blacklist.len();
    let rows = |picture: &Picture| picture.sessions.len() + picture.plain.len();
    let told = |count: usize, what: &str| {
        if count == 0 {
            "empty".to_owned()
        } else {
            times(count, what)
        }
    };
    let count = |of: fn(&Picture) -> usize| (picture.map_or(0, of), before.map_or(0, of));
    let ((listed, listed_before), (rows, _)) = (count(listed), count(rows));
    let rows_and_log = |picture: Option<&Picture>| {
        picture.map(|picture| (picture.sessions.clone(), picture.plain.clone(), picture.log.len()))
    };
    vec![
        Kept {
            name: "Blacklist",
            holds: match context.check {
                Check::Blacklist => told(listed, "session"),
                _ => on_stage("unlisted", context),
            },
            changed: listed != listed_before && context.check == Check::Blacklist,
        },
        Kept {
            name: "Database",
            holds: format!("sessions: {}", told(rows, "row")),
            changed: rows_and_log(picture).unwrap_or_default() != rows_and_log(before).unwrap_or_default(),
        },
    ]
}
