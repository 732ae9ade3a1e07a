//! Which tokens are the visitor's own, and whose keys check them.
//!
//! A [`Keeper`] is a service with its keys, and the rule for which tokens it may check. The program's own checks only the
//! browser's session: the one in the token with which the browser's cookie was accepted, so a visitor cannot name another's.
//! A sandbox's keys sign only tokens that are useless outside of it, so it checks every token that names one of them.

use actix_web::HttpRequest;
use rescind_api::{Problem, Rescind, Visitor, browser};
use rescind_lab::Answer;
use rescind_session::{
    SessionService,
    token::{AccessClaims, AccessToken, SessionId, TokenCheck, UserId, Verdict},
};

use super::decoded::Decoded;
use crate::{
    lab::Sandboxes,
    pages::{Reader, frame::Who},
};

#[derive(Default)]
pub(crate) struct Own {
    user: Option<UserId>,
    keepers: Vec<Keeper>,
    pub(crate) tokens: Vec<OwnToken>,
}

pub(crate) struct OwnToken {
    /// What the form sends instead of the token.
    pub(crate) id: String,
    pub(crate) label: String,
    token: AccessToken,
}

pub(crate) struct Keeper {
    pub(crate) service: SessionService,
    /// The session whose tokens it may check; `None` for all that name one of its keys.
    session: Option<SessionId>,
}

impl Own {
    /// Those of the browser's own session, and of the visitor's sandboxes. If the access token has expired, a new one is
    /// used; a visitor who cannot get one counts as not logged in. Other forms offer to be sent again; the inspector's would have
    /// to keep a stranger's token in the page until then.
    pub(crate) async fn of(reader: &Reader, sandboxes: &Sandboxes) -> Result<Self, Problem> {
        let (request, rescind) = (&reader.request, &reader.rescind);
        let mut own = Self::default();
        match reader.visitor()? {
            Visitor::LoggedIn(caller) => own.add_login(rescind, caller.claims(), caller.access_token()),
            Visitor::Anonymous => {}
            Visitor::Stale => match browser::renew(request, rescind).await {
                Ok(renewed) => own.add_login(rescind, renewed.claims(), renewed.access_token()),
                Err(problem) if matches!(problem, Problem::TokenMissing) || problem.is_failed_refresh() => {}
                Err(problem) => return Err(problem),
            },
        }
        own.add_sandboxes(sandboxes, request).await;
        Ok(own)
    }

    fn add_login(&mut self, rescind: &Rescind, claims: &AccessClaims, access: &AccessToken) {
        self.user = Some(claims.subject.clone());
        self.keepers.push(Keeper {
            service: rescind.service().clone(),
            session: Some(claims.session_id),
        });
        self.tokens.push(OwnToken {
            id: "access".to_owned(),
            label: "Your own access token, from this browser’s cookie".to_owned(),
            token: access.clone(),
        });
    }

    /// Adds the tokens of the visitor's sandboxes: the browser's, and the thief's copy if it differs.
    async fn add_sandboxes(&mut self, sandboxes: &Sandboxes, request: &HttpRequest) {
        let Some(bench) = sandboxes.of(request) else { return };
        // Plain sessions have no tokens.
        for answer in Answer::ALL.into_iter().filter(|answer| answer.preset().is_some()) {
            let found = bench.look(answer, |sandbox| {
                let service = sandbox.service().cloned()?;
                let yours = sandbox.access().map(str::to_owned);
                let stolen = sandbox.loot().access.clone();
                Some((service, stolen.filter(|stolen| Some(stolen) != yours.as_ref()), yours))
            });
            let Some((service, stolen, yours)) = found.await.flatten() else {
                continue;
            };
            self.keepers.push(Keeper { service, session: None });
            for (token, id, whose) in [(yours, "yours", "yours"), (stolen, "stolen", "the thief’s copy")] {
                self.tokens.extend(token.map(|token| OwnToken {
                    id: format!("{}-{id}", answer.slug()),
                    label: format!("From your sandbox “{}”: {whose}", answer.name()),
                    token: token.into(),
                }));
            }
        }
    }

    pub(crate) async fn who(&self, rescind: &Rescind) -> Result<Who, Problem> {
        let Some(user) = self.user.clone() else {
            return Ok(Who::Nobody);
        };
        let user = rescind.service().user(&user).await?;
        Ok(user.map_or(Who::Nobody, |user| Who::of(&user)))
    }

    pub(crate) fn token(&self, id: &str) -> Option<&AccessToken> {
        self.tokens.iter().find(|own| own.id == id).map(|own| &own.token)
    }

    /// The keeper that may check a token; `None` for a stranger's.
    pub(crate) async fn keeper_of(&self, token: &AccessToken, decoded: &Decoded) -> Result<Option<&Keeper>, Problem> {
        for keeper in &self.keepers {
            if keeper.knows(token, decoded).await? {
                return Ok(Some(keeper));
            }
        }
        Ok(None)
    }
}

impl Keeper {
    async fn knows(&self, token: &AccessToken, decoded: &Decoded) -> Result<bool, Problem> {
        if self.session.is_some() {
            return Ok(self.may_check(decoded));
        }
        let inspected = self.service.inspect(token.expose_secret()).await?;
        let is_known = (TokenCheck::Key, Verdict::Passed);
        Ok(inspected.token.checks().any(|check| check == is_known))
    }

    pub(crate) fn may_check(&self, decoded: &Decoded) -> bool {
        self.session
            .is_none_or(|session| decoded.unverified_session() == Some(session))
    }
}
