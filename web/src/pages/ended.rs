//! Why a person has to log in again: shown where they notice that they are logged out.
//!
//! A session that was ended elsewhere leaves its invalid cookies in the browser. They still name the session, and its row
//! holds the reason. This matters most after a robbery: when a refresh token is used twice, the session is closed for both,
//! and its owner should learn why.

use std::net::IpAddr;

use actix_web::HttpRequest;
use jiff::Timestamp;
use rescind_api::{Problem, Rescind, browser};
use rescind_session::{
    Device, Session, SessionState,
    token::{SessionId, UserId},
};

use super::{
    device_name::device_name,
    frame::Who,
    times::Time,
    words::{PageText, WORDS},
};
use crate::content::{Facts, first, word, yes};

/// The notice on an ended session, for `ended.html`.
pub(crate) struct Ended {
    pub(crate) said: &'static PageText,
    pub(crate) when: Time,
    /// The device that renewed the session last, the thief's or the owner's, if it was ended because of a copy.
    pub(crate) robbed: Option<Robbed>,
}

pub(crate) struct Robbed {
    pub(crate) name: String,
    pub(crate) address: Option<IpAddr>,
    pub(crate) last_seen: Time,
}

impl Ended {
    /// From the browser's cookies. `None`, if the person is logged in, ended the session here or never had one; and while the
    /// store does not answer, since the page around it is the way out.
    pub(crate) async fn of(request: &HttpRequest, rescind: &Rescind, who: &Who) -> Option<Self> {
        if *who != Who::Nobody {
            return None;
        }
        Self::of_session(rescind, browser::ended_session(request, rescind).await)
    }

    /// The same after a login, on this browser's earlier session.
    pub(crate) async fn before_login(session: SessionId, user: &UserId, rescind: &Rescind) -> Option<Self> {
        let session = rescind.service().session(session).await.map_err(Problem::from);
        Self::of_session(
            rescind,
            session.map(|found| found.filter(|session| session.user == user.clone())),
        )
    }

    fn of_session(rescind: &Rescind, session: Result<Option<Session>, Problem>) -> Option<Self> {
        let told = session.and_then(|session| {
            let now = rescind.service().now()?;
            Ok(session.and_then(|session| Self::told(&session, now)))
        });
        told.unwrap_or_else(|problem| {
            tracing::warn!(code = problem.code(), "the end of a session could not be read");
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
            // Unknown if only an access token was presented, which may be a thief's.
            robbed: (robbed && session.device != Device::default()).then(|| Robbed {
                name: device_name(session.device.user_agent.as_deref()),
                address: session.device.address,
                last_seen: Time::ago(session.last_seen_at, now),
            }),
        })
    }
}
