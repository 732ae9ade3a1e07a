//! The buttons of a sandbox, and why some of them cannot be pressed now.
//!
//! One that cannot be pressed stays where it is, says why, and can still be reached with the keyboard: whoever reads with
//! their ears hears the reason where they look for the button. Pressed all the same, it is answered with the reason.

use rescind_lab::{Action, Sandbox};

use super::words::{label, of_action};

pub(crate) struct Group {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) buttons: Vec<Button>,
    /// Why some of them cannot be pressed, each reason once.
    pub(crate) reasons: Vec<String>,
}

pub(crate) struct Button {
    pub(crate) action: &'static str,
    pub(crate) label: &'static str,
    /// Which of the group's reasons keeps it from being pressed.
    pub(crate) reason: Option<usize>,
}

impl Group {
    /// What you, the thief and time can do.
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
