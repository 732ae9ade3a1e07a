//! The lab: one question, six answers, and worlds in which all of them can be tried.
//!
//! | | |
//! | --- | --- |
//! | [`compare`] | `/lab`: one story under every answer, side by side |
//! | [`answer`] | `/lab/{answer}`: one answer, step by step, in a sandbox of one's own |
//! | [`race`] | `/lab/race`: two tabs refresh at once |
//! | [`sandboxes`] | whose sandbox is whose, and how much all of them may cost |
//!
//! What is tried happens in `rescind-lab`, on the real crates; here and in [`trace`](crate::trace) it is only drawn. Nothing in here can reach the accounts
//! of the demo, another visitor's sandbox, or the network.

mod answer;
mod buttons;
mod compare;
mod everything;
mod race;
mod sandboxes;
mod steps;
mod telling;
mod words;

use actix_web::web;

pub(crate) use compare::{Played as Compared, drawn as compared};
pub(crate) use sandboxes::Sandboxes;
pub(crate) use words::{label, of_action};

pub(crate) fn configure(sandboxes: &web::Data<Sandboxes>, cfg: &mut web::ServiceConfig) {
    // In this order: `/lab/{answer}` would take every name.
    cfg.app_data(sandboxes.clone())
        .configure(compare::configure)
        .configure(race::configure)
        .configure(answer::configure);
}
