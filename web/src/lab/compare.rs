//! `/lab`: one story under every answer, side by side.
//!
//! The page asks for a prediction first: a reader who predicted looks at the result differently. All settings are in the
//! address, so a result can be shared, and the same address shows the same story: it begins at a fixed instant and draws its
//! randomness from a fixed seed.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_lab::{
    Answer,
    comparison::{Costs, Lane, Scenario, ScenarioError, Stolen, compare},
};
use serde::Deserialize;
use url::form_urlencoded;

use super::words::of_answer;
use crate::{
    computed::Computed,
    content::{Case, Facts, file, say, yes},
    pages::{Reader, draw, frame::Frame, times},
    trace::{
        VerdictColour,
        timeline::{Layout, Timeline},
    },
};

pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/lab").route(crate::pages::read().to(show)));
}

/// Every story begins at the same instant, so that an address always shows the same.
const BEGINNING: Timestamp = Timestamp::constant(1_767_268_800, 0);
const SEED: u64 = 7;

/// How many of the answers, in a word.
fn number(of: usize) -> &'static str {
    const NUMBERS: [&str; Answer::ALL.len()] = ["none", "one", "two", "three", "four", "five", "six", "seven"];
    NUMBERS.get(of).unwrap_or(&"all")
}

/// The file: the stories to tell, the times that can be set, and the marks on a lane.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offered {
    story: Vec<ComparisonStory>,
    time: Vec<Time>,
    mark: Vec<Mark>,
    thief: Vec<Case<String>>,
    verdict: Vec<Case<String>>,
    you: Vec<Case<String>>,
    score: Vec<Case<String>>,
    summary: Vec<Case<String>>,
}

static OFFERED: LazyLock<Offered> = LazyLock::new(|| file!("comparison.toml").data());

/// A story. Values that it does not set have their defaults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComparisonStory {
    slug: String,
    title: String,
    point: String,
    /// As in the address.
    #[serde(default)]
    set: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Time {
    name: String,
    label: String,
    hint: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    kind: String,
    class: String,
    y: i8,
    top: i8,
    /// As SVG path data.
    shape: String,
    /// In the legend.
    says: String,
}

impl ComparisonStory {
    fn all() -> &'static [Self] {
        &OFFERED.story
    }

    fn address(&self) -> String {
        format!("/lab?story={}&show=1", self.slug)
    }
}

/// Each time of a scenario: its name in the address, and its error.
fn times_of(scenario: &mut Scenario) -> [(&'static str, &mut Duration, ScenarioError); 5] {
    [
        ("short", &mut scenario.short, ScenarioError::Short),
        ("long", &mut scenario.long, ScenarioError::Long),
        ("grace", &mut scenario.grace, ScenarioError::Grace),
        ("theft", &mut scenario.theft, ScenarioError::Theft),
        ("logout", &mut scenario.logout, ScenarioError::Logout),
    ]
}

struct Field {
    time: &'static Time,
    value: String,
    error: Option<String>,
}

struct Query {
    /// The answers predicted to refuse the copy right after the logout; `None` without a prediction.
    guess: Option<Vec<Answer>>,
    /// Whether the prediction says "None of them".
    none: bool,
    /// Whether to show the result, with or without a prediction.
    shows: bool,
    scenario: Scenario,
    fields: Vec<Field>,
}

impl Query {
    fn read(query: &str) -> Self {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let asked = |name: &str| pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value);
        let story = ComparisonStory::all()
            .iter()
            .find(|story| asked("story") == Some(&story.slug));
        let of = |name: &str| asked(name).or_else(|| story?.set.get(name));
        let mut scenario = Scenario::default();
        scenario.stolen = of("loot").and_then(|loot| loot.parse().ok()).unwrap_or(scenario.stolen);

        let typed = times_of(&mut scenario).map(|(name, time, wrong)| {
            let text = of(name).cloned();
            let text = text.unwrap_or_else(|| humantime::format_duration(*time).to_string());
            let read = humantime::parse_duration(text.trim());
            *time = read.as_ref().copied().unwrap_or(*time);
            (text, read.is_err(), wrong)
        });
        let errors = scenario.errors();
        let field = |(time, (text, unreadable, wrong)): (&'static Time, (String, bool, ScenarioError))| Field {
            time,
            value: text.chars().take(40).collect(),
            error: if unreadable {
                Some("must be a time, such as 90s, 5m or 12h".to_owned())
            } else {
                errors.contains(&wrong).then(|| wrong.to_string())
            },
        };
        let fields = OFFERED.time.iter().zip(typed).map(field).collect();
        let guesses: Vec<_> = pairs.iter().filter(|(name, _)| name == "guess").collect();
        let guess = guesses.iter().filter_map(|(_, slug)| slug.parse().ok()).collect();
        let none = guesses.iter().any(|(_, slug)| slug == "none");
        Self {
            shows: !guesses.is_empty() || pairs.iter().any(|(name, _)| name != "guess"),
            guess: (!guesses.is_empty()).then_some(guess),
            none,
            scenario,
            fields,
        }
    }

    fn predicts(&self, answer: &Answer) -> bool {
        self.guess.as_ref().is_some_and(|guess| guess.contains(answer))
    }

    /// "None of them", and one of them.
    fn contradicts(&self) -> bool {
        self.none && self.guess.as_ref().is_some_and(|guess| !guess.is_empty())
    }

    fn is_wrong(&self) -> bool {
        self.fields.iter().any(|field| field.error.is_some())
    }
}

#[derive(Template)]
#[template(path = "lab/compare.html")]
struct Page {
    frame: Frame,
    asked: Query,
    result: Option<Arc<Played>>,
}

/// A story's result: the picture, and the table with the same content. A page includes it with `{{ played|safe }}`.
#[derive(Template)]
#[template(path = "lab/compare_drawn.html")]
pub(crate) struct Played {
    pub(crate) lanes: Vec<Lane>,
    scenario: Scenario,
    pictures: [Timeline; 2],
}

static PLAYED: LazyLock<Computed<Scenario, Played>> = LazyLock::new(|| Computed::keeping(64));

/// A story for a page: played, or kept from the last time.
///
/// # Errors
/// 503 if too many are being played; 500 for a scenario that contradicts itself.
pub(crate) async fn drawn(scenario: Scenario) -> actix_web::Result<Arc<Played>> {
    PLAYED.of(&scenario, move || play(scenario)).await
}

async fn play(scenario: Scenario) -> Result<Played, rescind_lab::Error> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let lanes = compare(&scenario, BEGINNING, &mut rng).await?;
    Ok(Played {
        pictures: [Layout::WIDE, Layout::NARROW].map(|layout| Timeline::of(layout, &scenario, &lanes)),
        lanes,
        scenario,
    })
}

impl Played {
    /// Whether this happened in any lane: the legend explains only what is shown.
    fn shows(&self, mark: &Mark) -> bool {
        let mut lanes = self.lanes.iter();
        lanes.any(|lane| !self.pictures[0].places(lane, &mark.kind).is_empty())
    }

    fn after(&self, lane: &Lane) -> u64 {
        lane.seconds_inside_after(self.scenario.logout)
    }

    pub(crate) fn works_for(&self, lane: &Lane) -> String {
        span(self.after(lane))
    }

    pub(crate) fn refuses(&self, lane: &Lane) -> bool {
        self.after(lane) == 0
    }

    pub(crate) fn said(&self, lane: &Lane) -> VerdictColour {
        match (lane.nothing_stolen(), self.refuses(lane)) {
            (true, _) => VerdictColour::Unknown,
            (_, true) => VerdictColour::KeptOut,
            _ => VerdictColour::ThiefIn,
        }
    }

    fn summary(&self) -> String {
        let count = |is: VerdictColour| number(self.lanes.iter().filter(|lane| self.said(lane) == is).count());
        let mut facts = Facts::default()
            .with("open", count(VerdictColour::ThiefIn))
            .with("shut", count(VerdictColour::KeptOut))
            .with("idle", count(VerdictColour::Unknown));
        if let Some(longest) = self.lanes.iter().max_by_key(|lane| self.after(lane)) {
            facts.set("longest", longest.answer.name());
            facts.set("for", self.works_for(longest));
        }
        say(&OFFERED.summary, &facts)
    }

    fn facts(&self, lane: &Lane) -> Facts {
        let ended = lane.inside.last().map(|(_, to)| *to).unwrap_or_default();
        let early = self.scenario.logout.saturating_sub(ended);
        Facts::default()
            .with("stolen", yes(!lane.nothing_stolen()))
            .with("works", yes(!self.refuses(lane)))
            .with("for", self.works_for(lane))
            .with("inside", yes(!lane.inside.is_empty()))
            .with("in_all", span(lane.seconds_inside()))
            .with("early", yes(!early.is_zero()))
            .with("before", times::length(early))
            .with("thrown_out", lane.thrown_out.to_string())
    }

    fn sentence(&self, lane: &Lane) -> String {
        let facts = self.facts(lane);
        say(&OFFERED.thief, &facts) + &say(&OFFERED.you, &facts)
    }

    /// Beside a lane of a picture.
    fn verdict(&self, lane: &Lane, picture: &str) -> String {
        say(&OFFERED.verdict, &self.facts(lane).with("picture", picture))
    }

    /// The store calls of one request: how many, unless it is one.
    pub(crate) fn asked(&self, costs: &Costs) -> String {
        let of = |reads: &u32, name: &str| {
            let count = self.per_call(reads, costs);
            (*reads > 0).then(|| match count.as_str() {
                "1" => format!("the {name}"),
                _ => format!("the {name}, {count}\u{a0}×"),
            })
        };
        let asked = [
            of(&costs.database_reads, "database"),
            of(&costs.blacklist_reads, "blacklist"),
        ];
        let asked: Vec<_> = asked.into_iter().flatten().collect();
        if asked.is_empty() {
            "no store".to_owned()
        } else {
            asked.join(", ")
        }
    }

    /// An integer under each of the answers; any other number would be shown to the hundredth.
    fn per_call(&self, count: &u32, costs: &Costs) -> String {
        let hundredths = (f64::from(*count) / f64::from(costs.calls.max(1)) * 100.0).round();
        (hundredths / 100.0).to_string()
    }

    /// How many predictions were right, in a sentence.
    fn score(&self, guess: &[Answer]) -> String {
        let judged = self.judged(guess);
        let right = judged.iter().filter(|(_, right)| *right).count();
        let missed = judged.len() - right;
        let facts = Facts::default()
            .with("right", right.to_string())
            .with("all", judged.len().to_string());
        say(&OFFERED.score, &facts.with("missed", missed.to_string()))
    }

    /// The lanes in which something was stolen, and whether the prediction of each was right.
    fn judged(&self, guess: &[Answer]) -> Vec<(&Lane, bool)> {
        let lanes = self.lanes.iter().filter(|lane| !lane.nothing_stolen());
        let judged = lanes.map(|lane| (lane, guess.contains(&lane.answer) == self.refuses(lane)));
        judged.collect()
    }
}

fn span(seconds: u64) -> String {
    times::length(Duration::from_secs(seconds))
}

async fn show(reader: Reader) -> actix_web::Result<HttpResponse> {
    let asked = Query::read(reader.request.query_string());
    let (status, result) = match (asked.is_wrong() || asked.contradicts(), asked.shows) {
        (true, _) => (StatusCode::UNPROCESSABLE_ENTITY, None),
        (false, true) => (StatusCode::OK, Some(drawn(asked.scenario).await?)),
        (false, false) => (StatusCode::OK, None),
    };
    let frame = reader.frame("The lab: does a stolen token still work?").await;
    draw(status, &Page { frame, asked, result })
}
