//! The state that all pages share.

use std::sync::Arc;

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use futures::future::LocalBoxFuture;
use rescind_api::{Authenticated, Problem, Rescind, Visitor, browser};
use rescind_session::User;

use super::{
    assets::Assets,
    frame::{Frame, Who},
    instead,
    session_state::SessionState,
    theme::{self, Theme},
    words::{WORDS, facts},
};
use crate::{content::say, settings::Demo, stores::Stores, trace::stage::Stage};

pub(crate) struct Site {
    /// The application's own. Handlers take `Rescind` as a parameter instead, which may be metered for the request.
    pub(crate) rescind: Rescind,
    pub(crate) demo: Demo,
    stores: Arc<Stores>,
    pub(crate) assets: Arc<Assets>,
    /// The demo's stage before a robbery.
    pub(crate) opening: Option<Stage>,
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

    pub(crate) fn frame(&self, request: &HttpRequest, title: impl Into<String>, who: Who) -> Frame {
        let policy = self.rescind.service().policy();
        Frame {
            title: title.into(),
            description: &WORDS.description,
            path: request.path().to_owned(),
            who,
            demo: self.demo.is_on(),
            stores: Arc::clone(&self.stores),
            theme: Theme::of(request, self.rescind.settings()),
            back: theme::back(request),
            origin: self.rescind.settings().public_url.origin().ascii_serialization(),
            assets: Arc::clone(&self.assets),
            session: SessionState::drawn_for(request, &self.rescind),
            policy: policy.preset.name(),
            promise: say(&WORDS.promise, &facts(policy)),
        }
    }
}

/// A request for a page, and who sent it.
pub(crate) struct Reader {
    pub(crate) request: HttpRequest,
    visitor: Result<Visitor, Problem>,
    pub(crate) site: web::Data<Site>,
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
    pub(crate) fn visitor(&self) -> Result<&Visitor, Problem> {
        self.visitor.as_ref().map_err(Problem::clone)
    }

    pub(crate) fn logged_in(&self) -> Option<&Authenticated> {
        match &self.visitor {
            Ok(Visitor::LoggedIn(authenticated)) => Some(authenticated),
            _ => None,
        }
    }

    /// The logged-in user; `None` also if the account was deleted.
    pub(crate) async fn user(&self) -> Result<Option<User>, Problem> {
        match self.logged_in() {
            Some(authenticated) => Ok(self.rescind.service().user(authenticated.user_id()).await?),
            None => Ok(None),
        }
    }

    /// The owner of a private page.
    ///
    /// # Errors
    /// The way to the login, or to a new access token.
    pub(crate) async fn owner(&self) -> actix_web::Result<(Authenticated, User)> {
        let to_login = || instead(browser::to_login(&self.request));
        let authenticated = match self.visitor()? {
            Visitor::LoggedIn(authenticated) => authenticated.clone(),
            Visitor::Stale => return Err(instead(browser::to_refresh(&self.request))),
            Visitor::Anonymous => return Err(to_login()),
        };
        let user = self.user().await?.ok_or_else(to_login)?;
        Ok((authenticated, user))
    }

    /// The user named in the frame of a public page.
    pub(crate) async fn who(&self) -> Result<Who, Problem> {
        let user = self.user().await?;
        Ok(user.map_or(Who::Nobody, |user| Who::of(&user)))
    }

    pub(crate) fn frame_for(&self, title: impl Into<String>, who: Who) -> Frame {
        self.site.frame(&self.request, title, who)
    }

    /// Of a page that does not depend on its reader. It has no name if that takes a refresh, or if the store does not answer.
    pub(crate) async fn frame(&self, title: impl Into<String>) -> Frame {
        let who = match &self.visitor {
            Ok(Visitor::Stale) | Err(_) => Who::Unknown,
            Ok(_) => self.who().await.unwrap_or(Who::Unknown),
        };
        self.frame_for(title, who)
    }
}
