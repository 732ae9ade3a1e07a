//! Logging in.

use std::mem;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use rescind_api::{Form, Problem, Rescind, browser};
use rescind_session::Password;
use serde::Deserialize;

use super::{
    Reader, Site, draw,
    ended::Ended,
    form::{Refusal, draw_again, require},
    frame::{Frame, Who},
    see_other,
};
use crate::accounts::{self, Copies, DEMO_ACCOUNTS, DEMO_PASSWORD};

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    frame: Frame,
    ended: Option<Ended>,
    refusal: Refusal,
    username: &'a str,
    next: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Way {
    pub(crate) next: Option<String>,
}

/// The form's fields. No `Debug`: people type passwords here, sometimes into the wrong field.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) password: String,
    pub(crate) next: Option<String>,
}

/// The visitor may be unknown: this page is the way out for a browser with contradicting cookies.
pub(crate) async fn show(reader: Reader, way: web::Query<Way>) -> actix_web::Result<HttpResponse> {
    let who = reader.who().await?;
    let page = Login {
        ended: Ended::of(&reader.request, &reader.rescind, &who).await,
        frame: reader.frame_for("Log in", who),
        refusal: Refusal::default(),
        username: "",
        next: way.into_inner().next.as_deref().and_then(browser::local_path),
    };
    draw(StatusCode::OK, &page)
}

pub(crate) async fn submit(
    request: HttpRequest,
    site: web::Data<Site>,
    rescind: Rescind,
    copies: Option<web::Data<Copies>>,
    Form(mut typed): Form<Typed>,
) -> actix_web::Result<HttpResponse> {
    let next = typed.next.as_deref().and_then(browser::local_path);
    match log_in(&request, &rescind, copies.as_ref(), &mut typed).await {
        Ok(()) => Ok(see_other(next.as_deref().unwrap_or("/account"))),
        Err(problem) => {
            let page = |refusal| Login {
                frame: site.frame(&request, "Not logged in: Log in", Who::Nobody),
                ended: None,
                refusal,
                username: &typed.username,
                next,
            };
            draw_again(problem, page)
        }
    }
}

async fn log_in(
    request: &HttpRequest,
    rescind: &Rescind,
    copies: Option<&web::Data<Copies>>,
    typed: &mut Typed,
) -> Result<(), Problem> {
    require([("username", typed.username.trim()), ("password", &typed.password)])?;
    // As a demo account, with the password that is shown above, a visitor gets in as their own copy of it.
    if let (Some(copies), Some(account)) = (copies, accounts::public(&typed.username, &typed.password))
        && copies.log_in_browser(request, rescind, account).await?.is_some()
    {
        return Ok(());
    }
    let password = Password::new(mem::take(&mut typed.password));
    browser::log_in(request, rescind, &typed.username, &password)
        .await
        .map(drop)
}
