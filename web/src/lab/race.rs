//! `/lab/race`: two tabs refresh with the same token, or you and a thief.
//!
//! The switches are in the address, so a result can be passed on, and the same address shows the same story. It is run for
//! each of the three graces, once with a second tab and once with a thief in its place: what the page says of the trade
//! between the two is what these runs came to.

use std::{fmt, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use rand::{SeedableRng, rngs::StdRng};
use rescind_api::{Problem, Rescind, Visitor};
use rescind_lab::race::{FirstReply, Race, RaceError, RaceSetup, Second, Swap};

use super::race_view::{Drawing, Row, WORDS, finding, told, trade};
use crate::{
    choices::{Choices, Control},
    pages::{
        Site, draw,
        frame::{Frame, Who},
    },
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
    played: Option<Played>,
}

/// What was run, as it is shown.
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
    async fn play(setup: RaceSetup, choices: &Choices) -> Result<Self, RaceError> {
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
            finding: finding(&race),
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

/// `GET /lab/race`
async fn show(
    request: HttpRequest,
    visitor: Result<Visitor, Problem>,
    site: web::Data<Site>,
    rescind: Rescind,
) -> actix_web::Result<HttpResponse> {
    let who = site.who_if_known(&rescind, &visitor).await;
    let switches = &WORDS.switches;
    let choices = Choices::read(switches, request.query_string());
    let (status, played) = if choices.any_wrong() {
        (StatusCode::UNPROCESSABLE_ENTITY, None)
    } else {
        let played = Played::play(setup(&choices), &choices).await.map_err(failed)?;
        (StatusCode::OK, Some(played))
    };
    let page = Page {
        frame: site.frame(&request, "Two tabs, one token", who),
        switches,
        choices,
        played,
    };
    draw(status, &page)
}

fn failed(error: impl fmt::Display) -> actix_web::Error {
    tracing::error!(%error, "a race could not be run");
    actix_web::error::ErrorInternalServerError("a race could not be run")
}
