//! A service with home-made HS256 tokens, on its way to tokens that can be revoked.
//!
//! For a while both kinds are accepted, so that the change ends no login. `docs/adopting.md` has the steps.

pub mod before;

use std::{future::Future, pin::Pin};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use before::{COOKIE, OldTokens};
use rescind_api::{Authenticated, Problem, Rescind, bearer_token};

/// The user of a request, by a token of either kind. Handlers took the old one's user before.
#[derive(Debug)]
pub enum Member {
    /// By a token that can be revoked.
    New(Box<Authenticated>),
    /// By an old token: no logout ends it. Gone with [`OldTokens`].
    Old(String),
}

impl Member {
    /// The user's id.
    pub fn id(&self) -> &str {
        match self {
            Self::New(member) => member.user_id().as_str(),
            Self::Old(id) => id,
        }
    }
}

async fn of(request: HttpRequest) -> Result<Member, Problem> {
    let problem = match Authenticated::extract(&request).await {
        Ok(member) => return Ok(Member::New(Box::new(member))),
        // Not one of ours, or in the old cookie. Revoked, expired and "cannot be checked" stay what they are.
        Err(problem @ (Problem::TokenInvalid | Problem::TokenMissing)) => problem,
        Err(problem) => return Err(problem),
    };
    let Some(old) = request.app_data::<web::Data<OldTokens>>() else {
        return Err(problem);
    };
    let now = Rescind::extract(&request).await?.service().now()?;
    let user = match (bearer_token(&request)?, request.cookie(COOKIE)) {
        (Some(token), _) => old.user(token.expose_secret(), now),
        (None, Some(cookie)) => old.user(cookie.value(), now),
        (None, None) => None,
    };
    user.map(Member::Old).ok_or(problem)
}

impl FromRequest for Member {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(of(request.clone()))
    }
}
