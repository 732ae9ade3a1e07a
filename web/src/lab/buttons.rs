//! The buttons of a sandbox, and why some of them are disabled.
//!
//! A disabled button keeps its place and can be reached with the keyboard: a screen reader reads the reason where the button
//! is expected. If it is pressed, the answer is the reason.

use rescind_lab::{Action, Sandbox};

use super::words::{label, of_action};
use crate::trace::stage::Button;

/// The buttons of a group: you, thief, time or break.
pub(super) fn may(sandbox: &Sandbox, group: &str) -> Vec<Button> {
    let answer = sandbox.setup().answer;
    let actions = Action::ALL.into_iter();
    let actions = actions.filter(|action| of_action(*action, answer).group == group);
    actions.map(|action| button(sandbox, action)).collect()
}

pub(super) fn button(sandbox: &Sandbox, action: Action) -> Button {
    Button {
        action: format!("/lab/{}/do", sandbox.setup().answer.slug()),
        value: Some(action.slug()),
        label: label(action).to_owned(),
        why_not: sandbox.can(action).err().map(|why| why.to_string()),
    }
}
