//! The demo's stage: log in as alice, and be robbed.
//!
//! A token is stolen, its owner logs out, and the thief tries the same token at two doors: one checks whether it was revoked,
//! the other checks only signature and expiry. What happens is real: the thief sends requests over the network to this very
//! program, and the screen shows the answers. The parts, in the order in which a request meets them:
//!
//! | | |
//! | --- | --- |
//! | [`visitors`] | who looks at the screen, and what is stored for them |
//! | [`watching`], the lab's [`meter`](rescind_lab::meter) | the middleware that writes the log, and counts store calls |
//! | [`log`] | what a request is, and its log entry, made from the lab's recording |
//! | [`thief`], [`peers`], [`doors`] | the thief, the other nodes, and the doors |
//! | [`robbery`] | the stolen tokens, what happened, and how things stand after each moment |
//! | [`actions`] | the buttons |
//! | [`scene`], [`staged`], [`screen`], [`words`] | the story's progress, the stage, the page, and its sentences |
//! | [`events`] | the live log |
//! | [`keys`] | the key ring, and the buttons that rotate its keys |
//!
//! **Threat model.** Unless the program listens only to its own machine, or `RESCIND_DEMO` is `public`, the demo is off and
//! every route of it is 404. Only the [visitor's own account](crate::accounts) is robbed, and only of the session in
//! the requesting browser. The thief is no proxy: see [`thief`]. What a visitor makes the program store is bounded and forgotten: see
//! [`visitors`]. Every button is a POST from this site's own pages, which the guard enforces as for all others.

mod actions;
mod doors;
mod events;
mod keys;
mod log;
mod peers;
mod robbery;
mod scene;
mod screen;
mod staged;
mod thief;
pub(crate) mod visitors;
mod watching;
mod words;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use actix_web::{cookie::Cookie, web};
use rand::{SeedableRng, rngs::StdRng};
use rescind_api::http_client::HttpError;
use rescind_server::{Failure, Node};
use rescind_session::{SessionService, SystemRandom};
use tokio::sync::{Semaphore, watch};
use url::Url;

pub(crate) use staged::{greet, opening};
use thief::Thief;
use visitors::{Ticket, Visit, Visitors};
pub(crate) use watching::{is_robbed, watched};

use crate::{accounts::Copies, lab::Sandboxes, pages::read, stores::Stores};

const MOST_VISITORS: u64 = 1_000;
/// The page with the stage.
const SCREEN: &str = "/demo";
/// Where a robbery for the second act begins.
const SECOND_ACT: &str = "/demo/rob/second";
const VISITOR_COOKIE: &str = "visitor";

/// The state that the demo's handlers share.
pub(crate) struct DemoState {
    visitors: Visitors<Visit>,
    copies: web::Data<Copies>,
    thief: Thief,
    peers: Vec<Url>,
    stores: Arc<Stores>,
    rng: Arc<Mutex<StdRng>>,
    streams: [Arc<Semaphore>; 2],
    ending: watch::Sender<bool>,
}

impl DemoState {
    /// # Errors
    /// The HTTP client cannot be built.
    fn new(
        bound: SocketAddr,
        settings: &rescind_api::Settings,
        peers: Vec<Url>,
        stores: Arc<Stores>,
        mut rng: StdRng,
    ) -> Result<web::Data<Self>, HttpError> {
        let copies = web::Data::new(Copies::new(&mut rng));
        let rng = Arc::new(Mutex::new(rng));
        Ok(web::Data::new(Self {
            visitors: Visitors::weighing(MOST_VISITORS, |_| 1, VISITOR_COOKIE, settings),
            copies,
            thief: Thief::new(bound, Arc::clone(&rng))?,
            peers,
            stores,
            rng,
            streams: events::MOST.map(|most| Arc::new(Semaphore::new(most))),
            ending: watch::Sender::new(false),
        }))
    }

    /// Ends the event streams, since the program ends.
    fn end(&self) {
        self.ending.send_replace(true);
    }

    fn ending(&self) -> watch::Receiver<bool> {
        self.ending.subscribe()
    }

    fn welcome(&self) -> (Arc<Visit>, Cookie<'static>) {
        let own = self
            .copies
            .number(&mut *self.rng.lock().unwrap_or_else(PoisonError::into_inner));
        self.visitors.welcome(Ticket::random(&self.rng), Visit::of(own))
    }

    /// Deletes the accounts of visitors who were forgotten, until the program ends.
    async fn delete_idle_copies(self: Arc<Self>, service: SessionService) {
        let known = || self.visitors.all().map(|visit| visit.own.clone()).collect();
        let mut ending = self.ending();
        tokio::select! {
            () = self.copies.delete_idle(&service, known) => {}
            _ = ending.wait_for(|is_ending| *is_ending) => {}
        }
    }
}

/// What the demo adds to a node, for an application.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) state: web::Data<DemoState>,
    pub(crate) sandboxes: web::Data<Sandboxes>,
    ring: keys::Ring,
}

/// Makes the demo ready on a node that was started. `peers`: the other nodes' addresses, from the settings; `may_rotate`:
/// whether the pages may rotate keys.
///
/// # Errors
/// The thief's HTTP client cannot be built, or there is no randomness.
pub(crate) fn open(
    node: Node,
    peers: Vec<Url>,
    stores: &Arc<Stores>,
    may_rotate: bool,
) -> Result<(Node, Parts), Failure> {
    let (mut rng, settings) = (SystemRandom::new()?, node.rescind().settings());
    let state = DemoState::new(
        node.bound(),
        settings,
        peers,
        Arc::clone(stores),
        StdRng::from_rng(&mut rng),
    )
    .map_err(|error| Failure::other("the demo's thief cannot be made ready", error))?;
    let service = node.rescind().service().clone();
    tokio::spawn(state.clone().into_inner().delete_idle_copies(service));
    let parts = Parts {
        sandboxes: web::Data::new(Sandboxes::new(settings, StdRng::from_rng(&mut rng))),
        ring: keys::Ring {
            commands: node.keys().clone(),
            may_rotate,
        },
        state: state.clone(),
    };
    Ok((node.when_ending(move || state.end()), parts))
}

/// Adds the demo to an application. Call it before the API, one of whose routes it replaces.
pub(crate) fn configure(parts: &Parts, cfg: &mut web::ServiceConfig) {
    let state = &parts.state;
    keys::configure(&parts.ring, cfg);
    cfg.app_data(state.clone())
        .app_data(state.copies.clone())
        .configure(doors::configure)
        .service(web::resource(SCREEN).route(read().to(screen::show)))
        .service(web::resource("/demo/log/{id}").route(read().to(screen::show_entry)))
        .service(web::resource("/demo/events").route(web::get().to(events::stream)))
        .service(web::resource("/demo/rob").route(web::post().to(actions::rob)))
        .service(web::resource(SECOND_ACT).route(web::post().to(actions::rob)))
        .service(web::resource("/demo/thief/try").route(web::post().to(actions::thief_tries)))
        .service(web::resource("/demo/thief/steal-refresh").route(web::post().to(actions::thief_steals_refresh)))
        .service(web::resource("/demo/thief/refresh").route(web::post().to(actions::thief_refreshes)))
        .service(web::resource("/demo/refresh").route(web::post().to(actions::you_refresh)))
        .service(web::resource("/demo/log-out").route(web::post().to(actions::log_out)))
        .service(web::resource("/demo/forget").route(web::post().to(actions::forget)));
}
