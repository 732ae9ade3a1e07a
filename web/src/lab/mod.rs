//! The lab: one question, its answers, and sandboxes in which to try them.
//!
//! | | |
//! | --- | --- |
//! | [`compare`] | `/lab`: one story under every answer, side by side |
//! | [`answer`] | `/lab/{answer}`: one answer, step by step, in the visitor's own sandbox |
//! | [`race`] | `/lab/race`: two tabs refresh at once |
//! | [`sandboxes`] | each visitor's sandboxes, and the bound on their memory |
//!
//! The experiments run in `rescind-lab`, on the real crates; here and in [`trace`](crate::trace) they are only drawn. They
//! cannot reach the demo's accounts, another visitor's sandbox, or the network.

mod answer;
mod buttons;
mod compare;
mod everything;
mod race;
mod sandboxes;
mod staged;
mod steps;
mod telling;
mod words;

use actix_web::web;

pub(crate) use compare::{Played as Compared, drawn as compared};
pub(crate) use sandboxes::Sandboxes;
pub(crate) use staged::staged;
pub(crate) use telling::Context;
pub(crate) use words::{label, of_action};

pub(crate) fn configure(sandboxes: &web::Data<Sandboxes>, cfg: &mut web::ServiceConfig) {
    // In this order: `/lab/{answer}` matches every name.
    cfg.app_data(sandboxes.clone())
        .configure(compare::configure)
        .configure(race::configure)
        .configure(answer::configure);
}
