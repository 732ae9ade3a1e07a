//! A door as it stands on the screen: what it asks, what it said, and why.

use jiff::Timestamp;
use rescind_session::Check;

use super::{
    heist::{Heist, Tried, Verdict},
    screen::Scene,
    thief::{ASKING_DOOR, SIGNATURE_DOOR},
};
use crate::{pages::times::Time, stores::BlacklistKind};

/// One of the two doors.
pub(crate) struct DoorView {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// How it decides.
    pub(crate) asks: &'static str,
    pub(crate) said: Said,
    /// What the thief reads behind it.
    pub(crate) note: Option<String>,
    /// Why it said so.
    pub(crate) why: &'static str,
    /// A command with which the reader can be the thief.
    pub(crate) command: Option<String>,
}

/// What a door said, as a person reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nobody has tried the token yet.
    Nothing,
    /// In, and there is no reason why not.
    In,
    /// In, although the session was ended, until the token runs out.
    StillIn(Time),
    /// In when it was tried; the token has run out since.
    WasIn,
    Refused {
        status: u16,
        code: String,
    },
    NoAnswer,
}

impl Said {
    fn of(verdict: &Verdict, ended: bool, expires_at: Timestamp, now: Timestamp) -> Self {
        match verdict {
            Verdict::Accepted { .. } if now >= expires_at => Self::WasIn,
            Verdict::Accepted { .. } if ended => Self::StillIn(countdown(expires_at, now)),
            Verdict::Accepted { .. } => Self::In,
            Verdict::Refused { status, code } => Self::Refused {
                status: *status,
                code: code.clone(),
            },
            Verdict::NoAnswer => Self::NoAnswer,
        }
    }

    /// The name of the class, which gives it its colour.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::In | Self::StillIn(_) => "accepted",
            Self::Refused { .. } => "refused",
            Self::Nothing | Self::WasIn | Self::NoAnswer => "open",
        }
    }
}

impl DoorView {
    /// Both, the one that asks first.
    pub(crate) fn both(scene: &Scene) -> [Self; 2] {
        let check = scene.rescind.service().policy().check;
        let tried = scene.heist.and_then(Heist::doors);
        let asking = Self {
            id: "door-blacklist",
            name: "The first door",
            path: ASKING_DOOR,
            asks: match check {
                Check::Blacklist => match scene.blacklist {
                    BlacklistKind::InProcess => "Checks signature and expiry, then asks the blacklist.",
                    BlacklistKind::Redis => "Checks signature and expiry, then asks the blacklist, in Redis.",
                },
                Check::Session => "Checks signature and expiry, then looks up the session in the database.",
                Check::Nothing => "Checks signature and expiry. Under the policy in force there is nobody to ask.",
            },
            ..Self::of(scene, ASKING_DOOR, tried.map(|tried| (tried, &tried.asking)), check)
        };
        let signature = Self {
            id: "door-signature",
            name: "The second door",
            path: SIGNATURE_DOOR,
            asks: "Checks signature and expiry, as a service does that has the public key and nothing else.",
            ..Self::of(
                scene,
                SIGNATURE_DOOR,
                tried.map(|tried| (tried, &tried.signature)),
                Check::Nothing,
            )
        };
        [asking, signature]
    }

    /// `check`: what this door asks after signature and expiry.
    fn of(scene: &Scene, path: &'static str, tried: Option<(&Tried, &Verdict)>, check: Check) -> Self {
        let blank = Self {
            id: "",
            name: "",
            path,
            asks: "",
            said: Said::Nothing,
            note: None,
            why: "Nobody has tried the token here yet.",
            command: None,
        };
        let Some(heist) = scene.heist else { return blank };
        let command = Some(command(scene, path, heist));
        let Some((tried, verdict)) = tried else {
            let why = match heist.refresh() {
                Some(_) => "The thief has bought a new access token, and has not tried it here.",
                None => blank.why,
            };
            return Self { command, why, ..blank };
        };
        let ended = heist.ended_at().is_some_and(|ended| tried.at >= ended);
        let said = Said::of(verdict, ended, heist.expires_at(), scene.now);
        Self {
            why: why(&said, check, heist.ended_at().is_some() && !ended),
            note: match verdict {
                Verdict::Accepted { note } => note.clone(),
                _ => None,
            },
            said,
            command,
            ..blank
        }
    }
}

/// `stale`: whether the session was ended since, and this is from before.
fn why(said: &Said, check: Check, stale: bool) -> &'static str {
    match said {
        _ if stale => "That was before the session ended.",
        Said::Nothing => "Nobody has tried the token here yet.",
        Said::NoAnswer => "The thief got no answer in time.",
        Said::WasIn => "The token has run out since. By now it is refused.",
        Said::In => match check {
            Check::Blacklist => "Genuine, in time, and not on the blacklist.",
            Check::Session => "Genuine, in time, and its session is open.",
            Check::Nothing => "Genuine, and in time.",
        },
        Said::StillIn(_) => match check {
            Check::Nothing => "The signature is as good as ever, and nobody told this door that the session ended.",
            // Only while a revocation is on its way, and then it is worth knowing.
            Check::Blacklist | Check::Session => "The session was ended, and this door did not know when it was asked.",
        },
        Said::Refused { code, status } => match (code.as_str(), check) {
            ("token_revoked", Check::Blacklist) => "Genuine, and in time; but its session is on the blacklist.",
            ("token_revoked", _) => "Genuine, and in time; but its session is closed.",
            ("token_expired", _) => "Its time is over. To know that, nobody has to be asked.",
            _ if *status == 503 => "A store did not answer. What cannot be checked is not let in.",
            _ => "This door does not take it.",
        },
    }
}

/// For the reader's own terminal. Neither token nor address has a letter in it that a shell would take for more.
fn command(scene: &Scene, path: &str, heist: &Heist) -> String {
    let origin = scene.rescind.settings().public_url.origin().ascii_serialization();
    let token = heist.access().expose_secret();
    format!("curl -s {origin}{path} -H \"Authorization: Bearer {token}\"")
}

/// "0:43", as a clock counts down.
pub(crate) fn countdown(end: Timestamp, now: Timestamp) -> Time {
    let left = end.duration_since(now);
    // A life of 42.3 s is 0:43, so that it never says 0:00.
    let seconds = (left.as_secs() + i64::from(left.subsec_nanos() > 0)).max(0);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut time = Time::exactly(end);
    time.words = if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    };
    time
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn a_countdown_reads_like_a_clock() {
        let now = Timestamp::UNIX_EPOCH;
        for (left, words) in [
            (43.seconds(), "0:43"),
            (42_300.milliseconds(), "0:43"),
            (9.minutes().seconds(58), "9:58"),
            (11.hours().minutes(59).seconds(7), "11:59:07"),
            (0.seconds(), "0:00"),
            ((-5).seconds(), "0:00"),
        ] {
            assert_eq!(countdown(now + left, now).words, words);
        }
    }

    #[test]
    fn an_accepted_token_is_in_still_in_or_was_in() {
        let (now, accepted) = (Timestamp::UNIX_EPOCH, Verdict::Accepted { note: None });
        let soon = now + 43.seconds();
        assert_eq!(Said::of(&accepted, false, soon, now), Said::In);
        assert_eq!(
            Said::of(&accepted, true, soon, now),
            Said::StillIn(countdown(soon, now))
        );
        assert_eq!(Said::of(&accepted, true, soon, soon), Said::WasIn);
    }

    #[test]
    fn a_store_that_does_not_answer_keeps_the_door_shut_and_says_so() {
        let refused = Said::Refused {
            status: 503,
            code: "store_unavailable".to_owned(),
        };
        assert!(why(&refused, Check::Blacklist, false).contains("not let in"));
        assert_eq!(refused.class(), "refused");
    }
}
