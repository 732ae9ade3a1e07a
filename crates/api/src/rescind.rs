//! The context of every handler: the service, the settings, and what follows from both.

use std::{
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web};

use rescind_session::SessionService;

use crate::{
    cookies::CookieNames,
    login_limit::Limiter,
    oauth::paths,
    problem::Problem,
    settings::{InvalidSetting, Settings},
    status_list::StatusLists,
};

/// The HTTP side of a [`SessionService`]. Cheap to clone: clones share everything, also the counts of failed logins.
///
/// Make one before the server starts, and give each worker's application a clone.
#[derive(Clone)]
pub struct Rescind {
    parts: Arc<Parts>,
    service: SessionService,
}

struct Parts {
    settings: Settings,
    origin: String,
    allowed_origins: Vec<String>,
    cookie_names: CookieNames,
    limiter: Limiter,
    status_lists: StatusLists,
    /// Whether the OAuth endpoints are mounted.
    oauth: AtomicBool,
}

impl Rescind {
    /// Wraps a [`SessionService`] for HTTP.
    ///
    /// # Errors
    /// [`InvalidSetting`], which names the setting.
    pub fn new(service: SessionService, settings: Settings) -> Result<Self, InvalidSetting> {
        settings.validate()?;
        let parts = Parts {
            origin: settings.public_url.origin().ascii_serialization(),
            allowed_origins: settings
                .allowed_origins
                .iter()
                .map(|url| url.origin().ascii_serialization())
                .collect(),
            cookie_names: CookieNames::new(&settings),
            limiter: Limiter::new(&settings, service.clone()),
            status_lists: StatusLists::default(),
            oauth: AtomicBool::default(),
            settings,
        };
        Ok(Self {
            parts: Arc::new(parts),
            service,
        })
    }

    /// The service behind it.
    pub fn service(&self) -> &SessionService {
        &self.service
    }

    /// The same, with this service in place of its own. If [`SessionService::with_ports`] made it, it can measure what
    /// one request costs.
    #[must_use]
    pub fn with_service(&self, service: SessionService) -> Self {
        Self {
            parts: Arc::clone(&self.parts),
            service,
        }
    }

    /// Makes this value answer the request, instead of the application's. For a middleware.
    pub fn answer(&self, request: &impl HttpMessage) {
        request.extensions_mut().insert(self.clone());
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    /// Bound to the request: all who use it, extractors included, share one waiting time for the stores.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let found = Self::find(request).ok_or_else(|| {
            Problem::internal("the application has no `app_data(rescind.clone())`, nor `rescind.mount`")
        })?;
        let bound = found.with_service(found.service.for_request());
        bound.answer(request);
        Ok(bound)
    }

    /// Not bound to the request.
    pub(crate) fn find(request: &HttpRequest) -> Option<Self> {
        let own = request.extensions().get::<Self>().cloned();
        own.or_else(|| request.app_data::<web::Data<Self>>().map(|data| data.as_ref().clone()))
            .or_else(|| request.app_data::<Self>().cloned())
    }

    /// The origin of the public URL, as browsers write it.
    pub(crate) fn origin(&self) -> &str {
        &self.parts.origin
    }

    pub(crate) fn allowed_origins(&self) -> &[String] {
        &self.parts.allowed_origins
    }

    pub(crate) fn cookie_names(&self) -> &CookieNames {
        &self.parts.cookie_names
    }

    /// The OAuth endpoints are mounted.
    pub(crate) fn has_oauth(&self) {
        self.parts.oauth.store(true, Ordering::Relaxed);
    }

    /// Whether requests to that path use no cookie.
    pub(crate) fn is_without_cookies(&self, path: &str) -> bool {
        paths::is_endpoint(path) && self.is_with_oauth()
    }

    /// Whether the OAuth endpoints are mounted.
    pub(crate) fn is_with_oauth(&self) -> bool {
        self.parts.oauth.load(Ordering::Relaxed)
    }

    pub(crate) fn status_lists(&self) -> &StatusLists {
        &self.parts.status_lists
    }

    pub(crate) fn limiter(&self) -> &Limiter {
        &self.parts.limiter
    }
}

/// The value that answers the request: take it as a parameter to use the service. All store calls that a handler makes
/// through it, together with the request's extractors, wait no longer than the store timeout
/// ([`SessionService::for_request`]).
impl FromRequest for Rescind {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}
