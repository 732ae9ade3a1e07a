//! Which tokens are the visitor's own, and whose keys check them.
//!
//! A [`Keeper`] is a service with its keys, and the rule for which tokens it may check. The program's own checks only the
//! browser's session: the one in the token with which the browser's cookie was accepted, so a visitor cannot name another's.
//! A sandbox's keys sign only tokens that are useless outside of it, so it checks every token that names one of them.

use actix_web::HttpRequest;
use jiff::Timestamp;
use rescind_api::{
    Authenticated, Problem, Rescind,
    browser::{self, BrowserLogin},
};
use rescind_lab::Answer;
use rescind_session::{
    SessionService,
    token::{AccessClaims, AccessToken, SessionId, TokenCheck, UserId, Verdict},
};

use super::decoded::Decoded;
use crate::{lab::Sandboxes, pages::frame::Who};

const ACCESS: &str = "access";

pub(crate) struct Own {
    user: Option<UserId>,
    keepers: Vec<Keeper>,
    tokens: Vec<OwnToken>,
}

pub(crate) struct OwnToken {
    /// What the form sends instead of the token.
    pub(crate) id: String,
    pub(crate) label: String,
    token: AccessToken,
}

pub(crate) struct Keeper {
    service: SessionService,
    about: About,
}

/// Which tokens a keeper may check.
enum About {
    /// Those of this session.
    Session(SessionId),
    /// Those that name one of its keys.
    Keys,
}

impl Own {
    /// Of a visitor who is not logged in.
    pub(crate) fn nobodys() -> Self {
        Self {
            user: None,
            keepers: Vec::new(),
            tokens: Vec::new(),
        }
    }

    /// Of the browser's own session.
    pub(crate) fn of_login(rescind: &Rescind, authenticated: &Authenticated) -> Self {
        Self::of(rescind, authenticated.claims(), authenticated.access_token())
    }

    /// Of a browser with an expired access token, with a new one. A visitor who cannot get one counts as not logged in.
    pub(crate) async fn renewed(request: &HttpRequest, rescind: &Rescind) -> Result<Self, Problem> {
        let renewed = match browser::renew(request, rescind).await {
            Ok(renewed) => renewed,
            Err(problem) if matches!(problem, Problem::TokenMissing) || problem.is_failed_refresh() => {
                return Ok(Self::nobodys());
            }
            Err(problem) => return Err(problem),
        };
        Ok(Self::of(
            rescind,
            renewed.claims(),
            BrowserLogin::access_token(&renewed),
        ))
    }

    fn of(rescind: &Rescind, claims: &AccessClaims, access: &AccessToken) -> Self {
        Self {
            user: Some(claims.subject.clone()),
            keepers: vec![Keeper {
                service: rescind.service().clone(),
                about: About::Session(claims.session_id),
            }],
            tokens: vec![OwnToken {
                id: ACCESS.to_owned(),
                label: "Your own access token, from this browser’s cookie".to_owned(),
                token: access.clone(),
            }],
        }
    }

    /// Adds the tokens of the visitor's sandboxes: the browser's, and the thief's copy if it differs.
    pub(crate) async fn and_of(mut self, sandboxes: &Sandboxes, request: &HttpRequest) -> Self {
        let Some(bench) = sandboxes.of(request) else {
            return self;
        };
        // Plain sessions have no tokens.
        for answer in Answer::ALL.into_iter().filter(|answer| answer.preset().is_some()) {
            let found = bench.look(answer, |sandbox| {
                let service = sandbox.service().cloned()?;
                let yours = sandbox.access().map(str::to_owned);
                let stolen = sandbox
                    .loot()
                    .access
                    .clone()
                    .filter(|stolen| Some(stolen) != yours.as_ref());
                Some((service, yours, stolen))
            });
            let Some((service, yours, stolen)) = found.await.flatten() else {
                continue;
            };
            self.keepers.push(Keeper {
                service,
                about: About::Keys,
            });
            for (token, whose) in [(yours, "yours"), (stolen, "stolen")] {
                self.tokens.extend(token.map(|token| OwnToken {
                    id: format!("{}-{whose}", answer.slug()),
                    label: format!(
                        "From your sandbox “{}”: {}",
                        answer.name(),
                        if whose == "yours" {
                            "yours"
                        } else {
                            "the thief’s copy"
                        }
                    ),
                    token: token.into(),
                }));
            }
        }
        self
    }

    pub(crate) async fn who(&self, rescind: &Rescind) -> Result<Who, Problem> {
        let Some(user) = self.user.clone() else {
            return Ok(Who::Nobody);
        };
        let user = rescind.service().user(&user).await?;
        Ok(user.map_or(Who::Nobody, |user| Who::of(&user)))
    }

    pub(crate) fn is_somebodys(&self) -> bool {
        self.user.is_some()
    }

    pub(crate) fn tokens(&self) -> &[OwnToken] {
        &self.tokens
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
        match self.about {
            About::Session(_) => Ok(self.may_check(decoded)),
            About::Keys => {
                let inspected = self.service.inspect(token.expose_secret()).await?;
                let is_known = (TokenCheck::Key, Verdict::Passed);
                Ok(inspected.token.checks().any(|check| check == is_known))
            }
        }
    }

    /// Whether the rule allows it to check this token.
    pub(crate) fn may_check(&self, decoded: &Decoded) -> bool {
        match self.about {
            About::Session(session) => decoded.unverified_session() == Some(session),
            About::Keys => true,
        }
    }

    pub(crate) fn service(&self) -> &SessionService {
        &self.service
    }

    pub(crate) fn now(&self) -> Result<Timestamp, Problem> {
        Ok(self.service.now()?)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use rand::{SeedableRng, rngs::StdRng};
    use rescind_lab::{Action, Setup};
    use rescind_session::Preset;

    use super::{
        super::verified::{Outcome, Verified},
        *,
    };

    async fn verdict(own: &Own, token: &AccessToken) -> Option<Outcome> {
        let decoded = Decoded::of(token.expose_secret()).unwrap();
        let keeper = own.keeper_of(token, &decoded).await.unwrap()?;
        match Verified::by(keeper, &decoded, token.expose_secret()).await.unwrap() {
            Verified::Checked { outcome, .. } => Some(outcome),
            Verified::Strangers => None,
        }
    }

    #[tokio::test]
    async fn a_sandboxs_keys_and_clock_check_its_token_for_its_owner_alone() {
        let sandboxes = Sandboxes::new(
            &rescind_api::Settings::new("http://127.0.0.1".parse().unwrap()),
            StdRng::seed_from_u64(7),
        );
        let answer = Answer::Tokens(Preset::Blacklist);
        let newcomer = sandboxes.known(&TestRequest::get().to_http_request());
        let started = "2020-01-01T12:00:00Z".parse().unwrap();
        sandboxes.begin(&newcomer, Setup::new(answer, started)).await.unwrap();
        let press = async |action| {
            let mut turn = sandboxes.turn(&newcomer, answer).await.unwrap();
            turn.pair.as_mut().unwrap().press(action).await.unwrap();
        };
        press(Action::LogIn).await;
        let request = TestRequest::get()
            .cookie(newcomer.cookie.clone().unwrap())
            .to_http_request();
        let own = Own::nobodys().and_of(&sandboxes, &request).await;
        let token = own.token("blacklist-yours").unwrap().clone();
        assert_eq!(verdict(&own, &token).await, Some(Outcome::Accepted(15)));
        press(Action::LogOut).await;
        assert_eq!(verdict(&own, &token).await, Some(Outcome::Refused(15, 15)));

        let elsewhere = "eyJraWQiOiJ4In0.e30.AAAA".to_owned().into();
        assert_eq!(verdict(&own, &elsewhere).await, None);
        let nobody = TestRequest::get().to_http_request();
        let strangers = Own::nobodys().and_of(&sandboxes, &nobody).await;
        assert!(strangers.tokens().is_empty());
        assert_eq!(verdict(&strangers, &token).await, None);
    }
}
