//! A form with an expired access token.
//!
//! A redirect to `/refresh` would lose the typed text. So the token is renewed here, and the person gets a button that sends
//! the same form again. Rejected: doing it at once. An old access token with a refresh token does not prove that the session
//! is still open at that moment, and it would be done even if the browser does not store the new cookies.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use askama::Template;
use rescind_api::{
    Authenticated, Form, Problem, Rescind, Visitor,
    browser::{self, BrowserLogin},
};
use rescind_session::token::AccessClaims;

use super::{
    Site, draw,
    frame::{Frame, Who},
    see_other,
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

/// The person who pressed a button, or the page to answer instead. `button` is its label.
pub(crate) async fn whoever_pressed(
    request: &HttpRequest,
    visitor: Visitor,
    (site, rescind): (&Site, &Rescind),
    button: &str,
    sent: Sent,
) -> actix_web::Result<Result<Authenticated, HttpResponse>> {
    match visitor {
        Visitor::LoggedIn(authenticated) => Ok(Ok(authenticated)),
        Visitor::Anonymous => Ok(Err(see_other("/login?next=/account"))),
        Visitor::Stale => renew(request, (site, rescind), button, sent).await.map(Err),
    }
}

async fn renew(
    request: &HttpRequest,
    (site, rescind): (&Site, &Rescind),
    button: &str,
    sent: Sent,
) -> actix_web::Result<HttpResponse> {
    let renewal = match in_passing(request, rescind).await? {
        Ok(renewal) => renewal,
        Err(answer) => return Ok(answer),
    };
    let page = Renewed {
        frame: site.frame(request, "Renewed: press again", name(rescind, renewal.claims()).await?),
        action: request.path(),
        button,
        kept: sent.as_ref().map_or(&[], |Form(fields)| fields.as_slice()),
    };
    draw(StatusCode::OK, &page)
}

/// Renews the tokens of a form's sender. The inner error is a redirect to the login.
pub(crate) async fn in_passing(
    request: &HttpRequest,
    rescind: &Rescind,
) -> Result<Result<BrowserLogin, HttpResponse>, Problem> {
    match browser::renew(request, rescind).await {
        Ok(renewal) => Ok(Ok(renewal)),
        Err(problem) if problem.is_failed_refresh() => Ok(Err(see_other("/login?next=/account"))),
        Err(problem) => Err(problem),
    }
}

async fn name(rescind: &Rescind, claims: &AccessClaims) -> Result<Who, Problem> {
    let user = rescind.service().user(&claims.subject).await?;
    Ok(user.map_or(Who::Unknown, |user| Who::of(&user)))
}
