//! `/inspector`: a token taken apart, and held against keys if it is one's own.
//!
//! Most pages on the web that decode a token stop there, and leave people with the feeling that what can be read is true.
//! So here are two sections that never mix: what the token *says*, which anybody can read, and what the checks of the real
//! verifier *found*, one by one, in its order. What an answer is made of:
//!
//! | | |
//! | --- | --- |
//! | [`decoded`] | header and claims as they were written |
//! | [`meaning`] | what each member is for, and where that is laid down |
//! | [`own`] | which tokens are one's own, and with whose keys they are checked |
//! | [`verified`] | each check with its verdict |
//! | [`tampering`] | one thing changed, the signature kept |
//! | [`page`], [`words`] | what is drawn, and what is said of checks and refusals |
//!
//! **No oracle.** Whoever finds a token would like to know whether it still opens anything. A page that checks every token
//! tells them, without a trace at the service that the token is for. So a token is checked only with the keys of one's own
//! sandboxes, and with the program's only if it names the very session of the browser that asks. For all others there is
//! one answer, and the program’s verifier is not even called, so that the time it takes tells nothing either. Rejected: to check the
//! signature alone and keep quiet about revocation. That a token is genuine is worth knowing, too.
//!
//! **Nothing is kept.** A token comes in the body of a POST, and the answer to that POST is the page: no address, no log and
//! no cookie ever holds it. A reload asks the reader before it sends the form again, which is as it should be.

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
/// The choice to paste a token. Every other choice is one of one's own.
const PASTED: &str = "pasted";

/// Adds the inspector to an application, where the demo is on.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource(PATH).route(read().to(show)).route(web::post().to(submit)));
}

/// What the forms send. It does not print.
#[derive(Deserialize)]
struct Sent {
    /// [`PASTED`], or which of one's own tokens.
    #[serde(default)]
    which: String,
    #[serde(default)]
    token: String,
    /// What to change, as the buttons say it.
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
    draw(StatusCode::OK, &Page::empty(frame, &own))
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
        // Other forms ask to be sent again. This one would have to keep a stranger's token in the page until then.
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

/// What there is to be shown; the inner error goes beside the field.
async fn inspected(
    own: &Own,
    rescind: &Rescind,
    sent: Result<Form<Sent>, Problem>,
) -> actix_web::Result<Result<Shown, Refusal>> {
    let sent = match sent {
        Ok(Form(sent)) => sent,
        // More than any form may hold is a token that is too long, and the person is told as much.
        Err(Problem::PayloadTooLarge) => return Ok(Err(Refusal::because("TooLong"))),
        Err(problem) => return Err(problem.into()),
    };
    // What was pasted is what was meant, whichever choice it was left at.
    let pasted = !sent.token.trim().is_empty() || sent.which.is_empty() || sent.which == PASTED;
    let which = if pasted { PASTED.to_owned() } else { sent.which };
    let token = if pasted {
        AccessToken::from(sent.token.trim().to_owned())
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

/// The same rule again for what was made of a token: nobody gets a stranger's by changing their own into it.
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
