//! The state that all pages share.

use std::sync::Arc;

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use futures::future::LocalBoxFuture;
use rescind_api::{Authenticated, Problem, Rescind, Visitor, browser};
use rescind_session::User;

use super::{
    assets::Assets,
    frame::{Frame, Place, Who},
    instead,
    session_state::SessionState,
    theme::{self, Theme},
    words::{WORDS, facts},
};
use crate::{content::say, settings::Demo, stores::Stores, trace::stage::Stage};

/// The service, the demo's setting, the stores in words, and the static files.
pub(crate) struct Site {
    rescind: Rescind,
    demo: Demo,
    stores: Arc<Stores>,
    assets: Arc<Assets>,
    /// The demo's stage before a robbery.
    opening: Option<Stage>,
}

impl Site {
    pub(crate) fn new(rescind: Rescind, demo: Demo, stores: Arc<Stores>, opening: Option<Stage>) -> web::Data<Self> {
        web::Data::new(Self {
            rescind,
            demo,
            stores,
            assets: Arc::new(Assets::embedded()),
            opening,
        })
    }

    /// The application's own. Handlers take `Rescind` as a parameter instead, which may be metered for the request.
    pub(crate) fn rescind(&self) -> &Rescind {
        &self.rescind
    }

    pub(crate) fn opening(&self) -> Option<&Stage> {
        self.opening.as_ref()
    }

    pub(crate) fn demo(&self) -> Demo {
        self.demo
    }

    pub(crate) fn assets(&self) -> &Assets {
        &self.assets
    }

    pub(crate) fn frame(&self, request: &HttpRequest, title: impl Into<String>, who: Who) -> Frame {
        let policy = self.rescind.service().policy();
        Frame {
            title: title.into(),
            description: &WORDS.description,
            path: request.path().to_owned(),
            who,
            demo: self.demo.is_on(),
            place: self.demo.is_on().then(|| Place {
                node: self.stores.node.clone(),
                stores: self.stores.to_string(),
            }),
            theme: Theme::of(request, self.rescind.settings()),
            back: theme::back(request),
            origin: self.rescind.settings().public_url.origin().ascii_serialization(),
            assets: Arc::clone(&self.assets),
            session: SessionState::drawn_for(request, &self.rescind),
            policy: policy.preset.name(),
            promise: say(&WORDS.promise, &facts(policy)),
        }
    }

    /// The logged-in user; `None` if the account was deleted.
    pub(crate) async fn user(&self, rescind: &Rescind, authenticated: &Authenticated) -> Result<Option<User>, Problem> {
        Ok(rescind.service().user(authenticated.user_id()).await?)
    }

    /// The owner of a private page.
    ///
    /// # Errors
    /// The way to the login, or to a new access token.
    pub(crate) async fn owner(
        &self,
        request: &HttpRequest,
        rescind: &Rescind,
        visitor: Visitor,
    ) -> actix_web::Result<(Authenticated, User)> {
        let authenticated = match visitor {
            Visitor::LoggedIn(authenticated) => authenticated,
            Visitor::Stale => return Err(instead(browser::to_refresh(request))),
            Visitor::Anonymous => return Err(instead(browser::to_login(request))),
        };
        match self.user(rescind, &authenticated).await? {
            Some(user) => Ok((authenticated, user)),
            None => Err(instead(browser::to_login(request))),
        }
    }

    /// The user named in the frame of a public page.
    pub(crate) async fn who(&self, rescind: &Rescind, visitor: Option<&Visitor>) -> Result<Who, Problem> {
        let Some(Visitor::LoggedIn(authenticated)) = visitor else {
            return Ok(Who::Nobody);
        };
        let user = self.user(rescind, authenticated).await?;
        Ok(user.map_or(Who::Nobody, |user| Who::of(&user)))
    }
}

/// A request for a page that does not depend on its reader. The frame has no name if that takes a refresh, or if the store
/// does not answer.
pub(crate) struct Reader {
    pub(crate) request: HttpRequest,
    visitor: Result<Visitor, Problem>,
    site: web::Data<Site>,
    pub(crate) rescind: Rescind,
}

impl FromRequest for Reader {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, actix_web::Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parts = <(HttpRequest, Result<Visitor, Problem>, web::Data<Site>, Rescind)>::extract(request);
        Box::pin(async {
            let (request, visitor, site, rescind) = parts.await?;
            Ok(Self {
                request,
                visitor,
                site,
                rescind,
            })
        })
    }
}

impl Reader {
    pub(crate) fn logged_in(&self) -> Option<&Authenticated> {
        match &self.visitor {
            Ok(Visitor::LoggedIn(authenticated)) => Some(authenticated),
            _ => None,
        }
    }

    pub(crate) async fn frame(&self, title: impl Into<String>) -> Frame {
        let who = match &self.visitor {
            Ok(Visitor::Stale) | Err(_) => Who::Unknown,
            Ok(visitor) => self
                .site
                .who(&self.rescind, Some(visitor))
                .await
                .unwrap_or(Who::Unknown),
        };
        self.site.frame(&self.request, title, who)
    }
}
