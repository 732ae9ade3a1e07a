//! The buttons of the screen. Each does one thing and leads back to the screen.
//!
//! Of a request they read only the address and the cookies. What they do follows from the visitor's own loot; no field, query
//! or header can request more.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use rescind_api::{Problem, Rescind, browser};
use rescind_lab::Who;
use rescind_session::{Device, LogoutCredential};

use super::{
    DemoState, SCREEN, SECOND_ACT,
    robbery::{Act, Robbery, Tried},
    visitors::Visit,
    watching::{ProblemCode, Watched},
};
use crate::{accounts::VICTIM, pages::see_other};

/// Logs this browser in as the visitor's own alice, and copies her token to the thief. Without the login limit: this button
/// must work after mistyped passwords too, and nothing is typed here.
pub(crate) async fn rob(
    request: HttpRequest,
    rescind: Rescind,
    state: Data<DemoState>,
    Watched(visit): Watched,
) -> Result<HttpResponse, Problem> {
    let login = state.copies.log_in_browser(&request, &rescind, VICTIM).await?;
    let login = login.ok_or(Problem::InvalidCredentials)?;
    let now = rescind.service().now()?;
    {
        let mut remembered = visit.lock();
        let refreshes = rescind.service().policy().refresh.is_some();
        let act = match request.path() {
            SECOND_ACT if refreshes => Act::Second,
            _ => Act::First,
        };
        let robbery = Robbery::of(login.access_token().clone(), login.claims(), refreshes, now, act);
        remembered.robbery = Some(robbery);
    }
    try_doors(&rescind, &state, &visit).await?;
    Ok(see_other(SCREEN))
}

pub(crate) async fn thief_tries(
    rescind: Rescind,
    state: Data<DemoState>,
    Watched(visit): Watched,
) -> Result<HttpResponse, Problem> {
    let now = rescind.service().now()?;
    let slow = |robbery: &&Robbery| robbery.has_expired_untried(now);
    let ended = visit.lock().robbery.as_ref().filter(slow).map(Robbery::state);
    if let Some(ended) = ended {
        let noticed_by = ended.reuse().map(|reuse| reuse.noticed_by);
        play_again(&rescind, &state, &visit, noticed_by).await?;
    }
    try_doors(&rescind, &state, &visit).await?;
    Ok(see_other(SCREEN))
}

/// For a reader who read for longer than a token lives: the login, the theft and the end of the session happen again, so
/// that the doors answer as they would have answered a faster reader. The browser keeps what it has. `noticed_by`: whose
/// refresh ended the session; `None` after a logout.
async fn play_again(
    rescind: &Rescind,
    state: &DemoState,
    visit: &Visit,
    noticed_by: Option<Who>,
) -> Result<(), Problem> {
    let (service, device) = (rescind.service(), Device::default());
    let client = rescind.settings().client_id.clone();
    let login = state
        .copies
        .log_in(service, VICTIM, &visit.own, client, device.clone())
        .await?;
    let mut issued = login.ok_or(Problem::InvalidCredentials)?;
    match (issued.refresh.clone(), noticed_by) {
        // One of you refreshes twice, then the other comes with a token that is two generations old.
        (Some(copied), Some(late)) => {
            let mut newest = issued.clone();
            for _ in 0..2 {
                let token = newest.refresh.as_ref().unwrap_or(&copied).token.clone();
                newest = service.refresh(token.expose_secret(), device.clone()).await?;
            }
            let _ = service.refresh(copied.token.expose_secret(), device).await;
            if late != Who::Thief {
                issued = newest;
            }
        }
        _ => {
            let access = Some(issued.access_token.expose_secret());
            service.log_out(LogoutCredential { access, refresh: None }).await?;
        }
    }
    let now = service.now()?;
    if let Some(robbery) = &mut visit.lock().robbery {
        robbery.played_again(issued, now);
    }
    Ok(())
}

async fn try_doors(rescind: &Rescind, state: &DemoState, visit: &std::sync::Arc<Visit>) -> Result<(), Problem> {
    let token = visit.lock().robbery.as_ref().map(|robbery| robbery.access.clone());
    let Some(token) = token else { return Ok(()) };
    let (service, check) = (rescind.service(), rescind.service().policy().check);
    let at = service.now()?;
    let [asking, signature] = state.thief.try_doors(visit, &token, check).await;
    let now = service.now()?;
    let elsewhere = state.thief.try_peers(&state.peers, &token, check).await;
    // The other nodes cannot write into this visitor's log.
    for entry in elsewhere
        .iter()
        .filter_map(|peer| peer.entry(visit.begin(), now, check))
    {
        visit.saw(entry);
    }
    if let Some(robbery) = &mut visit.lock().robbery {
        // The thief may have got a new token meanwhile; this result belongs to the old one.
        if robbery.access.expose_secret() == token.expose_secret() {
            robbery.tried(Tried {
                at,
                asking,
                signature,
                elsewhere,
            });
        }
    }
    Ok(())
}

/// Logs this browser out, exactly as `/logout` does, and stays on the screen.
pub(crate) async fn log_out(request: HttpRequest, rescind: Rescind) -> actix_web::Result<HttpResponse> {
    match browser::log_out(&request, &rescind).await {
        Ok(logout) => Ok(logout.reply(see_other(SCREEN))),
        // There was no session to end: the person is logged out, as wanted.
        Err(Problem::TokenMissing) => Ok(see_other(SCREEN)),
        Err(problem) => Err(problem.into()),
    }
}

/// The thief copies the refresh token from this browser's cookies, if it is of the robbed session.
pub(crate) async fn thief_steals_refresh(
    request: HttpRequest,
    rescind: Rescind,
    Watched(visit): Watched,
) -> Result<HttpResponse, Problem> {
    if let Some(token) = browser::refresh_token(&request, &rescind)? {
        let now = rescind.service().now()?;
        if let Some(robbery) = &mut visit.lock().robbery {
            robbery.copy_refresh(&token, now);
        }
    }
    Ok(see_other(SCREEN))
}

pub(crate) async fn thief_refreshes(
    rescind: Rescind,
    state: Data<DemoState>,
    Watched(visit): Watched,
) -> Result<HttpResponse, Problem> {
    let token = visit
        .lock()
        .robbery
        .as_ref()
        .and_then(|robbery| robbery.refresh.clone());
    let Some(token) = token else {
        return Ok(see_other(SCREEN));
    };
    if let Some((access, refresh)) = state.thief.refresh(&visit, &token).await {
        let claims = rescind.service().genuine_claims(access.expose_secret());
        let now = rescind.service().now()?;
        if let (Some(robbery), Ok(claims)) = (&mut visit.lock().robbery, claims) {
            robbery.bought(access, &claims, refresh, now);
        }
    }
    Ok(see_other(SCREEN))
}

/// You refresh, as your browser does by itself, and return to the screen with any outcome.
pub(crate) async fn you_refresh(request: HttpRequest, rescind: Rescind) -> actix_web::Result<HttpResponse> {
    match browser::renew(&request, &rescind).await {
        Ok(_) => Ok(see_other(SCREEN)),
        Err(problem)
            if matches!(problem, Problem::TokenMissing | Problem::PolicyHasNoRefresh)
                || problem.is_failed_refresh() =>
        {
            let mut reply = see_other(SCREEN);
            // The screen shows the outcome, and a redirect has no body, but the log needs the code.
            reply.extensions_mut().insert(ProblemCode(problem.code()));
            Ok(reply)
        }
        Err(problem) => Err(problem.into()),
    }
}

pub(crate) async fn forget(Watched(visit): Watched) -> HttpResponse {
    visit.forget();
    see_other(SCREEN)
}
