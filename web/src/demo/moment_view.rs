//! The time line: what happened between you and the thief, moment by moment.

use rescind_session::Cause;

use super::{
    heist::{Exchange, Heist, Moment, Verdict, What},
    log::Actor,
    log_view::clock_time,
};
use crate::pages::times::Time;

/// One moment, in words.
pub(crate) struct MomentView {
    pub(crate) at: Time,
    pub(crate) who: Actor,
    pub(crate) says: String,
}

impl MomentView {
    /// All moments of a robbery, in order.
    pub(crate) fn all(heist: &Heist) -> Vec<Self> {
        heist.moments().iter().map(Self::of).collect()
    }

    fn of(moment: &Moment) -> Self {
        Self {
            at: clock_time(moment.at),
            who: moment.who,
            says: says(moment),
        }
    }
}

fn says(moment: &Moment) -> String {
    let who = match moment.who {
        Actor::You => "You",
        Actor::Browser => "Your browser, by itself,",
        Actor::Thief => "The thief",
    };
    match &moment.what {
        What::LoggedIn => "You logged in as alice".to_owned(),
        What::CopiedAccess => "The thief copied your access token".to_owned(),
        What::CopiedRefresh(generation) => {
            format!("The thief copied your refresh token, generation {}", generation.get())
        }
        What::Tried {
            asking,
            signature,
            elsewhere,
        } => {
            let doors = format!("The thief tried both doors: {} and {}", short(asking), short(signature));
            match elsewhere.iter().map(short).collect::<Vec<_>>().join(", ") {
                others if others.is_empty() => doors,
                others => format!("{doors}; and the first one at the other nodes: {others}"),
            }
        }
        What::Exchanged(exchange) => format!("{who} {}", exchanged(*exchange)),
        What::LoggedOut => format!("{who} logged out"),
        What::Ended(how) => format!("The session was ended: {how}"),
    }
}

fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accepted { .. } => "200".to_owned(),
        Verdict::Refused { status, .. } => status.to_string(),
        Verdict::NoAnswer => "no answer".to_owned(),
    }
}

fn exchanged(exchange: Exchange) -> String {
    match exchange {
        Exchange::Next(generation) => format!("refreshed, and got generation {}", generation.get()),
        Exchange::Forgiven(generation) => format!(
            "came second, within the grace, and got the same generation {}",
            generation.get()
        ),
        Exchange::Reused => "came with an old refresh token: reuse. The session was ended".to_owned(),
        Exchange::Closed => "tried to refresh a session that is closed".to_owned(),
        Exchange::Refused(code) => format!("tried to refresh: {code}"),
    }
}

/// Why a session was ended, for people.
pub(crate) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Logout => "a logout",
        Cause::LogoutElsewhere => "from the list of devices",
        Cause::LogoutEverywhere => "a logout everywhere",
        Cause::Replaced => "another login in this browser",
        Cause::TooMany => "too many logins of one account",
        Cause::PasswordChange => "a new password",
        Cause::Reuse => "a copy of its refresh token was used",
        Cause::LostCommit => "a refresh token newer than the database",
        Cause::Administrator => "by an administrator",
        Cause::TokenRevoked => "its token was revoked",
    }
}
