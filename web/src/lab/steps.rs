//! All steps of a sandbox: a sequence diagram that grows with each step, and the same as a list.
//!
//! The drawing has only the latest steps, to bound the page's size; each earlier one is a line that links to its own page.

use rescind_lab::{Answer, Step, meter::Operation};

use super::{telling::Context, words::of_action};
use crate::trace::{
    VerdictColour, moment, reply,
    sequence::{self, Lane, Message, Sequence, messages},
};

/// How many messages are drawn at most; a single step may have more.
const MOST_DRAWN: usize = 16;

pub(crate) struct Steps<'a> {
    pub(crate) drawing: Sequence,
    /// The drawn steps, the newest last.
    pub(crate) shown: &'a [Step],
    pub(crate) folded: &'a [Step],
}

impl<'a> Steps<'a> {
    /// Draws the steps; the last one is the step shown.
    pub(crate) fn of(context: &Context<'a>) -> Self {
        let (answer, steps) = (context.answer, context.steps);
        let mut first = steps.len();
        let mut count = 0;
        while let Some(step) = first.checked_sub(1).and_then(|before| steps.get(before)) {
            count += said_in(step, answer).len() + 1;
            if count > MOST_DRAWN && first < steps.len() {
                break;
            }
            first -= 1;
        }
        let (folded, shown) = steps.split_at(first.min(steps.len()));
        let step = |step: &Step| sequence::DiagramStep {
            named: Some((
                step.number,
                format!("{}, {}", of_action(step.action, answer).deed, moment(step.at)),
            )),
            messages: said_in(step, answer),
        };
        let title = format!("{}: the latest steps", answer.name());
        let elsewhere = answer.news().is_some();
        Self {
            drawing: Sequence::of(title, shown.iter().map(step).collect(), elsewhere, |_| None),
            shown,
            folded,
        }
    }

    /// Each drawn step, and its messages.
    pub(crate) fn told(&self) -> impl Iterator<Item = (&Step, &sequence::DiagramStep)> {
        self.shown.iter().zip(&self.drawing.steps)
    }
}

/// The outcomes of a step.
pub(crate) fn outcomes(step: &Step) -> String {
    let sent = step.exchanges.iter().chain(&step.news);
    let outcomes: Vec<_> = sent
        .map(|exchange| format!("{}{}", VerdictColour::of(exchange).sign(), reply(exchange)))
        .collect();
    outcomes.join(", ")
}

fn said_in(step: &Step, answer: Answer) -> Vec<Message> {
    let sent = step.exchanges.iter().chain(&step.news);
    let mut said: Vec<_> = sent.flat_map(|exchange| messages(exchange, false)).collect();
    let words = of_action(step.action, answer);
    if let Some((from, to, says)) = &words.message {
        said.push(Message::new(*from, *to, says.as_str()));
    }
    if step.maintenance.iter().any(|call| call.operation == Operation::Fill) {
        let says = "what was revoked, from the log";
        said.push(Message::new(Lane::Database, Lane::Blacklist, says));
    }
    said
}
