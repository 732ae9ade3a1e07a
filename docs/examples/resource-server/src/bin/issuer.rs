//! The smallest issuer: login, logout, the public keys, and introspection.

use std::process::ExitCode;

use actix_web::App;
use rescind_server::{
    Failure, Node, Settings,
    api::{Part, Routes},
};

async fn serve(settings: Settings) -> Result<(), Failure> {
    let node = Node::start(settings).await?;
    let rescind = node.rescind().clone();
    let routes = Routes::default()
        .with(Part::SignUp)
        .with(Part::Jwks)
        .with(Part::OAuth)
        .with(Part::Health);
    node.serve(move || {
        App::new()
            .configure(rescind.mount(routes.clone()))
            .wrap(rescind.guard())
    })
    .await
}

fn main() -> ExitCode {
    rescind_server::run("issuer", serve)
}
