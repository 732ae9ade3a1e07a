//! What every page reaches for.

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use rescind_api::{Authenticated, Problem, Rescind, Visitor};
use rescind_session::{Check, User};

use super::{
    assets::Assets,
    frame::{Frame, Place, Who},
    session_state::SessionState,
    theme::{self, Theme},
};
use crate::{settings::Demo, stores::Stores};

/// The service, the demo's setting, the stores in words, and the static files.
pub(crate) struct Site {
    rescind: Rescind,
    demo: Demo,
    stores: Arc<Stores>,
    assets: Assets,
}

impl Site {
    pub(crate) fn new(rescind: Rescind, demo: Demo, stores: Arc<Stores>) -> web::Data<Self> {
        web::Data::new(Self {
            rescind,
            demo,
            stores,
            assets: Assets::embedded(),
        })
    }

    /// The application's own. A handler takes `Rescind` as a parameter instead: it may be one that watches this request.
    pub(crate) fn rescind(&self) -> &Rescind {
        &self.rescind
    }

    pub(crate) fn demo(&self) -> Demo {
        self.demo
    }

    pub(crate) fn assets(&self) -> &Assets {
        &self.assets
    }

    /// What stands around a page.
    pub(crate) fn frame(&self, request: &HttpRequest, title: impl Into<String>, who: Who) -> Frame {
        let policy = self.rescind.service().policy();
        Frame {
            title: title.into(),
            path: request.path().to_owned(),
            who,
            demo: self.demo.is_on(),
            place: self.demo.is_on().then(|| self.place()),
            theme: Theme::of(request, self.rescind.settings()),
            back: theme::back(request),
            stylesheet: self.assets.stylesheet().to_owned(),
            lessons: teaches(request.path()).then(|| self.assets.lessons().to_owned()),
            script: self.assets.script().to_owned(),
            icon: self.assets.icon().to_owned(),
            session: SessionState::drawn_for(request, &self.rescind),
            policy: policy.preset.name(),
            promise: match (policy.check, policy.refresh) {
                (Check::Blacklist, _) => "Logging out takes every copy of your access token back, at once.",
                (Check::Session, _) => {
                    "Every request looks your session up, so logging out ends every copy of its token."
                }
                (Check::Nothing, Some(_)) => {
                    "Logging out stops new tokens; copies of the present one live until they expire."
                }
                (Check::Nothing, None) => "Logging out deletes the token here; copies of it live until they expire.",
            },
        }
    }

    /// Who answers, and on which stores. For the demo: elsewhere it is nobody's business.
    fn place(&self) -> Place {
        Place {
            node: self.stores.node.clone(),
            stores: self.stores.to_string(),
        }
    }

    /// Who is logged in. An account that is gone counts as nobody.
    pub(crate) async fn user(&self, rescind: &Rescind, authenticated: &Authenticated) -> Result<Option<User>, Problem> {
        Ok(rescind.service().user(authenticated.user_id()).await?)
    }

    /// Whose name stands in the frame of a page that everybody may see.
    pub(crate) async fn who(&self, rescind: &Rescind, visitor: &Visitor) -> Result<Who, Problem> {
        let Visitor::LoggedIn(authenticated) = visitor else {
            return Ok(Who::Nobody);
        };
        let user = self.user(rescind, authenticated).await?;
        Ok(user.map_or(Who::Nobody, |user| Who::Somebody(user.username.to_string())))
    }

    /// The same, of a page on which nothing else depends on it: nobody, if to know it would take a refresh, or a store that
    /// does not answer.
    pub(crate) async fn who_if_known(&self, rescind: &Rescind, visitor: &Result<Visitor, Problem>) -> Who {
        match visitor {
            Ok(Visitor::Stale) | Err(_) => Who::Unknown,
            Ok(visitor) => self.who(rescind, visitor).await.unwrap_or(Who::Unknown),
        }
    }
}

/// Whether a page of the lab, the inspector, the course or the glossary is at that address.
fn teaches(path: &str) -> bool {
    let folder = path.split('/').nth(1);
    matches!(folder, Some("lab" | "inspector" | "learn" | "glossary"))
}
