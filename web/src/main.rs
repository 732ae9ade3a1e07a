//! Rescind's demo: JSON Web Tokens that can be taken back, served as pages and as a JSON API.
//!
//! [`rescind_server`] makes a node of [`settings`]; this crate puts [`pages`], the [`demo`], the [`lab`], the [`inspector`]
//! and the course ([`learn`]) on it.
//!
//! **Never**: a decision about a token. The pages query the service.

mod accounts;
mod choices;
mod computed;
mod content;
mod demo;
mod inspector;
mod lab;
mod learn;
mod pages;
mod settings;
mod stores;
mod trace;

use std::{process::ExitCode, sync::Arc};

use actix_web::{
    App,
    http::header::CONTENT_SECURITY_POLICY,
    middleware::{DefaultHeaders, from_fn},
    web::Data,
};
use rand::{SeedableRng, rngs::StdRng};
use rescind_api::STRICT_CONTENT_SECURITY_POLICY;
use rescind_server::{Failure, Node, Settings};
use rescind_session::SystemRandom;
use url::Url;

use demo::DemoState;
use lab::Sandboxes;
use pages::Site;
use settings::{CommandLine, Demo};
use stores::Stores;

fn main() -> ExitCode {
    rescind_server::exit("rescind", run())
}

fn run() -> Result<(), Failure> {
    let line: CommandLine = rescind_server::read()?;
    let (settings, (demo, peers)) = line.judge()?;
    line.node
        .run(settings, async |settings| Box::pin(serve(settings, demo, peers)).await)
}

async fn serve(settings: Settings, demo: Demo, peers: Vec<Url>) -> Result<(), Failure> {
    let stores = Arc::new(Stores::of(&settings));
    let is_local = settings.listening.is_local();
    let mut node = Node::builder(settings)
        .configure(move |mut config| {
            config.username = accounts::typed_username;
            config.demo_accounts(demo.accounts())
        })
        .before_ready(move |service| Box::pin(accounts::prepare(demo, service)))
        .start()
        .await?;
    let rescind = node.rescind().clone();
    let api = rescind.settings();
    let shown = match demo {
        Demo::On => {
            let mut rng = SystemRandom::new()?;
            let stage = DemoState::new(
                node.bound(),
                api,
                peers,
                Arc::clone(&stores),
                StdRng::from_rng(&mut rng),
            )
            .map_err(|error| Failure::other("the demo's thief cannot be made ready", error))?;
            let ending = stage.clone();
            node = node.when_ending(move || ending.end());
            tokio::spawn(stage.clone().into_inner().delete_idle_copies(rescind.service().clone()));
            let ring = demo::keys::Ring {
                commands: node.keys().clone(),
                may_rotate: is_local,
            };
            Some((stage, Data::new(Sandboxes::new(api, StdRng::from_rng(&mut rng))), ring))
        }
        Demo::Off => None,
    };
    let opening = shown.as_ref().map(|(stage, ..)| demo::opening(&rescind, stage));
    let site = Site::new(rescind.clone(), demo, stores, opening);
    let app = move || {
        App::new()
            .configure(|cfg| {
                if let Some((stage, sandboxes, ring)) = &shown {
                    demo::configure(stage, cfg);
                    demo::keys::configure(ring, cfg);
                    inspector::configure(cfg);
                    lab::configure(sandboxes, cfg);
                    learn::configure(cfg);
                }
            })
            .configure(|cfg| pages::configure(&site, cfg))
            // Pages have their own, which allows our script.
            .wrap(DefaultHeaders::new().add((CONTENT_SECURITY_POLICY, STRICT_CONTENT_SECURITY_POLICY)))
            .wrap(rescind.guard())
            // Outside of the guard too, so that refusals are logged like any answer.
            .wrap(from_fn(demo::watched))
            // Outside of the guard, so that its refusals are drawn too.
            .wrap(from_fn(pages::errors_as_pages))
    };
    Box::pin(node.serve(app)).await
}
