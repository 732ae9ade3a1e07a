//! Changing the password, with the old one.
//!
//! The old password is required because the session may be stolen: a thief must not be able to take over the account with it.
//! For the same reason the other sessions end with the old password.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use rescind_api::{
    Authenticated, Form, Problem, Rescind, Visitor,
    browser::{self, Notice},
};
use rescind_session::{Password, User, UserKind};
use serde::Deserialize;

use super::{
    Site, draw,
    form::{Refusal, draw_again, draw_problem, require},
    frame::{Frame, Who},
    renewed, see_other, with_cookies,
};
use crate::accounts::shown;

#[derive(Template)]
#[template(path = "password.html")]
struct NewPassword {
    frame: Frame,
    username: String,
    refusal: Refusal,
    /// The access token had expired when the form was sent.
    renewed: bool,
    /// Whether it is a demo account, whose password cannot be changed.
    is_demo: bool,
}

/// A repeat is harmless but not needed: the program does the rest by itself.
const PENDING: &str = "Your password is changed, and your other sessions are ended. For a moment some of their tokens may \
                       still be accepted.";

impl NewPassword {
    fn new(request: &HttpRequest, site: &Site, user: &User, why: &str) -> Self {
        let username = shown(user.username.as_str()).to_owned();
        let title = format!("{why}Change your password");
        Self {
            frame: site.frame(request, title, Who::Somebody(username.clone())),
            username,
            refusal: Refusal::default(),
            renewed: false,
            is_demo: user.kind == UserKind::Demo,
        }
    }
}

/// The form's fields. No `Debug`: they are passwords.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    old_password: String,
    #[serde(default)]
    new_password: String,
}

pub(crate) async fn show(
    request: HttpRequest,
    visitor: Visitor,
    site: web::Data<Site>,
    rescind: Rescind,
) -> actix_web::Result<HttpResponse> {
    let (_, user) = site.owner(&request, &rescind, visitor).await?;
    draw(StatusCode::OK, &NewPassword::new(&request, &site, &user, ""))
}

pub(crate) async fn submit(
    request: HttpRequest,
    visitor: Visitor,
    site: web::Data<Site>,
    rescind: Rescind,
    Form(typed): Form<Typed>,
) -> actix_web::Result<HttpResponse> {
    if matches!(visitor, Visitor::Stale) {
        return renew(&request, &site, &rescind).await;
    }
    let (asks, user) = site.owner(&request, &rescind, visitor).await?;
    match change(&request, &rescind, (&asks, &user), typed).await {
        Ok(()) => {
            let notice = Notice::PasswordChanged.cookie(&rescind, Some(asks.session_id()))?;
            with_cookies(see_other("/account"), &[notice])
        }
        Err(problem @ Problem::RevocationPending(_)) => {
            let refusal = Refusal {
                error: Some(PENDING.to_owned()),
                fields: Vec::new(),
            };
            let page = NewPassword {
                refusal,
                ..NewPassword::new(&request, &site, &user, "Changed, but: ")
            };
            draw_problem(problem, &page)
        }
        Err(problem) => draw_again(problem, |refusal| NewPassword {
            refusal,
            ..NewPassword::new(&request, &site, &user, "Not changed: ")
        }),
    }
}

async fn change(
    request: &HttpRequest,
    rescind: &Rescind,
    asks: (&Authenticated, &User),
    typed: Typed,
) -> Result<(), Problem> {
    require([
        ("old_password", &typed.old_password),
        ("new_password", &typed.new_password),
    ])?;
    let (old, new) = (Password::new(typed.old_password), Password::new(typed.new_password));
    browser::change_password(request, rescind, asks, &old, &new).await
}

/// The form again, with new tokens and empty fields. Other forms come back with hidden fields for the typed text, but a page
/// must not contain a password.
async fn renew(request: &HttpRequest, site: &Site, rescind: &Rescind) -> actix_web::Result<HttpResponse> {
    let renewal = renewed::in_passing(request, rescind).await?;
    let user = rescind.service().user(&renewal.claims().subject).await;
    let Some(user) = user.map_err(Problem::from)? else {
        return Ok(browser::to_login(request));
    };
    let page = NewPassword {
        renewed: true,
        ..NewPassword::new(request, site, &user, "")
    };
    draw(StatusCode::OK, &page)
}
