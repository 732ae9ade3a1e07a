//! The key ring, and the buttons that rotate its keys.
//!
//! The buttons are for the person at this machine: each press makes a file, and only four refresh keys fit in the ring. Where
//! others can reach the program, the page shows the ring without buttons, and their routes are 404.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{self, Data},
};
use askama::Template;
use jiff::Timestamp;
use rescind_api::Problem;
use rescind_server::{Failure, KeyCommands, KeyState, ListedKey, NewKey};
use rescind_session::token::TokenParts;

use crate::pages::{Reader, draw, failed, frame::Frame, read, see_other, times::Time};

const PAGE: &str = "/demo/keys";

#[derive(Clone)]
pub(super) struct Ring {
    pub(super) commands: KeyCommands,
    pub(super) may_rotate: bool,
}

pub(super) fn configure(ring: &Ring, cfg: &mut web::ServiceConfig) {
    cfg.app_data(Data::new(ring.clone()))
        .service(web::resource(PAGE).route(read().to(show)));
    if ring.may_rotate {
        cfg.service(web::resource("/demo/keys/rotate").route(web::post().to(rotate_signing)))
            .service(web::resource("/demo/keys/rotate-refresh").route(web::post().to(rotate_refresh)));
    }
}

#[derive(Template)]
#[template(path = "demo/keys.html")]
struct Page {
    frame: Frame,
    /// The signing keys and the refresh keys, those that issue last first.
    rings: [Vec<ListedKey>; 2],
    /// The key that signed the reader's access token.
    readers: Option<String>,
    now: Timestamp,
    may_rotate: bool,
}

async fn show(reader: Reader, ring: Data<Ring>) -> actix_web::Result<HttpResponse> {
    let now = reader.rescind.service().now().map_err(Problem::from)?;
    let token = reader.logged_in().map(|caller| caller.access_token().expose_secret());
    let parts = token.and_then(|token| TokenParts::split_without_verifying(token).ok());
    let mut listed = ring
        .commands
        .list()
        .await
        .map_err(|failure| failed("the keys cannot be listed")(failure.with_causes()))?;
    listed.reverse();
    let (refresh, signing) = listed.into_iter().partition(ListedKey::is_refresh);
    let page = Page {
        frame: reader.frame("The key ring").await,
        rings: [signing, refresh],
        readers: parts.and_then(|parts| parts.header["kid"].as_str().map(str::to_owned)),
        now,
        may_rotate: ring.may_rotate,
    };
    draw(StatusCode::OK, &page)
}

/// Whether a new key waits: then there is no button.
fn waits(keys: &[ListedKey]) -> bool {
    keys.iter().any(|key| matches!(key.state, KeyState::Waits(_)))
}

async fn rotate_signing(ring: Data<Ring>) -> actix_web::Result<HttpResponse> {
    rotate(&ring, NewKey::Signing).await
}

async fn rotate_refresh(ring: Data<Ring>) -> actix_web::Result<HttpResponse> {
    rotate(&ring, NewKey::Refresh).await
}

async fn rotate(ring: &Ring, new: NewKey) -> actix_web::Result<HttpResponse> {
    match ring.commands.rotate(new, Duration::ZERO).await {
        // Pressed twice, or a fifth refresh key: the page shows why.
        Ok(_) | Err(Failure::Refused(_)) => Ok(see_other(PAGE)),
        Err(failure) => Err(failed("a key cannot be rotated")(failure.with_causes())),
    }
}
