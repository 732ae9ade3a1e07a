//! Which credentials a logout counts, and which cookies it drops.
//!
//! Logging out must always be possible, even with damaged or contradictory credentials. So a logout uses all
//! credentials of the request: with an `Authorization` header that starts with `Bearer`, that header and the body;
//! without one, the body and every cookie of our names. Each genuine session among them is ended first. Only then is an
//! unreadable credential reported as an error, because its session may still be open.

use actix_web::{HttpRequest, HttpResponse, cookie::Cookie};
use rescind_session::{EndReason, LogoutCredential, StolenTokenDies};

use crate::{bearer::bearers, body::LogoutBody, cookies::CookieTokens, origin, problem::Problem, rescind::Rescind};

/// The result of a logout, which may be partial.
#[must_use]
pub struct Logout {
    pub(crate) stolen_token: StolenTokenDies,
    problem: Option<Problem>,
    cookies: Vec<Cookie<'static>>,
}

impl Logout {
    /// `done` if every credential was readable, else the problem. Both drop the cookies of the ended sessions.
    pub fn reply(self, done: HttpResponse) -> HttpResponse {
        let mut reply = self
            .problem
            .map_or(done, |problem| actix_web::ResponseError::error_response(&problem));
        for cookie in &self.cookies {
            // Our cookie names and values always form a valid header.
            let _ = reply.add_cookie(cookie);
        }
        reply
    }
}

/// Ends every session that the request's credentials name.
///
/// # Errors
/// [`Problem`]; with [`Problem::TokenMissing`] there was nothing to end. On a 503 the cookies stay, so that it can be tried
/// again.
pub(crate) async fn log_out(request: &HttpRequest, rescind: &Rescind, body: LogoutBody) -> Result<Logout, Problem> {
    let (headers, service) = (request.headers(), rescind.service());
    let bearers: Vec<_> = bearers(headers).collect();
    let cookies = match bearers.as_slice() {
        [] => CookieTokens::each(request, rescind.cookie_names()),
        _ => Vec::new(),
    };
    if !cookies.is_empty() {
        origin::require_own(request, rescind)?;
    }
    let of_bearer = bearers.iter().flatten().map(|token| LogoutCredential {
        access: Some(token),
        refresh: None,
    });
    let mut presented: Vec<_> = of_bearer.chain(cookies.iter().map(CookieTokens::presented)).collect();
    match (bearers.as_slice(), body.0.as_slice()) {
        // A program's two credentials must be of one session.
        ([Some(_)], [Some(token)]) => presented.iter_mut().for_each(|one| one.refresh = Some(token)),
        (_, tokens) => presented.extend(tokens.iter().flatten().map(|token| LogoutCredential {
            access: None,
            refresh: Some(token),
        })),
    }
    let unreadable = bearers.iter().filter(|token| token.is_none()).count()
        + body.0.iter().filter(|token| token.is_none()).count()
        + usize::from(bearers.len() > 1);
    if presented.is_empty() && unreadable == 0 {
        return Err(Problem::TokenMissing);
    }
    let all = service.log_out_all(&presented, EndReason::Logout).await?;
    for done in &all.ended {
        tracing::info!(session = %done.session, user = %done.user, "logged out");
    }
    let problem = match (unreadable + all.unrecognised, presented.as_slice()) {
        (0, _) => None,
        // It is a program's only credential: report exactly what is wrong with it.
        (_, [one]) if all.ended.is_empty() && unreadable == 0 && cookies.is_empty() => {
            return Err(one.access.map_or(Problem::RefreshInvalid, |_| Problem::TokenInvalid));
        }
        _ => Some(Problem::CredentialUnreadable { ended: all.ended.len() }),
    };
    let ended: Vec<_> = all.ended.iter().map(|done| done.session).collect();
    let dies = all.ended.iter().map(|done| done.stolen_token).max();
    Ok(Logout {
        stolen_token: dies.unwrap_or(StolenTokenDies::Now),
        problem,
        cookies: match bearers.as_slice() {
            [] => rescind.cookie_names().drop_ended(headers, service, &ended),
            _ => Vec::new(),
        },
    })
}
