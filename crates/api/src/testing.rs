//! Tests of an application that uses this crate: a logged-in request in one line, and a clock to move. Feature `testing`.
//!
//! ```
//! use std::time::Duration;
//!
//! use actix_web::{App, test, web};
//! use rescind_api::{Authenticated, testing::Testing};
//!
//! async fn greeting(_: Authenticated) -> &'static str {
//!     "Hello."
//! }
//!
//! #[actix_web::main] // in a test: #[actix_web::test]
//! async fn main() {
//!     let testing = Testing::new().await;
//!     let app = App::new()
//!         .app_data(testing.rescind().clone())
//!         .route("/greeting", web::get().to(greeting));
//!     let app = test::init_service(app).await;
//!
//!     let request = testing.logged_in("alice").await.uri("/greeting").to_request();
//!     assert_eq!(test::call_service(&app, request).await.status(), 200);
//!
//!     let request = testing.logged_in("alice").await.uri("/greeting").to_request();
//!     testing.clock().advance(Duration::from_secs(3600));
//!     assert_eq!(test::call_service(&app, request).await.status(), 401);
//! }
//! ```
#![expect(
    clippy::expect_used,
    reason = "a test fails by panicking, and this module is for tests"
)]

use actix_web::{http::header, test::TestRequest};
use rescind_session::{
    Config, Device, IssuedTokens, Keys, ManualClock, Password, SessionService, SignUpError, SystemRandom, memory,
    token::{AccessClaims, AccessToken, ExtraClaims, UserId},
};

use crate::{rescind::Rescind, settings::Settings};

/// A service on stores in memory, with quick password hashing and a clock that only moves when told.
pub struct Testing {
    rescind: Rescind,
    clock: ManualClock,
}

/// The password of every user that [`Testing`] makes.
pub const PASSWORD: &str = "correct horse battery staple";

impl Testing {
    /// A service at `https://app.example` with the default settings. The time is noon of 1 January 2026, UTC.
    ///
    /// # Panics
    /// If a key cannot be generated.
    pub async fn new() -> Self {
        let url = "https://app.example";
        Self::with(
            Config::new(url, "app"),
            Settings::new(url.parse().expect("it is a URL")),
        )
        .await
    }

    /// The same with the application's own configuration and settings, except for the hashing.
    ///
    /// # Panics
    /// If they contradict themselves.
    pub async fn with(mut config: Config, settings: Settings) -> Self {
        let clock = ManualClock::at("2026-01-01T12:00:00Z".parse().expect("it is a time"));
        let mut rng = SystemRandom::new().expect("the machine has randomness");
        let keys = Keys::generate(&mut rng).expect("a key");
        let ports = memory::ports(clock.clone());
        (config.hashing.memory_kib, config.hashing.iterations) = (64, 1);
        let service = SessionService::new(config, keys, ports, rng).expect("a valid configuration");
        service.sync_blacklist(100).await.expect("stores in memory answer");
        Self {
            rescind: Rescind::new(service, settings).expect("valid settings"),
            clock,
        }
    }

    /// For the application under test.
    pub fn rescind(&self) -> &Rescind {
        &self.rescind
    }

    /// The time by which tokens are issued and checked.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Logs in a user with this name, who is made if necessary.
    ///
    /// # Panics
    /// If the name cannot be a login name.
    pub async fn log_in(&self, username: &str) -> IssuedTokens {
        let (service, password) = (self.rescind.service(), Password::new(PASSWORD));
        let made = service.sign_up(username, &password).await;
        assert!(matches!(made, Ok(_) | Err(SignUpError::NameTaken)), "{made:?}");
        let client = self.rescind.settings().client_id.clone();
        let issued = service.log_in(username, &password, client, Device::default()).await;
        issued.expect("the password is right")
    }

    /// A request of that user, with a bearer token of a new login. Add the method, the path and the rest.
    ///
    /// # Panics
    /// As [`log_in`](Self::log_in).
    pub async fn logged_in(&self, username: &str) -> TestRequest {
        bearer(&self.log_in(username).await.access_token)
    }

    /// The same for a user with this id, whom only the application knows.
    ///
    /// # Panics
    /// Stores in memory answer.
    pub async fn logged_in_as(&self, user: UserId) -> TestRequest {
        bearer(&self.open_session(user).await.access_token)
    }

    /// A request of a [named](Self::logged_in) user with claims of the application in the token, such as
    /// [`with_roles(["admin"])`](ExtraClaims::with_roles).
    ///
    /// # Panics
    /// As [`log_in`](Self::log_in).
    pub async fn logged_in_with(&self, username: &str, extra: ExtraClaims) -> TestRequest {
        self.signed(self.log_in(username).await.claims, extra)
    }

    /// The same for a user whom [only the application knows](Self::logged_in_as).
    ///
    /// # Panics
    /// Stores in memory answer.
    pub async fn logged_in_as_with(&self, user: UserId, extra: ExtraClaims) -> TestRequest {
        self.signed(self.open_session(user).await.claims, extra)
    }

    async fn open_session(&self, user: UserId) -> IssuedTokens {
        let client = self.rescind.settings().client_id.clone();
        let attempt = self.rescind.service().begin_login(user).await;
        let issued = attempt
            .expect("stores in memory answer")
            .open_session(client, Device::default());
        issued.await.expect("stores in memory answer")
    }

    fn signed(&self, claims: AccessClaims, extra: ExtraClaims) -> TestRequest {
        let claims = AccessClaims { extra, ..claims };
        let signed = self.rescind.service().keys().ring.sign(&claims);
        bearer(&signed.expect("the key can sign"))
    }
}

fn bearer(token: &AccessToken) -> TestRequest {
    TestRequest::default().insert_header((header::AUTHORIZATION, format!("Bearer {}", token.expose_secret())))
}
