//! What a request asks for, and which check decided it.
//!
//! One place knows every address. Which check had the last word is a pure function of what is known when the reply goes out:
//! what was asked, the status, the problem's code, the policy, and what the stores were asked on the way. So the log can say
//! it for every reply, and nobody has to remember to tell.

use actix_web::http::Method;
use rescind_lab::{
    Decided,
    meter::{Answer, Call, Operation},
};
use rescind_session::Check;

use super::scene::WORDS;
use crate::content::of;

/// What somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A page that everybody may see.
    Page,
    /// The account, or something else that is for whoever is logged in.
    Private,
    /// A form on a private page.
    PrivateForm,
    /// Who am I, at the door that asks whether the token was taken back.
    AskingDoor,
    /// Who am I, at the door that looks at the token alone.
    SignatureDoor,
    /// Signing up, which logs in too.
    SignUp,
    /// A name and a password.
    LogIn,
    /// Logging in as alice, and being robbed.
    Rob,
    /// The next generation, for the refresh token.
    Refresh,
    /// Being logged out.
    LogOut,
    /// Ending sessions from the list of devices.
    EndSessions,
    /// The thief tries the doors.
    ThiefTries,
    /// The thief copies the refresh token.
    ThiefStealsRefresh,
    /// The thief uses the refresh token.
    ThiefRefreshes,
    /// Loot and log are thrown away.
    Forget,
    /// Something that is not there, or that changes nothing about anybody's login.
    Other,
}

impl Asked {
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let reads = method == Method::GET || method == Method::HEAD;
        match (reads, path) {
            (true, "/" | "/login" | "/signup") => Self::Page,
            (true, "/account" | "/password" | "/api/sessions") => Self::Private,
            (true, "/api/me") => Self::AskingDoor,
            (true, "/demo/signature-only/me") => Self::SignatureDoor,
            (_, "/refresh" | "/api/refresh" | "/demo/refresh") => Self::Refresh,
            (false, "/signup" | "/api/users") => Self::SignUp,
            (false, "/login" | "/api/login") => Self::LogIn,
            (false, "/logout" | "/api/logout" | "/demo/log-out") => Self::LogOut,
            (false, "/logout-everywhere" | "/api/logout-everywhere") => Self::EndSessions,
            (false, "/password") => Self::PrivateForm,
            (false, "/demo/rob") => Self::Rob,
            (false, "/demo/thief/try") => Self::ThiefTries,
            (false, "/demo/thief/steal-refresh") => Self::ThiefStealsRefresh,
            (false, "/demo/thief/refresh") => Self::ThiefRefreshes,
            (false, "/demo/forget") => Self::Forget,
            (false, path) if path.starts_with("/sessions/") || path.starts_with("/api/sessions/") => Self::EndSessions,
            _ => Self::Other,
        }
    }

    /// For people.
    pub(crate) fn words(self) -> &'static str {
        of(&WORDS.asked, self)
    }
}

/// What is known of a request when its reply goes out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) asked: Asked,
    pub(crate) status: u16,
    /// The problem's code, if there was a problem.
    pub(crate) code: Option<&'a str>,
    /// Where a redirect leads.
    pub(crate) to: Option<&'a str>,
    pub(crate) calls: &'a [Call],
    /// What the policy in force asks on every request.
    pub(crate) check: Check,
}

/// Which check had the last word.
pub(crate) fn decided(seen: &Seen) -> Decided {
    match seen.code {
        Some(code) => Decided::by_code(code, seen.check),
        None if seen.status >= 500 => Decided::Unknown,
        None => by_way(seen),
    }
}

fn by_way(seen: &Seen) -> Decided {
    let turned_away = seen.to.is_some_and(|to| to.starts_with("/login"));
    match seen.asked {
        Asked::Page | Asked::Forget | Asked::Other => Decided::NoneNeeded,
        Asked::Private | Asked::PrivateForm | Asked::EndSessions if sent_to_refresh(seen) => Decided::Expiry,
        Asked::Private | Asked::PrivateForm | Asked::EndSessions if turned_away => turned_away_by(seen),
        Asked::Private | Asked::PrivateForm | Asked::EndSessions | Asked::AskingDoor => {
            Decided::last_question(seen.check)
        }
        Asked::SignatureDoor => Decided::Expiry,
        Asked::SignUp => Decided::Input,
        Asked::LogIn | Asked::Rob => Decided::Credentials,
        // Any genuine token will do, an expired one too.
        Asked::LogOut => Decided::Signature,
        Asked::Refresh => refreshed_by(seen),
        Asked::ThiefTries | Asked::ThiefRefreshes | Asked::ThiefStealsRefresh => Decided::NoneNeeded,
    }
}

fn sent_to_refresh(seen: &Seen) -> bool {
    seen.to.is_some_and(|to| to.starts_with("/refresh"))
}

/// A page sends somebody to the login whose token was revoked, and somebody who has none that counts.
fn turned_away_by(seen: &Seen) -> Decided {
    if seen.calls.iter().any(|call| call.answer == Answer::OnTheList) {
        Decided::Blacklist
    } else if seen.check == Check::Session && answered(seen, Operation::FindSession).is_some() {
        Decided::SessionRow
    } else {
        Decided::TokenThere
    }
}

/// A browser's refresh is answered by a redirect whatever comes of it; what the stores were asked tells what did.
fn refreshed_by(seen: &Seen) -> Decided {
    let turned_away = seen.to.is_some_and(|to| to.starts_with("/login"));
    let rotated = answered(seen, Operation::Rotate).is_some();
    if rotated || answered(seen, Operation::CloseForReuse).is_some() {
        return Decided::Generation;
    }
    match (answered(seen, Operation::FindSession), turned_away) {
        (Some(Answer::Open), false) => Decided::Generation,
        (Some(Answer::Open), true) => Decided::SessionAge,
        (Some(Answer::Closed), _) => Decided::SessionRow,
        (Some(_), _) => Decided::RefreshTag,
        (None, true) => Decided::TokenThere,
        // The access token was alive: there was nothing to exchange.
        (None, false) => Decided::last_question(seen.check),
    }
}

fn answered(seen: &Seen, operation: Operation) -> Option<Answer> {
    let mut calls = seen.calls.iter().rev();
    calls.find(|call| call.operation == operation).map(|call| call.answer)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rescind_lab::meter::Store;

    use super::*;

    #[test]
    fn an_address_says_what_is_asked_for() {
        for (method, path, asked) in [
            (Method::GET, "/api/me", Asked::AskingDoor),
            (Method::HEAD, "/api/me", Asked::AskingDoor),
            (Method::POST, "/api/me", Asked::Other),
            (Method::GET, "/refresh", Asked::Refresh),
            (Method::POST, "/demo/log-out", Asked::LogOut),
            (Method::GET, "/demo/log-out", Asked::Other),
            (Method::DELETE, "/api/sessions/7", Asked::EndSessions),
            (Method::GET, "/nowhere", Asked::Other),
        ] {
            assert_eq!(Asked::of(&method, path), asked, "{method} {path}");
        }
    }

    fn call(operation: Operation, answer: Answer) -> Call {
        Call {
            store: Store::Sessions,
            operation,
            answer,
            took: Duration::ZERO,
            session: None,
            generation: None,
        }
    }

    fn seen(asked: Asked, status: u16, code: Option<&'static str>) -> Seen<'static> {
        Seen {
            asked,
            status,
            code,
            to: None,
            calls: &[],
            check: Check::Blacklist,
        }
    }

    #[test]
    fn a_revoked_token_is_refused_by_what_the_policy_asks() {
        let revoked = seen(Asked::AskingDoor, 401, Some("token_revoked"));
        assert_eq!(decided(&revoked), Decided::Blacklist);
        let stored = Seen {
            check: Check::Session,
            ..revoked
        };
        assert_eq!(decided(&stored), Decided::SessionRow);
    }

    #[test]
    fn an_accepted_token_was_last_asked_of_whatever_the_policy_asks() {
        let accepted = seen(Asked::AskingDoor, 200, None);
        assert_eq!(decided(&accepted), Decided::Blacklist);
        let nobody_asks = Seen {
            check: Check::Nothing,
            ..accepted
        };
        assert_eq!(decided(&nobody_asks), Decided::Expiry);
        assert_eq!(decided(&seen(Asked::SignatureDoor, 200, None)), Decided::Expiry);
    }

    #[test]
    fn a_store_that_does_not_answer_decides_nothing() {
        assert_eq!(
            decided(&seen(Asked::AskingDoor, 503, Some("store_unavailable"))),
            Decided::NoAnswer
        );
    }

    #[test]
    fn what_a_browsers_refresh_came_to_is_told_by_what_was_asked_on_the_way() {
        let found = |answer| call(Operation::FindSession, answer);
        let check = call(Operation::Check, Answer::NotOnTheList);
        for (calls, to, expected) in [
            (
                vec![found(Answer::Open), call(Operation::Rotate, Answer::Done)],
                "/refresh?renewed=1",
                Decided::Generation,
            ),
            (
                vec![found(Answer::Open), call(Operation::CloseForReuse, Answer::Done)],
                "/login?next=/",
                Decided::Generation,
            ),
            (vec![found(Answer::Open)], "/demo", Decided::Generation),
            (vec![found(Answer::Open)], "/login?next=/", Decided::SessionAge),
            (vec![found(Answer::Closed)], "/login?next=/", Decided::SessionRow),
            (vec![found(Answer::NothingFound)], "/login?next=/", Decided::RefreshTag),
            (vec![], "/login?next=/", Decided::TokenThere),
            (vec![check], "/account", Decided::Blacklist),
        ] {
            let refresh = Seen {
                to: Some(to),
                calls: &calls,
                ..seen(Asked::Refresh, 303, None)
            };
            assert_eq!(decided(&refresh), expected, "{calls:?} -> {to}");
        }
    }

    #[test]
    fn a_private_page_turns_away_for_the_expiry_the_blacklist_or_no_token() {
        let to = |to, calls| Seen {
            to: Some(to),
            calls,
            ..seen(Asked::Private, 303, None)
        };
        assert_eq!(decided(&to("/refresh?next=/account", &[])), Decided::Expiry);
        assert_eq!(decided(&to("/login?next=/account", &[])), Decided::TokenThere);
        let revoked = [call(Operation::Check, Answer::OnTheList)];
        assert_eq!(decided(&to("/login?next=/account", &revoked)), Decided::Blacklist);
    }
}
