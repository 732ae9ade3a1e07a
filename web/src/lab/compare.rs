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
    comparison::{ComparisonError, Costs, Lane, Scenario, ScenarioError, Stolen, What, compare},
};
use serde::Deserialize;
use url::form_urlencoded;

use super::words::of_answer;
use crate::{
    computed::Computed,
    content::{Case, Facts, file, say, yes},
    pages::{Reader, draw, frame::Frame, times},
    trace::Said,
    trace::timeline::{self, Room, Timeline},
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

/// The file: the stories to tell, and the times that can be set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offered {
    story: Vec<Story>,
    time: Vec<Time>,
    thief: Vec<Case<String>>,
    you: Vec<Case<String>>,
    score: Vec<Case<String>>,
    summary: Vec<Case<String>>,
}

static OFFERED: LazyLock<Offered> = LazyLock::new(|| file!("comparison.toml").data());

/// A story. Values that it does not set have their defaults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
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

impl Story {
    fn all() -> &'static [Self] {
        &OFFERED.story
    }

    fn scenario(&self) -> Scenario {
        let mut scenario = Scenario::default();
        for (name, time, _) in times_of(&mut scenario) {
            let set = self.set.get(name).and_then(|set| humantime::parse_duration(set).ok());
            *time = set.unwrap_or(*time);
        }
        let loot = self.set.get("loot").and_then(|loot| stolen(loot));
        scenario.stolen = loot.unwrap_or(scenario.stolen);
        scenario
    }

    fn address(&self) -> String {
        format!("/lab?story={}&show=1", self.slug)
    }
}

fn stolen(slug: &str) -> Option<Stolen> {
    Stolen::ALL.into_iter().find(|stolen| stolen.slug() == slug)
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

struct Asked {
    /// The answers predicted to refuse the copy right after the logout; `None` without a prediction.
    guess: Option<Vec<Answer>>,
    /// Whether to show the result, with or without a prediction.
    shows: bool,
    scenario: Scenario,
    stolen: Stolen,
    fields: Vec<Field>,
}

impl Asked {
    fn read(query: &str) -> Self {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let of = |name: &str| {
            pairs
                .iter()
                .find(|(found, _)| found == name)
                .map(|(_, value)| value.as_str())
        };
        let story = Story::all().iter().find(|story| of("story") == Some(&story.slug));
        let mut scenario = story.map(Story::scenario).unwrap_or_default();
        scenario.stolen = of("loot").and_then(stolen).unwrap_or(scenario.stolen);

        let typed = times_of(&mut scenario).map(|(name, time, wrong)| {
            let text = of(name).map(str::to_owned);
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
        Self {
            shows: !guesses.is_empty() || pairs.iter().any(|(name, _)| name != "guess"),
            guess: (!guesses.is_empty()).then_some(guess),
            stolen: scenario.stolen,
            scenario,
            fields,
        }
    }

    fn predicts(&self, answer: &Answer) -> bool {
        self.guess.as_ref().is_some_and(|guess| guess.contains(answer))
    }

    fn is_wrong(&self) -> bool {
        self.fields.iter().any(|field| field.error.is_some())
    }
}

#[derive(Template)]
#[template(path = "lab/compare.html")]
struct Page {
    frame: Frame,
    asked: Asked,
    result: Option<Arc<Played>>,
}

/// A story's result: the picture, and the table with the same content. A page includes it with `{{ drawn|safe }}`.
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

async fn play(scenario: Scenario) -> Result<Played, ComparisonError> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let lanes = compare(&scenario, BEGINNING, &mut rng).await?;
    Ok(Played {
        pictures: [Room::Wide, Room::Narrow].map(|room| timeline::draw(&scenario, &lanes, room)),
        lanes,
        scenario,
    })
}

impl Played {
    /// Whether this happened in any lane: the legend explains only what is shown.
    fn shows(&self, what: What) -> bool {
        let mut marks = self.lanes.iter().flat_map(|lane| &lane.marks);
        marks.any(|mark| mark.what == what)
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

    pub(crate) fn said(&self, lane: &Lane) -> Said {
        match (lane.nothing_stolen(), self.refuses(lane)) {
            (true, _) => Said::Unknown,
            (_, true) => Said::KeptOut,
            _ => Said::ThiefIn,
        }
    }

    fn summary(&self) -> String {
        let count = |is: Said| number(self.lanes.iter().filter(|lane| self.said(lane) == is).count());
        let mut facts = Facts::default()
            .with("open", count(Said::ThiefIn))
            .with("shut", count(Said::KeptOut))
            .with("idle", count(Said::Unknown));
        if let Some(longest) = self.lanes.iter().max_by_key(|lane| self.after(lane)) {
            facts.set("longest", longest.answer.name());
            facts.set("for", self.works_for(longest));
        }
        say(&OFFERED.summary, &facts)
    }

    fn sentence(&self, lane: &Lane) -> String {
        let ended = lane
            .inside
            .last()
            .map(|(_, to)| self.scenario.logout.saturating_sub(*to));
        let early = ended.filter(|early| !early.is_zero());
        let facts = Facts::default()
            .with("stolen", yes(!lane.nothing_stolen()))
            .with("works", yes(!self.refuses(lane)))
            .with("for", self.works_for(lane))
            .with("inside", yes(!lane.inside.is_empty()))
            .with("early", yes(early.is_some()))
            .with("before", times::length(early.unwrap_or_default()))
            .with("thrown_out", lane.thrown_out.to_string());
        say(&OFFERED.thief, &facts) + &say(&OFFERED.you, &facts)
    }

    /// The store calls of one request, for a narrow table.
    pub(crate) fn asked(&self, costs: &Costs) -> String {
        let of = |reads: &u32, name: &str| {
            (*reads > 0).then(|| format!("the {name}, {}\u{a0}×", self.per_call(reads, costs)))
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
        let right = judged.iter().filter(|judged| judged.right).count();
        let missed = judged.len() - right;
        let facts = Facts::default()
            .with("right", right.to_string())
            .with("all", judged.len().to_string());
        say(&OFFERED.score, &facts.with("missed", missed.to_string()))
    }

    fn judged(&self, guess: &[Answer]) -> Vec<Judged> {
        let lanes = self.lanes.iter().filter(|lane| !lane.nothing_stolen());
        lanes
            .map(|lane| {
                let (predicted, refuses) = (guess.contains(&lane.answer), self.refuses(lane));
                let words = of_answer(lane.answer);
                Judged {
                    answer: lane.answer,
                    refuses,
                    right: predicted == refuses,
                    why: if refuses { &words.refuses } else { &words.lets_in },
                }
            })
            .collect()
    }
}

struct Judged {
    answer: Answer,
    refuses: bool,
    right: bool,
    /// Also if the copy expired before the logout.
    why: &'static str,
}

fn span(seconds: u64) -> String {
    times::length(Duration::from_secs(seconds))
}

async fn show(reader: Reader) -> actix_web::Result<HttpResponse> {
    let asked = Asked::read(reader.request.query_string());
    let (status, result) = match (asked.is_wrong(), asked.shows) {
        (true, _) => (StatusCode::UNPROCESSABLE_ENTITY, None),
        (false, true) => (StatusCode::OK, Some(drawn(asked.scenario).await?)),
        (false, false) => (StatusCode::OK, None),
    };
    let frame = reader.frame("The lab: does a stolen token still work?").await;
    draw(status, &Page { frame, asked, result })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_story_can_be_played_and_has_its_own_address() {
        for story in Story::all() {
            assert_eq!(story.scenario().errors(), [], "{}", story.slug);
            for (name, text) in &story.set {
                let offered = OFFERED.time.iter().any(|time| time.name == *name);
                let is_time = offered && humantime::parse_duration(text).is_ok();
                assert!(
                    is_time || name == "loot" && stolen(text).is_some(),
                    "{}: {name}",
                    story.slug
                );
            }
            let query = story.address();
            let asked = Asked::read(query.split_once('?').unwrap().1);
            assert!(asked.shows && !asked.is_wrong() && asked.guess.is_none());
            assert_eq!(asked.scenario, story.scenario(), "{}", story.slug);
        }
    }

    #[test]
    fn a_prediction_can_be_that_none_of_them_refuses() {
        assert_eq!(Asked::read("guess=none").guess, Some(Vec::new()));
        assert_eq!(
            Asked::read("guess=stored&guess=sessions").guess,
            Some(vec![Answer::Tokens(rescind_session::Preset::Stored), Answer::Sessions])
        );
        let bare = Asked::read("");
        assert!(bare.guess.is_none() && !bare.shows);
    }
}
