//! The answer without tokens: plain server sessions, with the usual library.
//!
//! A random number in a cookie, a row in a database, and a read of that row on every request. No signature, no trusted
//! expiry, nothing to revoke: logging out deletes the row. It is `actix-session`, with a store in memory behind the
//! same meters as the others, so that the comparison is fair.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_session::{
    Session, SessionMiddleware,
    config::{CookieContentSecurity, PersistentSession},
    storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError},
};
use actix_web::{
    HttpResponse,
    cookie::{Key, time},
    http::header,
    web,
};
use jiff::Timestamp;
use rand::{RngExt, distr::Alphanumeric, rngs::StdRng};
use rescind_api::{Form, Problem, Rescind};
use rescind_session::{Device, Password, SessionService, token::ClientId};

use crate::{
    meter::{Meter, Operation, Store, StoreReply},
    raw::NameAndPassword,
};

/// The name of the cookie.
pub const COOKIE: &str = "__Host-session";
const USER: &str = "user";

type Row = HashMap<String, String>;

/// The table of sessions. It outlives the server.
pub(crate) struct PlainStore {
    rows: Mutex<HashMap<String, (Row, Timestamp)>>,
    rng: Mutex<StdRng>,
    key: Key,
}

impl PlainStore {
    pub(crate) fn new(mut rng: StdRng) -> Self {
        let mut master = [0; 64];
        rand::Rng::fill_bytes(&mut rng, &mut master);
        Self {
            rows: Mutex::default(),
            rng: Mutex::new(rng),
            key: Key::from(&master),
        }
    }

    /// Every row: key, values and expiry.
    pub(crate) fn rows(&self) -> Vec<(String, Row, Timestamp)> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows: Vec<_> = rows
            .iter()
            .map(|(key, (row, until))| (key.clone(), row.clone(), *until))
            .collect();
        rows.sort_by_key(|(_, _, until)| *until);
        rows
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<String, (Row, Timestamp)>) -> T) -> T {
        change(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn new_key(&self) -> String {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        (0..64).map(|_| char::from(rng.sample(Alphanumeric))).collect()
    }
}

/// The store for one request: metered, with the sandbox's time.
#[derive(Clone)]
pub(crate) struct PlainSessions {
    store: Arc<PlainStore>,
    meter: Meter,
    service: SessionService,
}

impl PlainSessions {
    fn until(&self, life: &time::Duration) -> anyhow::Result<Timestamp> {
        let life = Duration::from_secs(life.whole_seconds().max(0).unsigned_abs());
        Ok(self.service.now()?.checked_add(life)?)
    }

    async fn watch<T>(&self, operation: Operation, answer: impl FnOnce() -> (T, StoreReply)) -> T {
        self.meter.plain(Store::Sessions, operation, answer)
    }
}

impl SessionStore for PlainSessions {
    // ANCHOR: load
    async fn load(&self, key: &SessionKey) -> Result<Option<Row>, LoadError> {
        let now = self.service.now().map_err(|error| LoadError::Other(error.into()))?;
        let look = || {
            let found = self.store.with(|rows| rows.get(key.as_ref()).cloned());
            match found {
                Some((row, until)) if now < until => (Some(row), StoreReply::Open),
                Some(_) => (None, StoreReply::Closed),
                None => (None, StoreReply::NothingFound),
            }
        };
        Ok(self.watch(Operation::FindSession, look).await)
    }
    // ANCHOR_END: load

    async fn save(&self, row: Row, life: &time::Duration) -> Result<SessionKey, SaveError> {
        let until = self.until(life).map_err(SaveError::Other)?;
        let key = self.store.new_key();
        let write = || {
            self.store.with(|rows| rows.insert(key.clone(), (row, until)));
            ((), StoreReply::Done)
        };
        self.watch(Operation::Open, write).await;
        SessionKey::try_from(key).map_err(|error| SaveError::Other(error.into()))
    }

    async fn update(&self, key: SessionKey, row: Row, life: &time::Duration) -> Result<SessionKey, UpdateError> {
        let until = self.until(life).map_err(UpdateError::Other)?;
        let write = || {
            // Only an existing row: an insert would restore a session that was logged out meanwhile.
            let found = self
                .store
                .with(|rows| rows.get_mut(key.as_ref()).map(|kept| *kept = (row, until)));
            ((), found.map_or(StoreReply::NothingFound, |()| StoreReply::Done))
        };
        self.watch(Operation::Rotate, write).await;
        Ok(key)
    }

    async fn update_ttl(&self, key: &SessionKey, life: &time::Duration) -> Result<(), anyhow::Error> {
        let until = self.until(life)?;
        self.store
            .with(|rows| rows.get_mut(key.as_ref()).map(|(_, kept)| *kept = until));
        Ok(())
    }

    // ANCHOR: delete
    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let write = || {
            let found = self.store.with(|rows| rows.remove(key.as_ref()));
            ((), found.map_or(StoreReply::NothingFound, |_| StoreReply::Done))
        };
        self.watch(Operation::Close, write).await;
        Ok(())
    }
    // ANCHOR_END: delete
}

pub(crate) fn middleware(
    store: &Arc<PlainStore>,
    meter: &Meter,
    service: &SessionService,
    life: Duration,
) -> SessionMiddleware<PlainSessions> {
    let sessions = PlainSessions {
        store: Arc::clone(store),
        meter: meter.clone(),
        service: service.clone(),
    };
    let life = time::Duration::seconds(i64::try_from(life.as_secs()).unwrap_or(i64::MAX));
    SessionMiddleware::builder(sessions, store.key.clone())
        .cookie_name(COOKIE.to_owned())
        // The key in the cookie is random, so there is nothing in it to hide.
        .cookie_content_security(CookieContentSecurity::Signed)
        .session_lifecycle(PersistentSession::default().session_ttl(life))
        .build()
}

pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/login").route(web::post().to(log_in)))
        .service(web::resource("/logout").route(web::post().to(log_out)))
        .service(web::resource("/api/me").route(web::get().to(me)));
}

async fn log_in(
    rescind: web::Data<Rescind>,
    session: Session,
    Form(form): Form<NameAndPassword>,
) -> actix_web::Result<HttpResponse> {
    // The same accounts and the same password check; its token is discarded.
    let password = Password::new(form.password.as_str());
    let service = rescind.service();
    let issued = service
        .log_in(&form.username, &password, ClientId::first_party(), Device::default())
        .await
        .map_err(Problem::from)?;
    // Another party may know a key from before the login.
    session.renew();
    session.insert(USER, issued.claims.subject.to_string())?;
    Ok(to_the_start())
}

async fn log_out(session: Session) -> HttpResponse {
    session.purge();
    to_the_start()
}

async fn me(session: Session) -> actix_web::Result<HttpResponse> {
    Ok(match session.get::<String>(USER)? {
        Some(user) => HttpResponse::Ok().json(serde_json::json!({ "user_id": user })),
        None => HttpResponse::Unauthorized().json(serde_json::json!({
            "code": "not_logged_in",
            "detail": "There is no session of that key.",
        })),
    })
}

fn to_the_start() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, "/")).finish()
}
