//! One answer, step by step: `/lab/{answer}`.
//!
//! A button is a POST that leads back here; a GET, also of an earlier step, computes nothing and changes no state. A button that is not possible
//! any more, on a page that stayed open or was never drawn, is answered with the reason and the current page.

use std::{borrow::Borrow, ops::RangeInclusive, time::Duration};

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use jiff::Timestamp;
use rescind_api::{FieldError, Form, Problem, Rescind};
use rescind_lab::{Action, Answer, Loot, MOST_STEPS, PASSWORD, Setup, Step, USERNAME};
use rescind_session::Check;
use serde::Deserialize;

use super::{
    Sandboxes,
    buttons::{self, may},
    everything::{Everything, newest, scope, short},
    sandboxes::Pair,
    staged::staged,
    steps::{Steps, outcomes},
    telling::Context,
    words::{AnswerWords, SENTENCES, label, of_action, of_answer},
};
use crate::{
    content::{Facts, say, yes},
    pages::{Reader, draw, failed, form::Refusal, frame::Frame, see_other, times::to_the_second, with_cookies},
    trace::{
        Shown, cost, moment,
        stage::{Button, Stage},
    },
};

/// The longest lifetime of an access token or a plain session here.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const A_SECOND: Duration = Duration::from_secs(1);
const NOT_BEGUN: &str = "a sandbox could not be begun";

pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/lab/{answer}").route(crate::pages::read().to(show)))
        .service(web::resource("/lab/{answer}/do").route(web::post().to(press)))
        .service(web::resource("/lab/{answer}/restart").route(web::post().to(restart)));
}

#[derive(Deserialize)]
struct Choice {
    step: Option<String>,
}

#[derive(Deserialize)]
struct Pressed {
    action: String,
}

#[derive(Deserialize, Default)]
struct Lifetimes {
    access: Option<String>,
    grace: Option<String>,
}

#[derive(Template)]
#[template(path = "lab/answer.html")]
struct Page<'a> {
    frame: Frame,
    answer: Answer,
    choosing: &'static AnswerWords,
    stage: Stage,
    /// The step shown; 0 is the start.
    step: usize,
    lives: String,
    chaos: Vec<Button>,
    steps: Steps<'a>,
    wires: Vec<Shown<'a>>,
    everything: Option<Everything>,
    costs: Vec<(&'static str, String, String)>,
    other: Answer,
    lifetimes: Lifetimes,
    refusal: Refusal,
}

impl Page<'_> {
    fn chapter(&self) -> &str {
        self.choosing.chapter.as_deref().unwrap_or(self.answer.slug())
    }

    fn life_label(&self) -> &'static str {
        match self.answer {
            Answer::Sessions => "A session lives",
            _ => "An access token lives",
        }
    }

    fn deed(&self, step: &Step) -> &'static str {
        &of_action(step.action, self.answer).deed
    }

    /// Templates pass some numbers by value and some by reference.
    fn at(&self, step: impl Borrow<usize>) -> String {
        format!("/lab/{}?step={}", self.answer.slug(), step.borrow())
    }
}

type Look = (Reader, web::Data<Sandboxes>);

#[derive(Default)]
struct Special {
    step: Option<usize>,
    notice: Option<String>,
    /// The lifetimes as they were typed, if one is wrong.
    refused: Option<(Lifetimes, Refusal)>,
}

/// `GET /lab/{answer}`
async fn show(look: Look, slug: web::Path<String>, choice: web::Query<Choice>) -> actix_web::Result<HttpResponse> {
    let special = Special {
        step: choice.step.as_deref().and_then(|step| step.parse().ok()),
        ..Special::default()
    };
    draw_own(&look, StatusCode::OK, answer(&slug)?, special).await
}

/// Draws the visitor's own sandbox, or the one in which no button was pressed.
async fn draw_own(
    look: &Look,
    status: StatusCode,
    answer: Answer,
    special: Special,
) -> actix_web::Result<HttpResponse> {
    let (reader, sandboxes) = look;
    if let Some(bench) = sandboxes.of(&reader.request)
        && let Some(pair) = bench.wait(answer).await.as_ref()
    {
        return draw_one(look, status, pair, special).await;
    }
    let untouched = sandboxes.untouched(answer, now(&reader.rescind)?).await;
    draw_one(look, status, untouched.map_err(failed(NOT_BEGUN))?, special).await
}

/// `POST /lab/{answer}/do`
async fn press(look: Look, slug: web::Path<String>, Form(pressed): Form<Pressed>) -> actix_web::Result<HttpResponse> {
    let answer = answer(&slug)?;
    let (reader, sandboxes) = &look;
    let known = sandboxes.known(&reader.request);
    let mut turn = sandboxes.turn(&known, answer).await;
    let pair = match &mut *turn.pair {
        Some(pair) => pair,
        none => {
            let setup = Setup::new(answer, now(&reader.rescind)?);
            none.insert(sandboxes.fresh(setup).await.map_err(failed(NOT_BEGUN))?)
        }
    };
    let refusal = match pressed.action.parse::<Action>() {
        Ok(action) => match pair.press(action).await {
            Ok(()) => None,
            Err(refused) => Some(format!("“{}” cannot be pressed now: {refused}.", label(action))),
        },
        Err(_) => Some("There is no such button.".to_owned()),
    };
    let reply = match refusal {
        None => see_other(&format!("/lab/{}", answer.slug())),
        Some(notice) => {
            let special = Special {
                notice: Some(notice),
                ..Special::default()
            };
            draw_one(&look, StatusCode::CONFLICT, pair, special).await?
        }
    };
    drop(turn);
    with_cookies(reply, known.cookie.as_slice())
}

/// `POST /lab/{answer}/restart`
async fn restart(
    look: Look,
    slug: web::Path<String>,
    Form(lifetimes): Form<Lifetimes>,
) -> actix_web::Result<HttpResponse> {
    let answer = answer(&slug)?;
    let (reader, sandboxes) = &look;
    match lifetimes.chosen(Setup::new(answer, now(&reader.rescind)?)) {
        Ok(setup) => {
            let known = sandboxes.known(&reader.request);
            sandboxes.begin(&known, setup).await.map_err(failed(NOT_BEGUN))?;
            let reply = see_other(&format!("/lab/{}", answer.slug()));
            with_cookies(reply, known.cookie.as_slice())
        }
        Err(refused) => {
            let special = Special {
                refused: Some(refused),
                ..Special::default()
            };
            draw_own(&look, StatusCode::UNPROCESSABLE_ENTITY, answer, special).await
        }
    }
}

fn answer(slug: &str) -> Result<Answer, Problem> {
    slug.parse().map_err(|_| Problem::NotFound)
}

fn now(rescind: &Rescind) -> Result<Timestamp, Problem> {
    Ok(rescind.service().now()?)
}

async fn draw_one(look: &Look, status: StatusCode, pair: &Pair, special: Special) -> actix_web::Result<HttpResponse> {
    let (sandbox, beside) = (&pair.own, &pair.beside);
    let setup = sandbox.setup();
    let answer = setup.answer;
    let context = Context::at(setup, sandbox.steps(), special.step);
    let shown = context.steps.last();
    let everything = |snapshot| Everything {
        snapshot,
        answer,
        started: setup.started,
        asks_blacklist: context.check == Check::Blacklist,
    };
    let mut stage = staged(&context, "", |step| {
        let step = step.map_or_else(String::new, |step| format!("?step={step}"));
        format!("/lab/{}{step}", answer.slug())
    });
    stage.notice = special.notice;
    let refused = special.refused;
    let (lifetimes, refusal) = refused.unwrap_or_else(|| (Lifetimes::of(setup), Refusal::default()));
    buttons::add(&mut stage, sandbox, &context);
    let page = Page {
        frame: look.0.frame(format!("{}, step by step", answer.name())).await,
        answer,
        choosing: of_answer(answer),
        stage,
        step: context.steps.len(),
        lives: lives(setup),
        chaos: if context.is_past() {
            Vec::new()
        } else {
            may(sandbox, "break")
        },
        steps: Steps::of(&context),
        wires: shown.map_or(Vec::new(), |step| {
            step.exchanges.iter().chain(&step.news).map(Shown).collect()
        }),
        everything: match shown {
            Some(step) => Some(everything(step.after.clone())),
            None if sandbox.steps().is_empty() => Some(everything(sandbox.snapshot().await)),
            None => None,
        },
        costs: cost::table(sandbox, beside),
        other: beside.setup().answer,
        lifetimes,
        refusal,
    };
    draw(status, &page)
}

fn lives(setup: &Setup) -> String {
    let mut facts = Facts::default()
        .with("answer", setup.answer.slug())
        .with("session", to_the_second(setup.session_life))
        .with("access", to_the_second(setup.policy.access_ttl))
        .with("refreshes", yes(setup.policy.refresh.is_some()));
    if let Some(refresh) = setup.policy.refresh {
        facts.set("idle", to_the_second(refresh.ttl));
        facts.set("grace", to_the_second(refresh.grace));
    }
    say(&SENTENCES.lives, &facts)
}

impl Lifetimes {
    fn of(setup: &Setup) -> Self {
        let words = |time| humantime::format_duration(time).to_string();
        let access = match setup.answer {
            Answer::Sessions => setup.session_life,
            _ => setup.policy.access_ttl,
        };
        let refresh = setup.policy.refresh.filter(|_| setup.answer.preset().is_some());
        Self {
            access: Some(words(access)),
            grace: refresh.map(|refresh| words(refresh.grace)),
        }
    }

    /// The setup with these lifetimes; or what was typed, with its errors.
    fn chosen(self, mut setup: Setup) -> Result<Setup, (Self, Refusal)> {
        let usual = Self::of(&setup);
        let mut typed = Self {
            access: self.access.or(usual.access),
            grace: usual.grace.map(|usual| self.grace.unwrap_or(usual)),
        };
        let mut refusal = Refusal::default();
        let must = FieldError::new("access", "must be between 1s and 7days, in whole seconds");
        if let Some(access) = read(&mut typed.access, A_SECOND..=LONGEST, must, &mut refusal) {
            setup.policy.access_ttl = access;
            setup.session_life = access;
        }
        if let Some(refresh) = &mut setup.policy.refresh {
            let allowed = Duration::ZERO..=setup.policy.access_ttl;
            let must = "must be at most as long as an access token lives, in whole seconds";
            if let Some(grace) = read(&mut typed.grace, allowed, FieldError::new("grace", must), &mut refusal) {
                refresh.grace = grace;
            }
        }
        match refusal.fields.is_empty() {
            true => Ok(setup),
            false => Err((typed, refusal)),
        }
    }
}

/// Parses what was typed as a length of time, if it is an allowed one.
fn read(
    typed: &mut Option<String>,
    allowed: RangeInclusive<Duration>,
    must: FieldError,
    refusal: &mut Refusal,
) -> Option<Duration> {
    let typed = typed.as_mut()?;
    let time = humantime::parse_duration(typed.trim())
        .ok()
        .filter(|time| allowed.contains(time) && time.subsec_nanos() == 0);
    if time.is_none() {
        typed.truncate(typed.floor_char_boundary(40));
        refusal.fields.push(must);
    }
    time
}
