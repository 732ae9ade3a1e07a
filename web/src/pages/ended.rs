//! Why somebody has to log in again: told where they find themselves logged out.
//!
//! A session that was ended under a browser leaves its cookies behind, dead. They still say which session it was, and the
//! session's row says how it ended. Above all to somebody who was robbed: when a refresh token is used twice, the session
//! is closed under both, and the honest one of the two should learn it.

use actix_web::HttpRequest;
use jiff::Timestamp;
use rescind_api::{Problem, Rescind, browser};
use rescind_session::{
    Cause, Device, Session, SessionState,
    token::{SessionId, UserId},
};

use super::{device_name::device_name, times::Time};

/// What is said of a session that was ended, for `ended.html`.
pub(crate) struct Ended {
    pub(crate) heading: &'static str,
    pub(crate) says: &'static str,
    pub(crate) when: Time,
    /// Who held the session last, where it was ended because somebody had a copy.
    pub(crate) robbed: Option<LastHeld>,
}

/// The device that renewed a session last: the thief's, or one's own.
pub(crate) struct LastHeld {
    pub(crate) device: String,
    pub(crate) address: Option<String>,
    pub(crate) when: Time,
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
        let (heading, says) = match cause {
            _ if robbed => (
                "A copy of your session was used, so the session was ended.",
                "Its refresh token came a second time, after it had been exchanged. Two hold it then, and which of them is \
                 you cannot be told. So it is over for both.",
            ),
            Cause::LogoutElsewhere => (
                "This device was logged out.",
                "Somebody ended its session from your list of devices.",
            ),
            Cause::LogoutEverywhere => (
                "You were logged out everywhere.",
                "Somebody who was logged in as you asked for it.",
            ),
            Cause::TooMany => (
                "This device was logged out.",
                "You logged in on more devices than one account may, and this login was the oldest.",
            ),
            Cause::PasswordChange => (
                "Your password was changed.",
                "That ended every session but the one that changed it.",
            ),
            Cause::Administrator => ("Your session was ended.", "Whoever is in charge here ended it."),
            Cause::LostCommit => (
                "Your session was ended, to be safe.",
                "The server had lost track of how often it was renewed.",
            ),
            Cause::Reuse | Cause::Logout | Cause::Replaced | Cause::TokenRevoked => return None,
        };
        Some(Self {
            heading,
            says,
            when: Time::ago(session.reuse_noticed_at.unwrap_or(at), now),
            // Not known where only an access token was presented, which may be a thief's.
            robbed: (robbed && session.device != Device::default()).then(|| LastHeld {
                device: device_name(session.device.user_agent.as_deref()),
                address: session.device.address.map(|address| address.to_string()),
                when: Time::ago(session.last_seen_at, now),
            }),
        })
    }
}
