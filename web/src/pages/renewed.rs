//! A form with an expired access token.
//!
//! A redirect to `/refresh` would lose the typed text. So the token is renewed here, and the person gets a button that sends
//! the same form again. Rejected: doing it at once. An old access token with a refresh token does not prove that the session
//! is still open at that moment, and it would be done even if the browser does not store the new cookies.

use actix_web::http::StatusCode;
use askama::Template;
use rescind_api::{
    Authenticated, Form, Problem, Visitor,
    browser::{self, BrowserLogin},
};

use super::{
    Reader, draw,
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
pub(crate) async fn sender(reader: &Reader, button: &str, sent: Sent) -> actix_web::Result<Authenticated> {
    match reader.visitor()? {
        Visitor::LoggedIn(authenticated) => return Ok(authenticated.clone()),
        Visitor::Anonymous => return Err(instead(see_other("/login?next=/account"))),
        Visitor::Stale => {}
    }
    let renewal = in_passing(reader).await?;
    let user = reader.rescind.service().user(&renewal.claims().subject).await;
    let who = user.map_err(Problem::from)?.map_or(Who::Unknown, |user| Who::of(&user));
    let page = Renewed {
        frame: reader.frame_for("Renewed: press again", who),
        action: reader.request.path(),
        button,
        kept: sent.as_ref().map_or(&[], |Form(fields)| fields.as_slice()),
    };
    Err(instead(draw(StatusCode::OK, &page)?))
}

/// Renews the tokens of a form's sender.
///
/// # Errors
/// A redirect to the login, if there are none for them.
pub(crate) async fn in_passing(reader: &Reader) -> actix_web::Result<BrowserLogin> {
    match browser::renew(&reader.request, &reader.rescind).await {
        Err(problem) if problem.is_failed_refresh() => Err(instead(see_other("/login?next=/account"))),
        renewed => Ok(renewed?),
    }
}
