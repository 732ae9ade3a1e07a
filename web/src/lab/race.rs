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
use rescind_lab::race::{FirstReply, Judged, Party, Race, RaceError, RaceSetup, Second, Swap, Use, Verdict};
use serde::Deserialize;
use url::form_urlencoded;

use crate::{
    choices::{Choices, Control},
    computed::Computed,
    content::{Case, Facts, file, first, say, word, yes},
    pages::{Reader, draw, frame::Frame, times::to_the_second},
    trace::{
        Finding, Said, moment,
        stage::{self, Actor, Chip, Door, Kept, Life, Next, Stage, Step, Story},
    },
};

pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/lab/race").route(crate::pages::read().to(show)));
}

const SEED: u64 = 7;
const GRACES: [u64; 3] = [0, 10, 30];

fn setup(choices: &Choices) -> RaceSetup {
    let is = |name: &str, value: &str| choices.of(name) == Some(value);
    let seconds = |name: &str| {
        let seconds = choices.of(name).and_then(|value| value.parse().ok());
        Duration::from_secs(seconds.unwrap_or_default())
    };
    RaceSetup {
        swap: if is("swap", "off") {
            Swap::ReadThenWrite
        } else {
            Swap::CompareAndSwap
        },
        grace: seconds("grace"),
        apart: seconds("apart"),
        reply: if is("lost", "yes") {
            FirstReply::Lost
        } else {
            FirstReply::Arrives
        },
        second: if is("thief", "yes") { Second::Thief } else { Second::Tab },
    }
}

#[derive(Template)]
#[template(path = "lab/race.html")]
struct Page {
    frame: Frame,
    switches: &'static [Control],
    choices: Choices,
    /// Unless a switch is wrong.
    played: Option<(Arc<Played>, Stage)>,
}

static PLAYED: LazyLock<Computed<Choices, Played>> = LazyLock::new(|| Computed::keeping(128));

struct Played {
    race: Race,
    finding: Finding,
    rows: Vec<Row>,
    trade: Vec<String>,
}

impl Played {
    async fn play(choices: Choices) -> Result<Self, RaceError> {
        let setup = setup(&choices);
        let mut rows = Vec::new();
        for grace in GRACES.map(Duration::from_secs) {
            let run = |second| {
                let setup = RaceSetup { grace, second, ..setup };
                Race::run(setup, StdRng::seed_from_u64(SEED))
            };
            let chosen = grace == setup.grace;
            rows.push(Row::of(chosen, &run(Second::Tab).await?, &run(Second::Thief).await?));
        }
        let race = Race::run(setup, StdRng::seed_from_u64(SEED)).await?;
        Ok(Self {
            finding: Finding::of(&WORDS.finding, &facts(&race)),
            trade: trade(&race, &rows, choices.facts()),
            rows,
            race,
        })
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
        (StatusCode::OK, Some((played, stage)))
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

/// A token's name: its generation, and a letter if a generation has several.
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

/// A race after some of its tries.
#[derive(Clone, Copy)]
struct Standing<'a> {
    race: &'a Race,
    tries: &'a [Use],
}

impl<'a> Standing<'a> {
    fn after(race: &'a Race, tries: usize) -> Self {
        let tries = race.uses.get(..tries).unwrap_or(&race.uses);
        Self { race, tries }
    }

    fn is_closed(&self) -> bool {
        self.tries.iter().any(|tried| tried.verdict == Verdict::Reused)
    }

    /// Each token that was given, to whom, and whether it arrived.
    fn given(&self) -> impl DoubleEndedIterator<Item = (usize, Party, bool)> {
        self.tries.iter().filter_map(|tried| match tried.verdict {
            Verdict::Given { token, arrived, .. } => Some((token, tried.who, arrived)),
            _ => None,
        })
    }

    /// The token in the row: the one that was written last.
    fn row(&self) -> usize {
        self.given().map(|(token, ..)| token).max().unwrap_or_default()
    }

    fn held(&self, who: Party) -> usize {
        let held = self.given().rfind(|(_, to, arrived)| *to == who && *arrived);
        held.map_or(0, |(token, ..)| token)
    }

    /// A party's last try and its verdict: unknown if the reply is lost, or the session was closed since.
    fn last(&self, who: Party) -> Option<(&'a Use, Said)> {
        let last = self.tries.iter().rposition(|tried| tried.who == who)?;
        let (tried, since) = self.tries.get(last..)?.split_first()?;
        let is_thief = is_thief(&self.race.setup, who);
        let said = match tried.verdict {
            _ if since.iter().any(|tried| tried.verdict == Verdict::Reused) => Said::Unknown,
            Verdict::Given { arrived: false, .. } => Said::Unknown,
            Verdict::Given { .. } if is_thief => Said::ThiefIn,
            Verdict::Given { .. } => Said::You,
            _ if is_thief => Said::KeptOut,
            _ => Said::Refused,
        };
        Some((tried, said))
    }

    /// The facts of the last try.
    fn facts(&self, choices: &Choices) -> Facts {
        let (race, row) = (self.race, self.row());
        let facts = choices
            .facts()
            .with("second", word(race.setup.second))
            .with("closed", yes(self.is_closed()))
            .with("row", token(race, row))
            .with("grace_words", to_the_second(race.setup.grace));
        let Some(tried) = self.tries.last() else {
            return facts.with("gets", "login");
        };
        let (gets, got) = match tried.verdict {
            Verdict::Given {
                arrived: false, token, ..
            } => ("lost", token),
            Verdict::Given { again: true, token, .. } => ("again", token),
            Verdict::Given { token, .. } => ("first", token),
            Verdict::Reused => ("reused", row),
            Verdict::Closed => ("closed", row),
        };
        let at_once = self
            .tries
            .iter()
            .rev()
            .nth(1)
            .is_some_and(|before| before.at == tried.at);
        let so_far = race.chain.iter().take(row + 1);
        let children = so_far.filter(|link| link.parent == Some(tried.presented)).count();
        facts
            .with("gets", gets)
            .with("token", token(race, got))
            .with("who", name(&race.setup, tried.who)[0])
            .with("presented", token(race, tried.presented))
            .with("splits", yes(children > 1))
            .with("at_once", yes(at_once))
    }
}

/// The race at a step, or at its last. The first is the login.
fn staged(race: &Race, choices: &Choices, step: Option<usize>) -> Stage {
    const BOTH: [Party; 2] = [Party::First, Party::Second];
    let setup = &race.setup;
    let last = race.uses.len();
    let shown = step.map_or(last, |step: usize| step.saturating_sub(1).min(last));
    let (now, before) = (
        Standing::after(race, shown),
        Standing::after(race, shown.saturating_sub(1)),
    );
    let facts = now.facts(choices);
    let place = |name: &str| say(&WORDS.place, &facts.clone().with("place", name));
    let chip = |who| {
        let generation = format!("{} {}", stage::words("generation"), token(race, now.held(who)));
        Chip {
            name: stage::words("refresh"),
            more: match setup.second {
                Second::Tab => format!("{}, {generation}", name(setup, who)[0]),
                Second::Thief => generation,
            },
            life: if now.is_closed() {
                Life::Gone(stage::words("spent"))
            } else {
                Life::Open
            },
        }
    };
    let (yours, theirs): (Vec<_>, Vec<_>) = BOTH.into_iter().partition(|who| !is_thief(setup, *who));
    let actor = |place: String, held: Vec<Party>| Actor {
        state: place,
        chips: held.into_iter().map(chip).collect(),
        may: Vec::new(),
    };
    let door = |who| {
        let last = now.last(who);
        let said = last.map_or(Said::Unknown, |(_, said)| said);
        Door {
            id: if who == Party::First {
                "door-first"
            } else {
                "door-second"
            },
            name: name(setup, who)[1],
            asks: place("door"),
            said,
            word: match last {
                None => stage::words("never").to_owned(),
                Some((_, Said::Unknown)) if now.is_closed() => stage::words("unasked").to_owned(),
                Some((_, Said::Unknown)) => place("lost"),
                Some(_) => said.word().to_owned(),
            },
            until: None,
            status: String::new(),
            why: last.map_or_else(String::new, |(tried, _)| {
                let facts = facts.clone().with("place", "why").with("at", to_the_second(tried.at));
                say(&WORDS.place, &facts.with("presented", token(race, tried.presented)))
            }),
        }
    };
    let kept = |name, changed| Kept {
        name,
        holds: place(name),
        changed,
    };
    let (closes, writes) = (now.is_closed() != before.is_closed(), now.row() != before.row());
    let mut stores = vec![kept("Database", closes || writes)];
    if setup.swap == Swap::CompareAndSwap {
        stores.insert(0, kept("Blacklist", closes));
    }
    let drawn = |tries: usize| {
        let then = Standing::after(race, tries);
        let tried = then.tries.last();
        Step {
            address: format!("/lab/race?{}&step={}", choices.query(), tries + 1),
            mark: tried.map_or_else(
                || stage::words("login").to_owned(),
                |tried| format!("{}, {}", name(setup, tried.who)[1], to_the_second(tried.at)),
            ),
            yours: tried.is_none_or(|tried| !is_thief(setup, tried.who)),
            doors: BOTH.map(|who| then.last(who).map(|(_, said)| said)).into(),
        }
    };
    Stage {
        within: "",
        headline: say(&WORDS.headline, &facts),
        lead: say(&WORDS.lead, &facts),
        alarm: None,
        notice: None,
        clock: moment(now.tries.last().map_or(Duration::ZERO, |tried| tried.at)),
        warning: first(&WORDS.warning, &facts).cloned(),
        next: if shown < last { Next::Follow } else { Next::Again },
        message: now.tries.last().map(|tried| {
            let class = if is_thief(setup, tried.who) { "thief" } else { "you" };
            (class, say(&WORDS.presents, &facts))
        }),
        server: stage::words("server"),
        you: actor(place("you"), yours),
        thief: actor(place("thief"), theirs),
        time: Vec::new(),
        doors: BOTH.map(door).into(),
        stores,
        story: Story {
            steps: (0..=last).map(drawn).collect(),
            shown,
            to_come: 0,
            rows: BOTH.map(|who| name(setup, who)[1]).into(),
            ends: Vec::new(),
            expired: false,
        },
    }
}

/// One grace: the outcome with a second tab, and with a thief in its place.
struct Row {
    grace: Duration,
    chosen: bool,
    tab: Finding,
    thief: Finding,
    /// Whether no theft was suspected.
    spares: bool,
}

impl Row {
    fn of(chosen: bool, tab: &Race, thief: &Race) -> Self {
        Self {
            grace: tab.setup.grace,
            chosen,
            tab: Finding::of(&WORDS.row, &facts(tab)),
            thief: Finding::of(&WORDS.row, &facts(thief)),
            spares: tab.judged() == Judged::Nobody,
        }
    }

    fn name(&self) -> String {
        match self.grace {
            Duration::ZERO => "none".to_owned(),
            grace => to_the_second(grace),
        }
    }
}

/// The trade-off between the two, from the runs' results.
fn trade(race: &Race, rows: &[Row], switches: Facts) -> Vec<String> {
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
        .with("shutting", shutting.join(" or ").replace("none", "0 s"));
    let facts = facts.clone().with("mishap", say(&WORDS.mishap, &facts));
    let told = WORDS.trade.iter().filter(|case| case.holds(&facts));
    told.map(|case| facts.fill(&case.then)).collect()
}
