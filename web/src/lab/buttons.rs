//! The buttons of a sandbox, and why some of them are disabled.
//!
//! A disabled button keeps its place and can be reached with the keyboard: its reason stands beneath it while it has the focus.
//! If it is pressed, the answer is the reason.

use rescind_lab::{Action, Sandbox};

use super::{
    staged::on_stage,
    telling::Context,
    words::{label, of_action},
};
use crate::trace::stage::{Button, Next, Stage};

/// The usual story, and how many of its steps follow on each.
const STORY: [Action; 4] = [Action::LogIn, Action::CopyAccess, Action::LogOut, Action::Replay];

/// Adds the buttons to the stage of a sandbox. At an earlier step there is nothing to press: a button acts on the newest.
pub(super) fn add(stage: &mut Stage, sandbox: &Sandbox, context: &Context) {
    let next = natural(sandbox);
    let done = next.and_then(|next| STORY.iter().position(|step| *step == next));
    stage.story.to_come = done.map_or(0, |done| STORY.len() - done);
    if context.is_past() {
        return;
    }
    stage.next = Next::Press(match next {
        Some(action) => button(sandbox, action),
        None => Button::of(
            format!("/lab/{}/restart", context.answer.slug()),
            on_stage("again", context),
        ),
    });
    // What is to be done next stands above.
    let others = |group| {
        let mut buttons = may(sandbox, group);
        buttons.retain(|button| button.value != next.map(Action::slug));
        buttons
    };
    stage.you.may = others("you");
    stage.thief.may = others("thief");
    stage.time = others("time");
}

/// What to do next, if the reader wants to see the story to its end, or what a broken part leads to.
fn natural(sandbox: &Sandbox) -> Option<Action> {
    let last = sandbox.steps().last();
    let is_due = last.is_some_and(|step| step.after.heard.as_ref().is_some_and(|heard| heard.due.is_some()));
    let is_quiet = last.is_some_and(|step| step.exchanges.is_empty());
    let last = last.map(|step| step.action);
    let copied = matches!(last, Some(Action::CopyAccess | Action::CopyRefresh));
    // A copy of an earlier session's token belongs to a story that is over.
    let session = sandbox.steps().rsplit(|step| step.action == Action::LogIn).next();
    let stolen = session.is_some_and(|steps| steps.iter().any(|step| step.action == Action::CopyAccess));
    let logged_in = sandbox.access().is_some();
    let wishes = [
        (true, Action::StartServer),
        (is_quiet && !copied && stolen, Action::AskBoth),
        (!logged_in && !stolen, Action::LogIn),
        (!stolen, Action::CopyAccess),
        (last == Some(Action::LogOut), Action::Replay),
        (last == Some(Action::Replay) && is_due, Action::Wait30s),
        (logged_in, Action::LogOut),
        (matches!(last, Some(Action::Replay)), Action::WaitAfterExpiry),
    ];
    let wishes = wishes.into_iter().filter(|(holds, _)| *holds);
    wishes
        .map(|(_, action)| action)
        .find(|action| sandbox.can(*action).is_ok())
}

/// The buttons of a group: you, thief, time or break.
pub(super) fn may(sandbox: &Sandbox, group: &str) -> Vec<Button> {
    let answer = sandbox.setup().answer;
    let actions = Action::ALL.iter().copied();
    let actions = actions.filter(|action| of_action(*action, answer).group == group);
    actions.map(|action| button(sandbox, action)).collect()
}

fn button(sandbox: &Sandbox, action: Action) -> Button {
    Button {
        action: format!("/lab/{}/do", sandbox.setup().answer.slug()),
        value: Some(action.slug()),
        label: label(action).to_owned(),
        why_not: sandbox.can(action).err().map(|why| why.to_string()),
        after: None,
    }
}
