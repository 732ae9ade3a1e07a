//! `/lab/race`: two tabs refresh with the same token, or you and a thief.
//!
//! The switches are in the address, so a result can be shared, and the same address shows the same story. It is run for each
//! of the three graces, once with a second tab and once with a thief in its place: the page's sentences on the trade-off come
//! from these runs. List and drawing come from the same run.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use rand::{SeedableRng, rngs::StdRng};
use rescind_lab::race::{FirstReply, Judged, Party, Race, RaceError, RaceSetup, Second, Swap, Use, Verdict};
use serde::Deserialize;

use crate::{
    choices::{Choices, Control},
    computed::Computed,
    content::{Case, Facts, file, say, word},
    pages::{Reader, draw, frame::Frame, times::to_the_second},
    trace::{Finding, Moment, Said},
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
    played: Option<Arc<Played>>,
}

static PLAYED: LazyLock<Computed<Choices, Played>> = LazyLock::new(|| Computed::keeping(128));

struct Played {
    setup: RaceSetup,
    finding: Finding,
    told: Vec<Moment>,
    drawing: Drawing,
    rows: Vec<Row>,
    trade: Vec<String>,
    rotations: usize,
    turned_down: usize,
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
            setup,
            finding: Finding::of(&WORDS.finding, &facts(&race)),
            told: told(&race),
            drawing: Drawing::of(&race),
            trade: trade(&race, &rows, choices.facts()),
            rows,
            rotations: race.rotations,
            turned_down: race.turned_down,
        })
    }

    fn is_naive(&self) -> bool {
        self.setup.swap == Swap::ReadThenWrite
    }
}

async fn show(reader: Reader) -> actix_web::Result<HttpResponse> {
    let switches = &WORDS.switches;
    let choices = Choices::read(switches, reader.request.query_string());
    let (status, played) = if choices.any_wrong() {
        (StatusCode::UNPROCESSABLE_ENTITY, None)
    } else {
        let of = choices.clone();
        (
            StatusCode::OK,
            Some(PLAYED.of(&choices, move || Played::play(of)).await?),
        )
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
    login: Vec<Case<String>>,
    presents: Vec<Case<String>>,
    answer: Vec<Case<String>>,
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

fn name(setup: &RaceSetup, who: Party) -> &'static str {
    match (who, setup.second) {
        (Party::First, Second::Tab) => "tab 1",
        (Party::Second, Second::Tab) => "tab 2",
        (Party::First, Second::Thief) => "you",
        (Party::Second, Second::Thief) => "the thief",
    }
}

/// What it means if this one is let in, and if it is refused.
fn colours(setup: &RaceSetup, who: Party) -> [Said; 2] {
    match (who, setup.second) {
        (Party::Second, Second::Thief) => [Said::ThiefIn, Said::KeptOut],
        _ => [Said::You, Said::Refused],
    }
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

/// Who presented what and got what, in order.
fn told(race: &Race) -> Vec<Moment> {
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
    let [gets_in, refused] = colours(&race.setup, tried.who);
    let (gets, got, said) = match tried.verdict {
        Verdict::Given {
            arrived: false, token, ..
        } => ("lost", Some(token), None),
        Verdict::Given { again: true, token, .. } => ("again", Some(token), Some(gets_in)),
        Verdict::Given { token, .. } => ("first", Some(token), Some(gets_in)),
        Verdict::Reused => ("reused", None, Some(refused)),
        Verdict::Closed => ("closed", None, Some(refused)),
    };
    let facts = Facts::default()
        .with("gets", gets)
        .with("token", got.map(|got| token(race, got)).unwrap_or_default())
        .with("who", name(&race.setup, tried.who))
        .with("presented", token(race, tried.presented));
    Moment {
        at: to_the_second(tried.at),
        who: None,
        words: say(&WORDS.presents, &facts),
        said,
        answer: Some(say(&WORDS.answer, &facts)),
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

/// The chain: a circle for each token; beneath it who got it and who was refused with it.
struct Drawing {
    height: i32,
    nodes: Vec<Node>,
    /// Horizontal, vertical, horizontal again: past the text beneath the circles.
    edges: Vec<String>,
    description: String,
}

struct Node {
    x: i32,
    y: i32,
    name: String,
    /// Whether it is still usable when the story ends.
    current: bool,
    /// The text beneath it: position, class, and words.
    lines: Vec<(i32, String, String)>,
}

impl Drawing {
    const WIDTH: i32 = 400;
    const RADIUS: i32 = 18;
    const LEFT: i32 = 62;
    const COLUMN: i32 = 136;
    const TOP: i32 = 24;
    const LINE: i32 = 16;

    fn of(race: &Race) -> Self {
        let beneath: Vec<_> = (0..race.chain.len()).map(|token| beneath(race, token)).collect();
        let most = beneath.iter().map(Vec::len).max().unwrap_or_default();
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
        let node = |(n, lines): (usize, Vec<(String, String)>)| {
            let (x, y) = place(n);
            let below = (1..).map(|line| y + Self::RADIUS + Self::LINE * line);
            Node {
                x,
                y,
                name: token(race, n),
                current: race.open && n == last,
                lines: below.zip(lines).map(|(y, (class, words))| (y, class, words)).collect(),
            }
        };
        let nodes: Vec<_> = beneath.into_iter().enumerate().map(node).collect();
        let links = race.chain.iter().enumerate();
        let edges = links.filter_map(|(n, link)| {
            let ((from_x, from_y), (to_x, to_y)) = (place(link.parent?), place(n));
            let (from_x, bend, to_x) = (from_x + Self::RADIUS, from_x + Self::COLUMN / 2, to_x - Self::RADIUS);
            Some(format!("M{from_x} {from_y}H{bend}V{to_y}H{to_x}"))
        });
        let widest = (0..=last).map(|token| race.children_of(token)).max();
        Self {
            height: nodes.iter().map(|node| node.y).max().unwrap_or_default() + row_height - Self::TOP / 2,
            edges: edges.collect(),
            nodes,
            description: match widest.unwrap_or_default() {
                0 | 1 => "One chain: each token has at most one successor.".to_owned(),
                n => format!("The chain splits: a token has {n} successors."),
            },
        }
    }
}

/// Who got a token, and who was refused with it.
fn beneath(race: &Race, token: usize) -> Vec<(String, String)> {
    let line = |tried: &Use| {
        let who = name(&race.setup, tried.who);
        let [gets_in, refused] = colours(&race.setup, tried.who);
        let (sign, got_in) = if refused == Said::KeptOut {
            ("✓", "! ")
        } else {
            ("✕", "")
        };
        match tried.verdict {
            Verdict::Given {
                token: got, arrived, ..
            } if got == token => {
                let lost = if arrived { "" } else { ": lost" };
                Some((gets_in.class(), format!("{got_in}{who}{lost}")))
            }
            Verdict::Reused if tried.presented == token => Some((refused.class(), format!("{sign} {who}: reuse"))),
            Verdict::Closed if tried.presented == token => Some((refused.class(), format!("{sign} {who}: closed"))),
            _ => None,
        }
    };
    let login = (token == 0).then(|| ("you".to_owned(), "login".to_owned()));
    login.into_iter().chain(race.uses.iter().filter_map(line)).collect()
}
