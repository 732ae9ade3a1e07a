//! The buttons of a sandbox, and why some of them cannot be pressed now.
//!
//! One that cannot be pressed stays where it is, says why, and can still be reached with the keyboard: whoever reads with
//! their ears hears the reason where they look for the button. Pressed all the same, it is answered with the reason.

use rescind_lab::{Action, Sandbox};

use super::words::label;

/// Buttons that belong together.
pub(crate) struct Group {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) buttons: Vec<Button>,
    /// Why some of them cannot be pressed, each reason once.
    pub(crate) reasons: Vec<String>,
}

/// One button.
pub(crate) struct Button {
    pub(crate) action: &'static str,
    pub(crate) label: &'static str,
    /// Which of the group's reasons keeps it from being pressed.
    pub(crate) reason: Option<usize>,
}

const YOU: [Action; 4] = [Action::LogIn, Action::Call, Action::Refresh, Action::LogOut];
const THIEF: [Action; 4] = [
    Action::CopyAccess,
    Action::CopyRefresh,
    Action::Replay,
    Action::ThiefRefreshes,
];
const TIME: [Action; 4] = [
    Action::Wait30s,
    Action::Wait5m,
    Action::WaitBeforeExpiry,
    Action::WaitAfterExpiry,
];
const BREAK: [Action; 8] = [
    Action::BlacklistForgets,
    Action::BlacklistSlow,
    Action::BlacklistStops,
    Action::BlacklistWell,
    Action::LoseReply,
    Action::KillServer,
    Action::StartServer,
    Action::SetClockBack,
];

impl Group {
    /// What you, the thief and time can do.
    pub(crate) fn usual(sandbox: &Sandbox) -> Vec<Self> {
        vec![
            Self::of("you", "You", &YOU, sandbox),
            Self::of("thief", "The thief", &THIEF, sandbox),
            Self::of("time", "Time", &TIME, sandbox),
        ]
    }

    /// What can be broken, and mended.
    pub(crate) fn chaos(sandbox: &Sandbox) -> Self {
        Self::of("break", "Break something", &BREAK, sandbox)
    }

    fn of(id: &'static str, name: &'static str, actions: &[Action], sandbox: &Sandbox) -> Self {
        let mut reasons = Vec::new();
        let buttons = actions
            .iter()
            .map(|action| Button {
                action: action.slug(),
                label: label(*action),
                reason: sandbox.can(*action).err().map(|why| {
                    let why = why.to_string();
                    reasons.iter().position(|known| *known == why).unwrap_or_else(|| {
                        reasons.push(why);
                        reasons.len() - 1
                    })
                }),
            })
            .collect();
        Self {
            id,
            name,
            buttons,
            reasons,
        }
    }
}
