//! `/lab`: one story under every answer, side by side.
//!
//! The page asks for a prediction first: whoever has said what they expect looks at the result differently. Everything is in
//! the address, so a result can be passed on, and the same address shows the same story: it begins at a fixed instant and
//! draws its randomness from a fixed seed.

use std::{sync::LazyLock, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_api::{Problem, Rescind, Visitor};
use rescind_lab::{
    Answer,
    comparison::{Costs, Lane, Scenario, ScenarioError, Stolen, What, compare},
};
use serde::Deserialize;
use url::form_urlencoded;

use super::{
    timeline::{self, Room, Timeline},
    words::of_answer,
};
use crate::{
    content::{file, maybe_named},
    pages::{
        Site, draw,
        frame::{Frame, Who},
        times,
    },
};

pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/lab").route(crate::pages::read().to(show)));
}

/// Every story begins at the same instant, so that the same address shows the same.
const BEGINNING: Timestamp = Timestamp::constant(1_767_268_800, 0);
const SEED: u64 = 7;

/// How many of the six answers; it is never all of them.
const NUMBERS: [&str; 6] = ["none", "one", "two", "three", "four", "five"];

/// What the file says: the stories worth telling, and the times that can be set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offered {
    story: Vec<Story>,
    time: Vec<Time>,
}

static OFFERED: LazyLock<Offered> = LazyLock::new(|| file!("comparison.toml").data());

/// A story. What it does not say is as usual.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    slug: String,
    title: String,
    point: String,
    #[serde(default, deserialize_with = "maybe_named")]
    short: Option<humantime::Duration>,
    #[serde(default, deserialize_with = "maybe_named")]
    long: Option<humantime::Duration>,
    #[serde(default, deserialize_with = "maybe_named")]
    grace: Option<humantime::Duration>,
    #[serde(default, deserialize_with = "maybe_named")]
    theft: Option<humantime::Duration>,
    #[serde(default, deserialize_with = "maybe_named")]
    logout: Option<humantime::Duration>,
    #[serde(default)]
    loot: String,
}

/// A time that can be set.
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
        let usual = Scenario::default();
        let or = |time: Option<humantime::Duration>, usual: Duration| time.map_or(usual, Into::into);
        Scenario {
            short: or(self.short, usual.short),
            long: or(self.long, usual.long),
            grace: or(self.grace, usual.grace),
            stolen: stolen(&self.loot).unwrap_or(usual.stolen),
            theft: or(self.theft, usual.theft),
            logout: or(self.logout, usual.logout),
        }
    }

    fn address(&self) -> String {
        format!("/lab?story={}&show=1", self.slug)
    }
}

fn stolen(slug: &str) -> Option<Stolen> {
    Stolen::ALL.into_iter().find(|stolen| stolen.slug() == slug)
}

/// A time, as it was typed.
struct Field {
    time: &'static Time,
    value: String,
    error: Option<String>,
}

/// What an address asks for.
struct Asked {
    /// Which answers are predicted to refuse the copy right after the logout; nothing, if nobody was asked.
    guess: Option<Vec<Answer>>,
    /// Whether the result is wanted, with or without a prediction.
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

        let mut unreadable = Vec::new();
        let mut typed = |name: &str, time: &mut Duration| match of(name) {
            Some(text) => {
                let read = humantime::parse_duration(text.trim());
                unreadable.push(read.is_err());
                *time = read.unwrap_or(*time);
                text.chars().take(40).collect()
            }
            None => {
                unreadable.push(false);
                humantime::format_duration(*time).to_string()
            }
        };
        let values = [
            (typed("short", &mut scenario.short), ScenarioError::Short),
            (typed("long", &mut scenario.long), ScenarioError::Long),
            (typed("grace", &mut scenario.grace), ScenarioError::Grace),
            (typed("theft", &mut scenario.theft), ScenarioError::Theft),
            (typed("logout", &mut scenario.logout), ScenarioError::Logout),
        ];
        let errors = scenario.errors();
        let fields = OFFERED.time.iter().zip(values).zip(unreadable);
        let fields = fields.map(|((time, (value, wrong)), unreadable)| Field {
            time,
            value,
            error: if unreadable {
                Some("must be a time, such as 90s, 5m or 12h".to_owned())
            } else {
                errors.contains(&wrong).then(|| wrong.to_string())
            },
        });
        let guesses: Vec<_> = pairs.iter().filter(|(name, _)| name == "guess").collect();
        let guess = guesses.iter().filter_map(|(_, slug)| slug.parse().ok()).collect();
        Self {
            shows: !guesses.is_empty() || pairs.iter().any(|(name, _)| name != "guess"),
            guess: (!guesses.is_empty()).then_some(guess),
            stolen: scenario.stolen,
            scenario,
            fields: fields.collect(),
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
    result: Option<Played>,
}

/// What came of a story: the picture, and the table with the same content. Any page can hold one, with `{{ drawn|safe }}`.
#[derive(Template)]
#[template(path = "lab/compare_drawn.html")]
pub(crate) struct Played {
    lanes: Vec<Lane>,
    scenario: Scenario,
    pictures: [Timeline; 2],
}

/// Plays a story, to be put into a page.
///
/// # Errors
/// 500, for a scenario that contradicts itself.
pub(crate) async fn drawn(scenario: Scenario) -> actix_web::Result<Played> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let lanes = compare(&scenario, BEGINNING, &mut rng).await.map_err(|error| {
        tracing::error!(%error, "a comparison could not be made");
        actix_web::error::ErrorInternalServerError("a comparison could not be made")
    })?;
    Ok(Played {
        pictures: [Room::Wide, Room::Narrow].map(|room| timeline::draw(&scenario, &lanes, room)),
        lanes,
        scenario,
    })
}

impl Played {
    /// Whether something like this happened anywhere: the legend explains what is to be seen.
    fn shows(&self, what: What) -> bool {
        let mut marks = self.lanes.iter().flat_map(|lane| &lane.marks);
        marks.any(|mark| mark.what == what)
    }

    fn after(&self, lane: &Lane) -> u64 {
        lane.seconds_inside_after(self.scenario.logout)
    }

    fn refuses(&self, lane: &Lane) -> bool {
        self.after(lane) == 0
    }

    /// What the picture shows, in a sentence.
    fn summary(&self) -> String {
        let open: Vec<_> = self.lanes.iter().filter(|lane| !self.refuses(lane)).collect();
        match open.iter().max_by_key(|lane| self.after(lane)) {
            None => "In this story every answer keeps the thief out after the logout.".to_owned(),
            Some(longest) => format!(
                "Under {} of the six answers what was stolen still works after the logout; under “{}” for another {}.",
                NUMBERS.get(open.len()).unwrap_or(&"all"),
                longest.answer.name(),
                span(self.after(longest)),
            ),
        }
    }

    /// One sentence for one answer.
    fn sentence(&self, lane: &Lane) -> String {
        let after = self.after(lane);
        let mut said = match (after, lane.inside.is_empty(), lane.inside.last()) {
            (0, true, _) => "There was nothing to steal, so the thief never got in".to_owned(),
            (0, false, Some((_, to))) if *to < self.scenario.logout => {
                format!(
                    "The thief was out {} before you left",
                    times::length(self.scenario.logout - *to)
                )
            }
            (0, ..) => "The thief was out at the moment of your logout".to_owned(),
            (after, ..) => format!("You are out, and the thief stays inside for another {}", span(after)),
        };
        said.push_str(match lane.thrown_out {
            0 => ".",
            1 => "; and you were thrown out once on the way.",
            _ => "; and you were thrown out again and again on the way.",
        });
        said
    }

    /// A whole number under every answer that there is; another would be shown to the hundredth.
    fn per_call(&self, count: &u32, costs: &Costs) -> String {
        let hundredths = (f64::from(*count) / f64::from(costs.calls.max(1)) * 100.0).round();
        (hundredths / 100.0).to_string()
    }

    /// How many predictions were right, kindly.
    fn score(&self, guess: &[Answer]) -> String {
        match self.judged(guess).iter().filter(|judged| judged.right).count() {
            6 => "All six are as you expected.".to_owned(),
            0 => "None of the six is as you expected: then this page is worth your while.".to_owned(),
            right => format!("{right} of the six are as you expected; the rest is worth a second look."),
        }
    }

    /// The predictions that were right, and those that were not.
    fn judged(&self, guess: &[Answer]) -> Vec<Judged> {
        self.lanes
            .iter()
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

/// What became of a prediction.
struct Judged {
    answer: Answer,
    refuses: bool,
    right: bool,
    /// Also where the story was set so that a short life ended in time.
    why: &'static str,
}

fn span(seconds: u64) -> String {
    times::length(Duration::from_secs(seconds))
}

async fn show(
    request: HttpRequest,
    visitor: Result<Visitor, Problem>,
    site: web::Data<Site>,
    rescind: Rescind,
) -> actix_web::Result<HttpResponse> {
    let who = site.who_if_known(&rescind, &visitor).await;
    let asked = Asked::read(request.query_string());
    let result = if asked.shows && !asked.is_wrong() {
        Some(drawn(asked.scenario).await?)
    } else {
        None
    };
    let status = if asked.is_wrong() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let frame = site.frame(&request, "The lab: does a stolen token still work?", who);
    draw(status, &Page { frame, asked, result })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_story_can_be_played_and_has_an_address_of_its_own() {
        for story in Story::all() {
            assert_eq!(story.scenario().errors(), [], "{}", story.slug);
            let query = story.address();
            let asked = Asked::read(query.split_once('?').unwrap().1);
            assert!(asked.shows && !asked.is_wrong() && asked.guess.is_none());
            assert_eq!(asked.scenario, story.scenario(), "{}", story.slug);
        }
    }

    #[test]
    fn what_is_typed_comes_back_with_what_is_wrong_with_it() {
        let asked = Asked::read("short=soon&theft=20m&logout=10m");
        let wrong: Vec<_> = asked
            .fields
            .iter()
            .filter_map(|field| Some((field.time.name.as_str(), field.value.as_str(), field.error.as_deref()?)))
            .collect();
        assert_eq!(
            wrong,
            [
                ("short", "soon", "must be a time, such as 90s, 5m or 12h"),
                ("theft", "20m", "must be whole seconds, and before the logout"),
            ]
        );
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
