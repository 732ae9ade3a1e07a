//! What the screen says on top: where the story stands, in two sentences.

use rescind_session::Check;

use super::{
    heist::{Act, Verdict},
    phase::{Phase, tried_after_end},
    screen::Scene,
};

const NOTICED: &str = "The copy was noticed, and the session ended";

/// A heading, and what to make of it.
pub(crate) struct Story {
    pub(crate) heading: &'static str,
    pub(crate) lead: &'static str,
}

impl Story {
    pub(crate) fn of(scene: &Scene) -> Self {
        let told = |heading, lead| Self { heading, lead };
        let Some(heist) = scene.heist else {
            return told(
                "You log out. Does a stolen token still work?",
                "One button logs you in as alice, and a thief copies your access token. Then watch two doors.",
            );
        };
        match Phase::of(scene) {
            Phase::Robbed if heist.act() == Act::Second => told(
                "You have been robbed again",
                "The thief has your access token, as before. This time they go on: let them take your refresh token too.",
            ),
            Phase::NotRobbed | Phase::Robbed => told(
                "You have been robbed",
                "A thief has copied your access token, and tried it at both doors. Now log out: that is all that you can do.",
            ),
            Phase::BothHoldIt => told(
                "Two of you hold one login",
                "The thief can buy new access tokens now, as you can. Each refresh token counts once, so one of you will \
                 come with an old one.",
            ),
            Phase::Ended if heist.reuse().is_some() => told(
                NOTICED,
                "Two of you used one session, and that showed. Does the newest access token of the thief still work? Let \
                 them try.",
            ),
            Phase::Ended => told(
                "You are logged out. Does the stolen token still work?",
                "It is the same token as before, with the same good signature, and it has time left. Let the thief try.",
            ),
            Phase::RunOut => told(
                "The stolen token has run out",
                "Its time is over, and so it is refused everywhere. That needs no logout; it only takes too long.",
            ),
            Phase::TriedAfterEnd => match tried_after_end(heist) {
                Some(tried) => {
                    let doors = after_the_end(&tried.asking, &tried.signature, scene.rescind.service().policy().check);
                    match heist.reuse() {
                        // How it came to the end is what the second act is about; what the doors say stands on them.
                        Some(_) => told(NOTICED, doors.lead),
                        None => doors,
                    }
                }
                None => told("", ""),
            },
        }
    }
}

fn after_the_end(asking: &Verdict, signature: &Verdict, check: Check) -> Story {
    let is_in = |verdict: &Verdict| matches!(verdict, Verdict::Accepted { .. });
    let told = |heading, lead| Story { heading, lead };
    match (is_in(asking), is_in(signature), check) {
        (false, true, Check::Blacklist) if was_revoked(asking) => told(
            "One door noticed",
            "Both looked at the same token. The first asked the blacklist, which knows of the end; the second asked nobody.",
        ),
        (false, true, Check::Session) if was_revoked(asking) => told(
            "One door noticed",
            "Both looked at the same token. The first looked up the session, which is closed; the second asked nobody.",
        ),
        (true, true, _) => told(
            "Neither door noticed",
            "Under the policy in force nobody asks whether a token was taken back. So the thief is in until it runs out.",
        ),
        (false, false, _) => told(
            "Both doors are shut",
            "The thief is refused at both. Why, the doors say themselves.",
        ),
        _ => told(
            "The doors disagree",
            "What each of them says, and why, stands beside it.",
        ),
    }
}

fn was_revoked(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Refused { code, .. } if code == "token_revoked")
}
