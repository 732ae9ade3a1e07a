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
use url::form_urlencoded;

use super::race_view::{Drawing, Row, Said, Told, finding, told, trade};
use crate::pages::{
    Site, draw,
    frame::{Frame, Who},
};

pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/lab/race").route(crate::pages::read().to(show)));
}

const SEED: u64 = 7;
const GRACES: [u64; 3] = [0, 10, 30];

/// One switch of the form.
struct Switch {
    name: &'static str,
    label: &'static str,
    /// The values, and what they are called. The first is the one at the beginning, unless another is said to be.
    options: &'static [(&'static str, &'static str)],
    usual: &'static str,
}

const SWITCHES: [Switch; 5] = [
    Switch {
        name: "swap",
        label: "The server writes",
        options: &[("on", "by compare-and-swap"), ("off", "by reading, then writing")],
        usual: "on",
    },
    Switch {
        name: "grace",
        label: "Grace",
        options: &[("0", "none"), ("10", "10 s"), ("30", "30 s")],
        usual: "10",
    },
    Switch {
        name: "apart",
        label: "The second one comes",
        options: &[
            ("0", "at once"),
            ("5", "5 s later"),
            ("20", "20 s later"),
            ("60", "a minute later"),
        ],
        usual: "0",
    },
    Switch {
        name: "lost",
        label: "The first one’s reply",
        options: &[("no", "arrives"), ("yes", "is lost")],
        usual: "no",
    },
    Switch {
        name: "thief",
        label: "The second one is",
        options: &[("no", "another tab of yours"), ("yes", "a thief")],
        usual: "no",
    },
];

/// A switch as it was set.
struct Set {
    switch: &'static Switch,
    value: &'static str,
    error: Option<&'static str>,
}

impl Set {
    /// Reads all five. What no option is called is told beside the switch, which then stands as usual.
    fn read(query: &str) -> [Self; 5] {
        SWITCHES.each_ref().map(|switch| {
            let asked = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == switch.name);
            let known = |asked: &str| {
                switch
                    .options
                    .iter()
                    .map(|(value, _)| *value)
                    .find(|value| *value == asked)
            };
            let (value, error) = match asked {
                None => (switch.usual, None),
                Some((_, asked)) => match known(&asked) {
                    Some(value) => (value, None),
                    None => (switch.usual, Some("Choose one of these.")),
                },
            };
            Self { switch, value, error }
        })
    }
}

fn setup([swap, grace, apart, lost, thief]: &[Set; 5]) -> RaceSetup {
    let seconds = |set: &Set| Duration::from_secs(set.value.parse().unwrap_or_default());
    RaceSetup {
        swap: match swap.value {
            "off" => Swap::ReadThenWrite,
            _ => Swap::CompareAndSwap,
        },
        grace: seconds(grace),
        apart: seconds(apart),
        reply: match lost.value {
            "yes" => FirstReply::Lost,
            _ => FirstReply::Arrives,
        },
        second: match thief.value {
            "yes" => Second::Thief,
            _ => Second::Tab,
        },
    }
}

#[derive(Template)]
#[template(path = "lab/race.html")]
struct Page {
    frame: Frame,
    switches: [Set; 5],
    played: Option<Played>,
}

/// What was run, as it is shown.
struct Played {
    setup: RaceSetup,
    finding: Told,
    told: Vec<Told>,
    drawing: Drawing,
    rows: Vec<Row>,
    trade: Vec<String>,
    rotations: usize,
    turned_down: usize,
}

impl Played {
    async fn play(setup: RaceSetup) -> Result<Self, RaceError> {
        let mut rows = Vec::new();
        for grace in GRACES.map(Duration::from_secs) {
            let run = |second| {
                let setup = RaceSetup { grace, second, ..setup };
                Race::run(setup, StdRng::seed_from_u64(SEED))
            };
            rows.push(Row::of(
                grace == setup.grace,
                &run(Second::Tab).await?,
                &run(Second::Thief).await?,
            ));
        }
        let race = Race::run(setup, StdRng::seed_from_u64(SEED)).await?;
        Ok(Self {
            setup,
            finding: finding(&race),
            told: told(&race),
            drawing: Drawing::of(&race),
            trade: trade(&race, &rows),
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
    let switches = Set::read(request.query_string());
    let (status, played) = if switches.iter().any(|set| set.error.is_some()) {
        (StatusCode::UNPROCESSABLE_ENTITY, None)
    } else {
        let played = Played::play(setup(&switches)).await.map_err(failed)?;
        (StatusCode::OK, Some(played))
    };
    let page = Page {
        frame: site.frame(&request, "Two tabs, one token", who),
        switches,
        played,
    };
    draw(status, &page)
}

fn failed(error: impl fmt::Display) -> actix_web::Error {
    tracing::error!(%error, "a race could not be run");
    actix_web::error::ErrorInternalServerError("a race could not be run")
}
