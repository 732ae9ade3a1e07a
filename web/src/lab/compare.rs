//! One story under every answer, side by side.

use actix_web::web;

pub(super) fn configure(_cfg: &mut web::ServiceConfig) {}
