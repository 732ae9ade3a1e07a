//! `/inspector`: decodes a token, and verifies it if it is the visitor's own.
//!
//! Most web pages that decode a token stop there, and suggest that readable claims are true. So here are two sections that
//! never mix: what the token *claims*, which anyone can read, and what the real verifier's checks *found*, one by one, in
//! its order. The parts of an answer:
//!
//! | | |
//! | --- | --- |
//! | [`decoded`] | header and claims as they were written |
//! | [`own`] | which tokens are the visitor's own, and whose keys check them |
//! | [`verified`] | each check with its verdict |
//! | [`tampering`] | one change, with the signature kept |
//! | [`page`], [`words`] | what is drawn, and the sentences on checks, refusals and members |
//!
//! **No oracle.** The finder of a token would like to know whether it still works. A page that checks every token reveals that
//! without a trace at the token's service. So a token is checked only with the keys of the visitor's own sandboxes, and with
//! the program's only if it names the session of the requesting browser. All other tokens get the same answer, and the
//! program's verifier is not called, so that the response time reveals nothing either. Rejected: to check the signature alone
//! and not report revocation. That a token is genuine is worth knowing, too.
//!
//! **No token is kept.** A token comes in the body of a POST, and the answer to that POST is the page: no address, log or
//! cookie ever holds it. So the browser asks before a reload sends the form again.

pub(crate) mod decoded;
mod own;
mod page;
pub(crate) mod tampering;
mod verified;
pub(crate) mod words;

use actix_web::{HttpResponse, ResponseError, http::StatusCode, web};
use rescind_api::{Form, Problem, Rescind, Visitor, browser};
use serde::Deserialize;

use crate::{
    lab::Sandboxes,
    pages::{Reader, draw, read},
};
use decoded::{Decoded, Refusal};
use own::Own;
use page::{Page, Shown};
use tampering::{Change, Tampered};
use verified::Verified;

const PATH: &str = "/inspector";
/// The choice to paste a token. Every other choice is one of the visitor's own.
const PASTED: &str = "pasted";
/// The token of RFC 7519, section 3.1: what the page shows first.
const EXAMPLE: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                       eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                       dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource(PATH).route(read().to(show)).route(web::post().to(submit)));
}

/// The forms' fields. No `Debug`: one is a token.
#[derive(Deserialize)]
struct Sent {
    /// [`PASTED`], or the id of an own token.
    #[serde(default)]
    which: String,
    #[serde(default)]
    token: String,
    /// The change, by its button.
    change: Option<String>,
    #[serde(default)]
    member: String,
    #[serde(default)]
    value: String,
}

async fn show(reader: Reader, sandboxes: web::Data<Sandboxes>) -> actix_web::Result<HttpResponse> {
    if matches!(reader.visitor()?, Visitor::Stale) {
        return Ok(browser::to_refresh(&reader.request));
    }
    let own = Own::of(&reader, &sandboxes).await?;
    let now = reader.rescind.service().now().map_err(Problem::from)?;
    let page = Page {
        frame: reader.frame_for("Inspector", own.who(&reader.rescind).await?),
        own: &own,
        refusal: None,
        shown: Some(Shown::strangers(EXAMPLE.to_owned().into(), Decoded::of(EXAMPLE)?, now)),
        is_example: true,
    };
    draw(StatusCode::OK, &page)
}

async fn submit(
    reader: Reader,
    sandboxes: web::Data<Sandboxes>,
    sent: Result<Form<Sent>, Problem>,
) -> actix_web::Result<HttpResponse> {
    let own = Own::of(&reader, &sandboxes).await?;
    let (title, shown, refusal) = match inspected(&own, &reader.rescind, sent).await {
        Ok(shown) => ("Inspector", Some(shown), None),
        Err(error) => match error.as_error::<Refusal>() {
            Some(refusal) => ("Nothing to inspect: Inspector", None, Some(refusal.clone())),
            None => return Err(error),
        },
    };
    let status = refusal.as_ref().map_or(StatusCode::OK, Refusal::status_code);
    let page = Page {
        frame: reader.frame_for(title, own.who(&reader.rescind).await?),
        own: &own,
        refusal,
        shown,
        is_example: false,
    };
    draw(status, &page)
}

/// # Errors
/// A [`Refusal`] goes beside the field.
async fn inspected(own: &Own, rescind: &Rescind, sent: Result<Form<Sent>, Problem>) -> actix_web::Result<Shown> {
    let sent = match sent {
        Ok(Form(sent)) => sent,
        // A body over the form limit counts as a token that is too long.
        Err(Problem::PayloadTooLarge) => return Err(Refusal::because("TooLong").into()),
        Err(problem) => return Err(problem.into()),
    };
    // A pasted token takes precedence over the choice.
    let pasted = bare(&sent.token);
    let (which, token) = if pasted.is_empty() && !sent.which.is_empty() && sent.which != PASTED {
        let token = own.token(&sent.which).ok_or_else(|| Refusal::because("Gone"))?;
        (sent.which, token.clone())
    } else {
        (PASTED.to_owned(), pasted.to_owned().into())
    };
    let decoded = Decoded::of(token.expose_secret())?;
    let Some(keeper) = own.keeper_of(&token, &decoded).await? else {
        let now = rescind.service().now().map_err(Problem::from)?;
        return Ok(Shown::strangers(token, decoded, now));
    };
    let now = keeper.service.now().map_err(Problem::from)?;
    let mut shown = Shown {
        base: Some((which, token.clone())),
        ..Shown::strangers(token, decoded, now)
    };
    if let Some(button) = &sent.change {
        let change = Change::read(button, &sent.member, &sent.value)?;
        let Tampered { token, marks } = Tampered::new(&shown.decoded, change);
        shown.decoded = Decoded::of(token.expose_secret())?;
        (shown.token, shown.marks) = (token, Some(marks));
    }
    // The rule is applied to the changed token again: a visitor's own must not be changed into a stranger's.
    if keeper.may_check(&shown.decoded) {
        shown.verified = Verified::by(keeper, &shown.decoded, shown.token.expose_secret()).await?;
    }
    Ok(shown)
}

/// People paste a whole header line, `Authorization: Bearer eyJ…`, or a value out of JSON, `"eyJ…",`.
fn bare(text: &str) -> &str {
    let around = |letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | '“' | '”' | ',');
    let text = text.trim_matches(around);
    match text.rsplit_once(char::is_whitespace) {
        Some((before, token)) if before.trim_end().to_ascii_lowercase().ends_with("bearer") => {
            token.trim_matches(around)
        }
        _ => text,
    }
}
