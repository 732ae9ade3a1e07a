//! `/inspector`: decodes a token, and verifies it if it is the visitor's own.
//!
//! Most web pages that decode a token stop there, and suggest that readable claims are true. So here are two sections that
//! never mix: what the token *claims*, which anyone can read, and what the real verifier's checks *found*, one by one, in
//! its order. The parts of an answer:
//!
//! | | |
//! | --- | --- |
//! | [`decoded`] | header and claims as they were written |
//! | [`meaning`] | the purpose and specification of each member |
//! | [`own`] | which tokens are the visitor's own, and whose keys check them |
//! | [`verified`] | each check with its verdict |
//! | [`tampering`] | one change, with the signature kept |
//! | [`page`], [`words`] | what is drawn, and the sentences on checks and refusals |
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
mod meaning;
mod own;
mod page;
pub(crate) mod tampering;
mod verified;
mod words;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use rescind_api::{Form, Problem, Rescind, Visitor, browser};
use rescind_session::token::AccessToken;
use serde::Deserialize;

use crate::{
    lab::Sandboxes,
    pages::{Site, draw, read},
};
use decoded::{Decoded, Refusal};
use own::{Keeper, Own};
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

/// Adds the inspector to an application, where the demo is on.
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

async fn show(
    request: HttpRequest,
    visitor: Visitor,
    site: web::Data<Site>,
    rescind: Rescind,
    sandboxes: web::Data<Sandboxes>,
) -> actix_web::Result<HttpResponse> {
    let own = match visitor {
        Visitor::Stale => return Ok(browser::to_refresh(&request)),
        Visitor::LoggedIn(authenticated) => Own::of_login(&rescind, &authenticated),
        Visitor::Anonymous => Own::nobodys(),
    };
    let own = own.and_of(&sandboxes, &request).await;
    let frame = site.frame(&request, "Inspector", own.who(&rescind).await?);
    let now = rescind.service().now().map_err(Problem::from)?;
    draw(StatusCode::OK, &Page::empty(frame, &own).with_example(now))
}

async fn submit(
    request: HttpRequest,
    visitor: Visitor,
    site: web::Data<Site>,
    rescind: Rescind,
    sandboxes: web::Data<Sandboxes>,
    sent: Result<Form<Sent>, Problem>,
) -> actix_web::Result<HttpResponse> {
    let own = match visitor {
        Visitor::LoggedIn(authenticated) => Own::of_login(&rescind, &authenticated),
        Visitor::Anonymous => Own::nobodys(),
        // Other forms offer to be sent again. This one would have to keep a stranger's token in the page until then.
        Visitor::Stale => Own::renewed(&request, &rescind).await?,
    };
    let own = own.and_of(&sandboxes, &request).await;
    let frame = site.frame(&request, "Inspector", own.who(&rescind).await?);
    let page = Page::empty(frame, &own);
    match inspected(&own, &rescind, sent).await? {
        Ok(shown) => draw(StatusCode::OK, &page.showing(shown)),
        Err(refusal) => draw(StatusCode::UNPROCESSABLE_ENTITY, &page.refusing(refusal)),
    }
}

/// The inner error goes beside the field.
async fn inspected(
    own: &Own,
    rescind: &Rescind,
    sent: Result<Form<Sent>, Problem>,
) -> actix_web::Result<Result<Shown, Refusal>> {
    let sent = match sent {
        Ok(Form(sent)) => sent,
        // A body over the form limit counts as a token that is too long.
        Err(Problem::PayloadTooLarge) => return Ok(Err(Refusal::because("TooLong"))),
        Err(problem) => return Err(problem.into()),
    };
    // A pasted token takes precedence over the choice.
    let pasted = !sent.token.trim().is_empty() || sent.which.is_empty() || sent.which == PASTED;
    let which = if pasted { PASTED.to_owned() } else { sent.which };
    let token = if pasted {
        AccessToken::from(without_scheme(sent.token.trim()).to_owned())
    } else {
        match own.token(&which) {
            Some(token) => token.clone(),
            None => return Ok(Err(Refusal::because("Gone"))),
        }
    };
    let decoded = match Decoded::of(token.expose_secret()) {
        Ok(decoded) => decoded,
        Err(why) => return Ok(Err(Refusal::undecodable(why))),
    };
    let Some(keeper) = own.keeper_of(&token, &decoded).await? else {
        let now = rescind.service().now().map_err(Problem::from)?;
        return Ok(Ok(Shown::strangers(token, decoded, now)));
    };
    let tampered = match sent.change.as_deref() {
        None => None,
        Some(button) => match Change::read(button, &sent.member, &sent.value) {
            Ok(change) => Some(Tampered::new(&decoded, change)),
            Err(refusal) => return Ok(Err(refusal)),
        },
    };
    let (shown, marks) = match tampered {
        None => (token.clone(), None),
        Some(Tampered { token, marks }) => (token, Some(marks)),
    };
    let (decoded, verified) = match judged(keeper, &shown).await? {
        Ok(judged) => judged,
        Err(refusal) => return Ok(Err(refusal)),
    };
    Ok(Ok(Shown {
        base: Some((which, token)),
        token: shown,
        decoded,
        verified,
        marks,
        now: keeper.now()?,
    }))
}

/// People paste a whole header line: `Authorization: Bearer eyJ…`.
fn without_scheme(text: &str) -> &str {
    match text.rsplit_once(char::is_whitespace) {
        Some((before, token)) if before.trim_end().to_ascii_lowercase().ends_with("bearer") => token,
        _ => text,
    }
}

/// Applies the rule to the changed token again: a visitor's own must not be changed into a stranger's.
async fn judged(keeper: &Keeper, token: &AccessToken) -> Result<Result<(Decoded, Verified), Refusal>, Problem> {
    let text = token.expose_secret();
    let decoded = match Decoded::of(text) {
        Ok(decoded) => decoded,
        Err(why) => return Ok(Err(Refusal::undecodable(why))),
    };
    let verified = if keeper.may_check(&decoded) {
        Verified::by(keeper, &decoded, text).await?
    } else {
        Verified::Strangers
    };
    Ok(Ok((decoded, verified)))
}
