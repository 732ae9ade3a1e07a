//! `/lab/race`: two tabs refresh with the same token, or you and a thief.
//!
//! The switches and the step are in the address, so a result can be shared, and the same address shows the same stage. The story
//! is run for each of the three graces, once with a second tab and once with a thief in its place: the page's sentences on the
//! trade-off come from these runs.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use rand::{SeedableRng, rngs::StdRng};
use rescind_lab::race::{FirstReply, Judged, Party, Race, RaceSetup, RefreshAttempt, RefreshResult, Second, Swap};
use serde::Deserialize;
use url::form_urlencoded;

use crate::{
    choices::{Choices, Control},
    computed::Computed,
    content::{Case, Facts, file, first, say, word, yes},
    pages::{Reader, draw, frame::Frame, times::to_the_second},
    trace::{
        Finding, VerdictColour, moment,
        stage::{self, Actor, Chip, Door, Kept, Life, Next, Stage, Story, StoryStep},
    },
};

pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/lab/race").route(crate::pages::read().to(show)));
}

const SEED: u64 = 7;
const GRACES: [u64; 3] = [0, 10, 30];

fn setup(choices: &Choices) -> RaceSetup {
    let seconds = |name: &str| {
        let seconds = choices.of(name).and_then(|value| value.parse().ok());
        Duration::from_secs(seconds.unwrap_or_default())
    };
    RaceSetup {
        swap: match choices.of("swap") {
            Some("off") => Swap::ReadThenWrite,
            _ => Swap::CompareAndSwap,
        },
        grace: seconds("grace"),
        apart: seconds("apart"),
        reply: match choices.of("lost") {
            Some("yes") => FirstReply::Lost,
            _ => FirstReply::Arrives,
        },
        second: match choices.of("thief") {
            Some("yes") => Second::Thief,
            _ => Second::Tab,
        },
    }
}

#[derive(Template)]
#[template(path = "lab/race.html")]
struct Page {
    frame: Frame,
    switches: &'static [Control],
    choices: Choices,
    /// Unless a switch is wrong; the finding is that at the step on the stage.
    played: Option<(Arc<Played>, Stage, Finding)>,
}

static PLAYED: LazyLock<Computed<Choices, Played>> = LazyLock::new(|| Computed::keeping(128));

struct Played {
    race: Race,
    /// Under each grace: the race with a second tab, and with a thief in its place.
    rows: Vec<[Race; 2]>,
    trade: Vec<String>,
}

impl Played {
    async fn play(choices: Choices) -> Result<Self, rescind_lab::Error> {
        let setup = setup(&choices);
        let mut rows = Vec::new();
        for grace in GRACES.map(Duration::from_secs) {
            let run = |second| {
                let setup = RaceSetup { grace, second, ..setup };
                Race::run(setup, StdRng::seed_from_u64(SEED))
            };
            rows.push([run(Second::Tab).await?, run(Second::Thief).await?]);
        }
        let race = Race::run(setup, StdRng::seed_from_u64(SEED)).await?;
        Ok(Self {
            trade: trade(&race, &rows, choices.facts()),
            rows,
            race,
        })
    }

    fn is_chosen(&self, row: &[Race; 2]) -> bool {
        row[0].setup.grace == self.race.setup.grace
    }
}

async fn show(reader: Reader) -> actix_web::Result<HttpResponse> {
    let (switches, query) = (&WORDS.switches, reader.request.query_string());
    let choices = Choices::read(switches, query);
    let (status, played) = if choices.any_wrong() {
        (StatusCode::UNPROCESSABLE_ENTITY, None)
    } else {
        let of = choices.clone();
        let played = PLAYED.of(&choices, move || Played::play(of)).await?;
        let step = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "step");
        let step = step.and_then(|(_, step)| step.parse().ok());
        let stage = staged(&played.race, &choices, step);
        let ended = yes(stage.story.following().is_none());
        let finding = Finding::of(&WORDS.finding, &facts(&played.race).with("ended", ended));
        (StatusCode::OK, Some((played, stage, finding)))
    };
    let page = Page {
        frame: reader.frame("Two tabs, one token").await,
        switches,
        choices,
        played,
    };
    draw(status, &page)
}

/// The sentences on a race, and its switches.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    switches: Vec<Control>,
    finding: Vec<Case<Finding>>,
    row: Vec<Case<Finding>>,
    headline: Vec<Case<String>>,
    lead: Vec<Case<String>>,
    warning: Vec<Case<String>>,
    presents: Vec<Case<String>>,
    /// What stands in each place of the stage.
    place: Vec<Case<String>>,
    mishap: Vec<Case<String>>,
    trade: Vec<Case<String>>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| file!("race.toml").data());

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
    let facts = Facts::default().with("judged", judged).with("at", to_the_second(at));
    facts.with("second", word(race.setup.second)).with("inside", inside)
}

/// Who it is, in a sentence and as a heading.
fn name(setup: &RaceSetup, who: Party) -> [&'static str; 2] {
    match (who, setup.second) {
        (Party::First, Second::Tab) => ["tab 1", "Tab 1"],
        (Party::Second, Second::Tab) => ["tab 2", "Tab 2"],
        (Party::First, Second::Thief) => ["you", "You"],
        (Party::Second, Second::Thief) => ["the thief", "Thief"],
    }
}

fn is_thief(setup: &RaceSetup, who: Party) -> bool {
    (who, setup.second) == (Party::Second, Second::Thief)
}

/// A party's last try and its result: unknown if the reply is lost, or the session was closed since.
fn last(race: &Race, who: Party) -> Option<(&RefreshAttempt, VerdictColour)> {
    let last = race.attempts.iter().rposition(|tried| tried.who == who)?;
    let (tried, since) = race.attempts.get(last..)?.split_first()?;
    let is_thief = is_thief(&race.setup, who);
    let said = match tried.result {
        _ if since.iter().any(|tried| tried.result == RefreshResult::Reused) => VerdictColour::Unknown,
        RefreshResult::Given { arrived: false, .. } => VerdictColour::Unknown,
        RefreshResult::Given { .. } if is_thief => VerdictColour::ThiefIn,
        RefreshResult::Given { .. } => VerdictColour::You,
        _ if is_thief => VerdictColour::KeptOut,
        _ => VerdictColour::Refused,
    };
    Some((tried, said))
}

/// The facts of the last try.
fn tried(race: &Race, choices: &Choices) -> Facts {
    let row = race.row();
    let facts = choices
        .facts()
        .with("second", word(race.setup.second))
        .with("closed", yes(race.closed_at().is_some()))
        .with("row", race.name(row))
        .with("grace_words", to_the_second(race.setup.grace));
    let Some(tried) = race.attempts.last() else {
        return facts.with("gets", "login");
    };
    let (gets, got) = match tried.result {
        RefreshResult::Given {
            arrived: false, token, ..
        } => ("lost", token),
        RefreshResult::Given { again: true, token, .. } => ("again", token),
        RefreshResult::Given { token, .. } => ("first", token),
        RefreshResult::Reused => ("reused", row),
        RefreshResult::Closed => ("closed", row),
    };
    let before = race.attempts.iter().rev().nth(1);
    let at_once = before.is_some_and(|before| before.at == tried.at);
    let so_far = race.chain.iter().take(row + 1);
    let children = so_far.filter(|link| link.parent == Some(tried.presented)).count();
    facts
        .with("gets", gets)
        .with("token", race.name(got))
        .with("who", name(&race.setup, tried.who)[0])
        .with("presented", race.name(tried.presented))
        .with("splits", yes(children > 1))
        .with("at_once", yes(at_once))
}

/// The race at a step, or at its last. The first is the login.
fn staged(race: &Race, choices: &Choices, step: Option<usize>) -> Stage {
    const BOTH: [Party; 2] = [Party::First, Party::Second];
    let setup = &race.setup;
    let end = race.attempts.len();
    let shown = step.map_or(end, |step: usize| step.saturating_sub(1).min(end));
    let (now, before) = (race.after(shown), race.after(shown.saturating_sub(1)));
    let is_closed = now.closed_at().is_some();
    let facts = tried(&now, choices);
    let place = |name: &str| say(&WORDS.place, &facts.clone().with("place", name));
    let chip = |who| {
        let generation = format!("{} {}", stage::words("generation"), race.name(now.held(who)));
        Chip {
            name: stage::words("refresh"),
            more: match setup.second {
                Second::Tab => format!("{}, {generation}", name(setup, who)[0]),
                Second::Thief => generation,
            },
            life: if is_closed {
                Life::Gone(stage::words("spent"))
            } else {
                Life::Open
            },
        }
    };
    let (yours, theirs): (Vec<_>, Vec<_>) = BOTH.into_iter().partition(|who| !is_thief(setup, *who));
    let actor = |name, held: Vec<Party>| Actor {
        state: place(name),
        chips: held.into_iter().map(chip).collect(),
        may: Vec::new(),
    };
    let door = |who| {
        let tried = last(&now, who);
        let said = tried.map_or(VerdictColour::Unknown, |(_, said)| said);
        Door {
            id: if who == Party::First {
                "door-first"
            } else {
                "door-second"
            },
            name: name(setup, who)[1],
            asks: place("door"),
            said,
            word: match tried {
                None => stage::words("never").to_owned(),
                Some((_, VerdictColour::Unknown)) if is_closed => stage::words("unasked").to_owned(),
                Some((_, VerdictColour::Unknown)) => place("lost"),
                Some(_) => said.word().to_owned(),
            },
            why: tried.map_or_else(String::new, |(tried, _)| {
                let facts = facts.clone().with("place", "why").with("at", to_the_second(tried.at));
                say(&WORDS.place, &facts.with("presented", race.name(tried.presented)))
            }),
            ..Door::default()
        }
    };
    let kept = |name, changed| Kept {
        name,
        holds: place(name),
        changed,
    };
    let (closes, writes) = (is_closed != before.closed_at().is_some(), now.row() != before.row());
    let mut stores = vec![kept("Database", closes || writes)];
    if setup.swap == Swap::CompareAndSwap {
        stores.insert(0, kept("Blacklist", closes));
    }
    let drawn = |tries: usize| {
        let then = race.after(tries);
        let tried = then.attempts.last();
        StoryStep {
            address: format!("/lab/race?{}&step={}", choices.query(), tries + 1),
            mark: tried.map_or_else(
                || stage::words("login").to_owned(),
                |tried| format!("{}, {}", name(setup, tried.who)[1], to_the_second(tried.at)),
            ),
            yours: tried.is_none_or(|tried| !is_thief(setup, tried.who)),
            doors: BOTH.map(|who| last(&then, who).map(|(_, said)| said)).into(),
            ends: String::new(),
        }
    };
    Stage {
        headline: say(&WORDS.headline, &facts),
        lead: say(&WORDS.lead, &facts),
        clock: moment(now.attempts.last().map_or(Duration::ZERO, |tried| tried.at)),
        warning: first(&WORDS.warning, &facts).cloned(),
        next: if shown < end { Next::Follow } else { Next::Again },
        message: now.attempts.last().map(|tried| {
            let class = if is_thief(setup, tried.who) { "thief" } else { "you" };
            (class, say(&WORDS.presents, &facts))
        }),
        server: stage::words("server"),
        you: actor("you", yours),
        thief: actor("thief", theirs),
        doors: BOTH.map(door).into(),
        stores,
        story: Story {
            steps: (0..=end).map(drawn).collect(),
            shown,
            rows: BOTH.map(|who| name(setup, who)[1]).into(),
            ..Story::default()
        },
        ..Stage::default()
    }
}

/// A cell of the table.
fn found(race: &Race) -> Finding {
    Finding::of(&WORDS.row, &facts(race))
}

fn grace(race: &Race) -> String {
    match race.setup.grace {
        Duration::ZERO => "none".to_owned(),
        grace => to_the_second(grace),
    }
}

/// The trade-off between the two, from the runs' results.
fn trade(race: &Race, rows: &[[Race; 2]], switches: Facts) -> Vec<String> {
    // A grace shuts a thief out only if it is the thief who is noticed.
    let graces = |spares: bool| -> Vec<_> {
        let meant = rows.iter().filter(|[tab, thief]| match tab.judged() {
            Judged::Nobody => spares,
            _ => !spares && matches!(thief.judged(), Judged::Thief(_)),
        });
        meant.map(|[tab, _]| grace(tab)).collect()
    };
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
        .with("shutting", shutting.join(" or ").replace("none", "0 s"));
    let facts = facts.clone().with("mishap", say(&WORDS.mishap, &facts));
    let told = WORDS.trade.iter().filter(|case| case.holds(&facts));
    told.map(|case| facts.fill(&case.then)).collect()
}
