//! The buttons of a sandbox, and why some of them are disabled.
//!
//! A disabled button keeps its place, shows the reason, and can be reached with the keyboard: a screen reader reads the
//! reason where the button is expected. If it is pressed, the answer is the reason.

use rescind_lab::{Action, Sandbox};

use super::words::{label, of_action};

pub(crate) struct Group {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) buttons: Vec<Button>,
    /// The reasons why buttons are disabled, each once.
    pub(crate) reasons: Vec<String>,
}

pub(crate) struct Button {
    pub(crate) action: &'static str,
    pub(crate) label: &'static str,
    /// The group's reason why it is disabled.
    pub(crate) reason: Option<usize>,
}

impl Group {
    /// The actions of you, the thief and time.
    pub(crate) fn usual(sandbox: &Sandbox) -> Vec<Self> {
        let groups = [("you", "You"), ("thief", "The thief"), ("time", "Time")];
        groups.map(|(id, name)| Self::of(id, name, sandbox)).into()
    }

    pub(crate) fn chaos(sandbox: &Sandbox) -> Self {
        Self::of("break", "Break something", sandbox)
    }

    fn of(id: &'static str, name: &'static str, sandbox: &Sandbox) -> Self {
        let mut reasons = Vec::new();
        let answer = sandbox.setup().answer;
        let actions = Action::ALL.into_iter();
        let buttons = actions
            .filter(|action| of_action(*action, answer).group == id)
            .map(|action| Button {
                action: action.slug(),
                label: label(action),
                reason: sandbox.can(action).err().map(|why| {
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
