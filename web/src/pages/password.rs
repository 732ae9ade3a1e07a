//! Changing the password, with the old one.
//!
//! The old password is required because the session may be stolen: a thief must not be able to take over the account with it.
//! For the same reason the other sessions end with the old password.

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;
use rescind_api::{
    Authenticated, Form, Problem, Visitor,
    browser::{self, Notice},
};
use rescind_session::{Password, User, UserKind};
use serde::Deserialize;

use super::{
    Reader, draw,
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
    fn new(reader: &Reader, user: &User, why: &str) -> Self {
        let username = shown(user.username.as_str()).to_owned();
        let title = format!("{why}Change your password");
        Self {
            frame: reader.frame_for(title, Who::Somebody(username.clone())),
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

pub(crate) async fn show(reader: Reader) -> actix_web::Result<HttpResponse> {
    let (_, user) = reader.owner().await?;
    draw(StatusCode::OK, &NewPassword::new(&reader, &user, ""))
}

pub(crate) async fn submit(reader: Reader, Form(typed): Form<Typed>) -> actix_web::Result<HttpResponse> {
    if matches!(reader.visitor()?, Visitor::Stale) {
        return renew(&reader).await;
    }
    let (asks, user) = reader.owner().await?;
    match change(&reader, (&asks, &user), typed).await {
        Ok(()) => {
            let notice = Notice::PasswordChanged.cookie(&reader.rescind, Some(asks.session_id()))?;
            with_cookies(see_other("/account"), &[notice])
        }
        Err(problem @ Problem::RevocationPending(_)) => {
            let refusal = Refusal {
                error: Some(PENDING.to_owned()),
                fields: Vec::new(),
            };
            let page = NewPassword {
                refusal,
                ..NewPassword::new(&reader, &user, "Changed, but: ")
            };
            draw_problem(problem, &page)
        }
        Err(problem) => draw_again(problem, |refusal| NewPassword {
            refusal,
            ..NewPassword::new(&reader, &user, "Not changed: ")
        }),
    }
}

async fn change(reader: &Reader, asks: (&Authenticated, &User), typed: Typed) -> Result<(), Problem> {
    require([
        ("old_password", &typed.old_password),
        ("new_password", &typed.new_password),
    ])?;
    let (old, new) = (Password::new(typed.old_password), Password::new(typed.new_password));
    browser::change_password(&reader.request, &reader.rescind, asks, &old, &new).await
}

/// The form again, with new tokens and empty fields. Other forms come back with hidden fields for the typed text, but a page
/// must not contain a password.
async fn renew(reader: &Reader) -> actix_web::Result<HttpResponse> {
    let renewal = renewed::in_passing(reader).await?;
    let user = reader.rescind.service().user(&renewal.claims().subject).await;
    let Some(user) = user.map_err(Problem::from)? else {
        return Ok(browser::to_login(&reader.request));
    };
    let page = NewPassword {
        renewed: true,
        ..NewPassword::new(reader, &user, "")
    };
    draw(StatusCode::OK, &page)
}
