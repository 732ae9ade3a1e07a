//! What a node takes from the application around it, where no setting says it.

use std::sync::Arc;

use futures::future::BoxFuture;
use rescind_session::{
    Config, PasswordVerifier, SessionService,
    ports::{ClaimsSource, UserStore},
};

use crate::{failure::Failure, readiness::BeforeReady, settings::Settings};

/// A node that is being put together, by [`Node::builder`](crate::Node::builder). Everything is optional.
pub struct NodeBuilder {
    pub(crate) settings: Settings,
    pub(crate) users: Option<Arc<dyn UserStore>>,
    pub(crate) claims: Option<Arc<dyn ClaimsSource>>,
    pub(crate) passwords: Option<Arc<dyn PasswordVerifier>>,
    pub(crate) configure: Box<dyn FnOnce(Config) -> Config>,
    pub(crate) configure_http: Box<dyn FnOnce(rescind_api::Settings) -> rescind_api::Settings>,
    pub(crate) before_ready: BeforeReady,
}

impl NodeBuilder {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            users: None,
            claims: None,
            passwords: None,
            configure: Box::new(|config| config),
            configure_http: Box::new(|settings| settings),
            before_ready: Box::new(|_| Box::pin(async { Ok(()) })),
        }
    }

    /// Takes users from the application's own table, instead of from `rescind_users`.
    #[must_use]
    pub fn users(mut self, users: Arc<dyn UserStore>) -> Self {
        self.users = Some(users);
        self
    }

    /// Puts the application's own claims into the access tokens.
    #[must_use]
    pub fn claims(mut self, claims: Arc<dyn ClaimsSource>) -> Self {
        self.claims = Some(claims);
        self
    }

    /// Checks password hashes in a form that the crates do not know.
    #[must_use]
    pub fn password_verifier(mut self, verifier: Arc<dyn PasswordVerifier>) -> Self {
        self.passwords = Some(verifier);
        self
    }

    /// Changes what no setting of the node covers.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(Config) -> Config + 'static) -> Self {
        self.configure = Box::new(change);
        self
    }

    /// Changes the settings of the HTTP side that no setting of the node covers, such as the allowed origins.
    #[must_use]
    pub fn configure_http(
        mut self,
        change: impl FnOnce(rescind_api::Settings) -> rescind_api::Settings + 'static,
    ) -> Self {
        self.configure_http = Box::new(change);
        self
    }

    /// Runs when the time is known, and again until it succeeds; requests are answered only then. With Redis it is
    /// repeated each second; without Redis for ten seconds, after which the start fails.
    #[must_use]
    pub fn before_ready(
        mut self,
        prepare: impl Fn(SessionService) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync + 'static,
    ) -> Self {
        self.before_ready = Box::new(prepare);
        self
    }
}
