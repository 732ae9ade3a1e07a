//! Why somebody has to log in again: told where they find themselves logged out.
//!
//! A session that was ended under a browser leaves its cookies behind, dead. They still say which session it was, and the
//! session's row says how it ended. Above all to somebody who was robbed: when a refresh token is used twice, the session
//! is closed under both, and the honest one of the two should learn it.

use actix_web::HttpRequest;
use jiff::Timestamp;
use rescind_api::{Problem, Rescind, browser};
use rescind_session::{
    Device, Session, SessionState,
    token::{SessionId, UserId},
};

use super::{
    devices::Device as Listed,
    times::Time,
    words::{Said, WORDS},
};
use crate::content::{Facts, first, word, yes};

/// What is said of a session that was ended, for `ended.html`.
pub(crate) struct Ended {
    pub(crate) said: &'static Said,
    pub(crate) when: Time,
    /// The device that renewed the session last, the thief's or one's own, where it was ended because somebody had a copy.
    pub(crate) robbed: Option<Listed>,
}

impl Ended {
    /// What the browser's cookies have to tell. Nothing, if the person ended the session here, or never had one; and
    /// nothing while the store cannot be asked, since the page around it is the way out.
    pub(crate) async fn of(request: &HttpRequest, rescind: &Rescind) -> Option<Self> {
        Self::of_session(rescind, browser::ended_session(request, rescind).await)
    }

    /// The same for somebody who has just logged in, of the session that this browser held before.
    pub(crate) async fn before_login(session: SessionId, user: UserId, rescind: &Rescind) -> Option<Self> {
        let session = rescind.service().session(session).await.map_err(Problem::from);
        Self::of_session(
            rescind,
            session.map(|found| found.filter(|session| session.user == user)),
        )
    }

    fn of_session(rescind: &Rescind, session: Result<Option<Session>, Problem>) -> Option<Self> {
        let told = session.and_then(|session| {
            let now = rescind.service().now()?;
            Ok(session.and_then(|session| Self::told(&session, now)))
        });
        told.unwrap_or_else(|problem| {
            tracing::warn!(code = problem.code(), "how a session ended could not be told");
            None
        })
    }

    fn told(session: &Session, now: Timestamp) -> Option<Self> {
        let SessionState::Closed { at, cause } = session.state else {
            return None;
        };
        let robbed = session.reuse_noticed_at.is_some();
        let facts = Facts::default().with("robbed", yes(robbed)).with("cause", word(cause));
        let said = first(&WORDS.ended, &facts)?;
        Some(Self {
            said,
            when: Time::ago(session.reuse_noticed_at.unwrap_or(at), now),
            // Not known where only an access token was presented, which may be a thief's.
            robbed: (robbed && session.device != Device::default()).then(|| Listed::new(session, session.id, now)),
        })
    }
}
