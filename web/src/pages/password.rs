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
    Site, draw, draw_again,
    frame::{Field, Frame, Who, explained, tell},
    login::missing,
    renewed, see_other, with_cookies,
};
use crate::accounts::shown;

#[derive(Template)]
#[template(path = "password.html")]
struct NewPassword {
    frame: Frame,
    username: String,
    error: Option<String>,
    /// The access token had expired when the form was sent.
    renewed: bool,
    /// The old password and the new one; none for a demo account, whose password cannot be changed.
    fields: Option<[Field; 2]>,
}

/// A repeat is harmless but not needed: the program does the rest by itself.
const PENDING: &str = "Your password is changed, and your other sessions are ended. For a moment some of their tokens may \
                       still be accepted.";

impl NewPassword {
    fn new(request: &HttpRequest, site: &Site, user: &User) -> Self {
        let old = Field {
            name: "old_password",
            label: "Old password",
            focus: true,
            ..Field::password("current-password")
        };
        let new = Field {
            name: "new_password",
            label: "New password",
            hint: Some("At least 15 characters."),
            ..Field::password("new-password")
        };
        let username = shown(user.username.as_str()).to_owned();
        Self {
            frame: site.frame(request, "Change your password", Who::Somebody(username.clone())),
            username,
            error: None,
            renewed: false,
            fields: match user.kind {
                UserKind::Person => Some([old, new]),
                UserKind::Demo => None,
            },
        }
    }

    fn refused(mut self, problem: &Problem) -> actix_web::Result<HttpResponse> {
        let title = match problem {
            Problem::RevocationPending(_) => "Changed, but: ",
            _ => "Not changed: ",
        };
        self.frame.title.insert_str(0, title);
        match (&mut self.fields, problem) {
            (Some(fields), Problem::InvalidInput(errors)) => tell(fields, errors),
            // The page shows the reason in any case.
            (None, Problem::DemoAccount) => {}
            (_, Problem::RevocationPending(_)) => self.error = Some(PENDING.to_owned()),
            _ => self.error = Some(explained(problem)),
        }
        draw_again(problem, &self)
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
    let asks = match visitor {
        Visitor::LoggedIn(asks) => asks,
        Visitor::Stale => return Ok(browser::to_refresh(&request)),
        Visitor::Anonymous => return Ok(browser::to_login(&request)),
    };
    let Some(user) = site.user(&rescind, &asks).await? else {
        return Ok(browser::to_login(&request));
    };
    draw(StatusCode::OK, &NewPassword::new(&request, &site, &user))
}

pub(crate) async fn submit(
    request: HttpRequest,
    visitor: Visitor,
    site: web::Data<Site>,
    rescind: Rescind,
    Form(typed): Form<Typed>,
) -> actix_web::Result<HttpResponse> {
    let asks = match visitor {
        Visitor::LoggedIn(asks) => asks,
        Visitor::Stale => return renew(&request, &site, &rescind).await,
        Visitor::Anonymous => return Ok(browser::to_login(&request)),
    };
    let Some(user) = site.user(&rescind, &asks).await? else {
        return Ok(browser::to_login(&request));
    };
    let page = NewPassword::new(&request, &site, &user);
    match change(&request, &rescind, (&asks, &user), typed).await {
        Ok(()) => {
            let notice = Notice::PasswordChanged.cookie(&rescind, Some(asks.session_id()))?;
            with_cookies(see_other("/account"), &[notice])
        }
        Err(
            problem @ (Problem::InvalidInput(_)
            | Problem::DemoAccount
            | Problem::RateLimited { .. }
            | Problem::Overloaded
            | Problem::RevocationPending(_)),
        ) => page.refused(&problem),
        Err(problem) => Err(problem.into()),
    }
}

async fn change(
    request: &HttpRequest,
    rescind: &Rescind,
    asks: (&Authenticated, &User),
    typed: Typed,
) -> Result<(), Problem> {
    let missing = missing([
        ("old_password", &typed.old_password),
        ("new_password", &typed.new_password),
    ]);
    if !missing.is_empty() {
        return Err(Problem::InvalidInput(missing));
    }
    let (old, new) = (Password::new(typed.old_password), Password::new(typed.new_password));
    browser::change_password(request, rescind, asks, &old, &new).await
}

/// The form again, with new tokens and empty fields. Other forms come back with hidden fields for the typed text, but a page
/// must not contain a password.
async fn renew(request: &HttpRequest, site: &Site, rescind: &Rescind) -> actix_web::Result<HttpResponse> {
    let renewal = match renewed::in_passing(request, rescind).await? {
        Ok(renewal) => renewal,
        Err(answer) => return Ok(answer),
    };
    let user = rescind.service().user(&renewal.claims().subject).await;
    let Some(user) = user.map_err(Problem::from)? else {
        return Ok(browser::to_login(request));
    };
    let page = NewPassword {
        renewed: true,
        ..NewPassword::new(request, site, &user)
    };
    draw(StatusCode::OK, &page)
}
