//! A form with an expired access token.
//!
//! A redirect to `/refresh` would lose the typed text. So the token is renewed here, and the person gets a button that sends
//! the same form again. Rejected: doing it at once. An old access token with a refresh token does not prove that the session
//! is still open at that moment, and it would be done even if the browser does not store the new cookies.

use actix_web::{HttpRequest, http::StatusCode};
use askama::Template;
use rescind_api::{
    Authenticated, Form, Problem, Rescind, Visitor,
    browser::{self, BrowserLogin},
};

use super::{
    Site, draw,
    frame::{Frame, Who},
    instead, see_other,
};

#[derive(Template)]
#[template(path = "renewed.html")]
struct Renewed<'a> {
    frame: Frame,
    action: &'a str,
    button: &'a str,
    kept: &'a [(String, String)],
}

/// The fields of any form; `None`, if the body is no form.
pub(crate) type Sent = Option<Form<Vec<(String, String)>>>;

/// The person who pressed a button. `button` is its label.
///
/// # Errors
/// The page to answer instead.
pub(crate) async fn whoever_pressed(
    request: &HttpRequest,
    visitor: Visitor,
    (site, rescind): (&Site, &Rescind),
    button: &str,
    sent: Sent,
) -> actix_web::Result<Authenticated> {
    match visitor {
        Visitor::LoggedIn(authenticated) => return Ok(authenticated),
        Visitor::Anonymous => return Err(instead(see_other("/login?next=/account"))),
        Visitor::Stale => {}
    }
    let renewal = in_passing(request, rescind).await?;
    let user = rescind.service().user(&renewal.claims().subject).await;
    let who = user.map_err(Problem::from)?.map_or(Who::Unknown, |user| Who::of(&user));
    let page = Renewed {
        frame: site.frame(request, "Renewed: press again", who),
        action: request.path(),
        button,
        kept: sent.as_ref().map_or(&[], |Form(fields)| fields.as_slice()),
    };
    Err(instead(draw(StatusCode::OK, &page)?))
}

/// Renews the tokens of a form's sender.
///
/// # Errors
/// A redirect to the login, if there are none for them.
pub(crate) async fn in_passing(request: &HttpRequest, rescind: &Rescind) -> actix_web::Result<BrowserLogin> {
    match browser::renew(request, rescind).await {
        Err(problem) if problem.is_failed_refresh() => Err(instead(see_other("/login?next=/account"))),
        renewed => Ok(renewed?),
    }
}
