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
};
use rescind_api::STRICT_CONTENT_SECURITY_POLICY;
use rescind_server::{Failure, Node, Settings};
use url::Url;

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
    let node = Node::builder(settings)
        .configure(move |mut config| {
            config.username = accounts::typed_username;
            config.demo_accounts(demo.accounts())
        })
        .before_ready(move |service| Box::pin(accounts::prepare(demo, service)))
        .start()
        .await?;
    let rescind = node.rescind().clone();
    let (node, parts) = match demo {
        Demo::On => demo::open(node, peers, &stores, is_local).map(|(node, parts)| (node, Some(parts)))?,
        Demo::Off => (node, None),
    };
    let opening = parts.as_ref().map(|parts| demo::opening(&rescind, &parts.state));
    let site = Site::new(rescind.clone(), demo, stores, opening);
    let app = move || {
        App::new()
            .configure(|cfg| {
                if let Some(parts) = &parts {
                    demo::configure(parts, cfg);
                    inspector::configure(cfg);
                    lab::configure(&parts.sandboxes, cfg);
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
