//! The buttons of a sandbox, and why some of them cannot be pressed now.
//!
//! One that cannot be pressed stays where it is, says why, and can still be reached with the keyboard: whoever reads with
//! their ears hears the reason where they look for the button. Pressed all the same, it is answered with the reason.

use rescind_lab::{Action, Sandbox};

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

/// What stands on a button.
pub(crate) fn label(action: Action) -> &'static str {
    match action {
        Action::LogIn => "Log in",
        Action::Call => "Call the API",
        Action::Refresh => "Refresh",
        Action::LogOut => "Log out",
        Action::CopyAccess => "Copy what you send",
        Action::CopyRefresh => "Copy the refresh token",
        Action::Replay => "Replay the copy",
        Action::ThiefRefreshes => "Refresh as the thief",
        Action::AskBoth => "Ask for both: you call, the thief replays",
        Action::Wait30s => "+ 30 s",
        Action::Wait5m => "+ 5 min",
        Action::WaitBeforeExpiry => "To a second before expiry",
        Action::WaitAfterExpiry => "To a second after it",
        Action::BlacklistForgets => "Blacklist: forget everything",
        Action::BlacklistSlow => "Blacklist: be slow",
        Action::BlacklistStops => "Blacklist: stop",
        Action::BlacklistWell => "Blacklist: mend it",
        Action::LoseReply => "Lose the next refresh’s reply",
        Action::KillServer => "Kill the server",
        Action::StartServer => "Start the server",
        Action::SetClockBack => "Wall clock: back an hour",
    }
}
