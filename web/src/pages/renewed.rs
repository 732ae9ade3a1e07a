//! A form that came with an access token which had run out.
//!
//! A redirect to `/refresh` would lose what was typed. So the token is renewed in passing, and the person is shown a
//! button that sends the same form again. Rejected: doing what was asked straight away. Whoever holds an old access
//! token and a refresh token has not shown yet that the session still stands at the moment of the deed, and a
//! renewal whose cookies the browser does not take would have done it all the same.

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

/// The fields of a form, whatever they are. Nothing, if the body is no form.
pub(crate) type Sent = Option<Form<Vec<(String, String)>>>;

/// Whoever pressed a button, or what to answer them first. `button` is what the button says.
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

/// Renews the tokens of a form's sender. The inner error leads to the login.
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
    let user = rescind.service().user(claims.subject).await?;
    Ok(user.map_or(Who::Unknown, |user| Who::Somebody(user.username.to_string())))
}
