//! The next step: one button, the obvious one. Whatever else one may do is on the sides.

use super::{heist::Act, phase::Phase, screen::Scene};

/// A button that goes somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    BeRobbed,
    BeRobbedAgain,
    BeRobbedForTheSecondAct,
    LogOut,
    LetThemTry,
    LetThemTryAgain,
    LetThemStealRefresh,
    ThiefRefreshes,
    ThiefRefreshesAgain,
    YouRefresh,
}

impl Step {
    /// Where the form goes.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Self::BeRobbed | Self::BeRobbedAgain | Self::BeRobbedForTheSecondAct => "/demo/rob",
            Self::LogOut => "/demo/log-out",
            Self::LetThemTry | Self::LetThemTryAgain => "/demo/thief/try",
            Self::LetThemStealRefresh => "/demo/thief/steal-refresh",
            Self::ThiefRefreshes | Self::ThiefRefreshesAgain => "/demo/thief/refresh",
            Self::YouRefresh => "/demo/refresh",
        }
    }

    /// What stands on the button.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::BeRobbed => "Log in as alice, and be robbed",
            Self::BeRobbedAgain => "Log in as alice, and be robbed again",
            Self::BeRobbedForTheSecondAct => "Second act: log in as alice again",
            Self::LogOut => "Log out",
            Self::LetThemTry => "Let the thief try",
            Self::LetThemTryAgain => "Let the thief try again",
            Self::LetThemStealRefresh => "Let the thief take the refresh token too",
            Self::ThiefRefreshes => "The thief refreshes",
            Self::ThiefRefreshesAgain => "The thief refreshes again",
            Self::YouRefresh => "You refresh",
        }
    }

    /// Whether it begins another story: what there is to see now is then more important than the button.
    pub(crate) fn begins_anew(self) -> bool {
        matches!(self, Self::BeRobbedAgain | Self::BeRobbedForTheSecondAct)
    }

    /// The step that the story waits for.
    pub(crate) fn next(scene: &Scene) -> Self {
        let Some(heist) = scene.heist else {
            return Self::BeRobbed;
        };
        match Phase::of(scene) {
            Phase::NotRobbed => Self::BeRobbed,
            Phase::Robbed if heist.doors().is_none() => Self::tries(scene),
            Phase::Robbed if heist.act() == Act::Second && scene.your_generation(heist).is_some() => {
                Self::LetThemStealRefresh
            }
            Phase::Robbed if scene.is_the_victim(heist) => Self::LogOut,
            // Logged out under a policy that writes no logout down, or as somebody else.
            Phase::Robbed => Self::LetThemTryAgain,
            Phase::BothHoldIt => {
                let (yours, theirs) = (scene.your_generation(heist), heist.generation());
                next_refresh(yours.map(|yours| yours.get()), theirs.map(|theirs| theirs.get()))
            }
            Phase::Ended => Self::LetThemTryAgain,
            Phase::TriedAfterEnd | Phase::RunOut => {
                let has_refresh = scene.rescind.service().policy().refresh.is_some();
                match heist.next_act() {
                    Act::Second if has_refresh => Self::BeRobbedForTheSecondAct,
                    _ => Self::BeRobbedAgain,
                }
            }
        }
    }

    /// The button that sends the thief to the doors.
    pub(crate) fn tries(scene: &Scene) -> Self {
        let tried = scene
            .heist
            .is_some_and(|heist| heist.doors().is_some() || heist.refresh().is_some());
        if tried { Self::LetThemTryAgain } else { Self::LetThemTry }
    }
}

/// Whoever is two generations behind comes with a token that no grace forgives: they end it, and nobody has to wait.
fn next_refresh(yours: Option<u32>, theirs: Option<u32>) -> Step {
    match (yours, theirs) {
        (Some(yours), Some(theirs)) if theirs >= yours.saturating_add(2) => Step::YouRefresh,
        (Some(yours), Some(theirs)) if theirs > yours => Step::ThiefRefreshesAgain,
        _ => Step::ThiefRefreshes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_two_generations_behind_refreshes_next() {
        for (yours, theirs, next) in [
            (0, 0, Step::ThiefRefreshes),
            (0, 1, Step::ThiefRefreshesAgain),
            (0, 2, Step::YouRefresh),
            (1, 1, Step::ThiefRefreshes),
            (3, 1, Step::ThiefRefreshes),
        ] {
            assert_eq!(next_refresh(Some(yours), Some(theirs)), next, "{yours} {theirs}");
        }
    }
}
