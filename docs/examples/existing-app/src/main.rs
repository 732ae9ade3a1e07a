//! A shop that had users before it had Rescind: a table with integer ids, bcrypt hashes and roles.
//!
//! `members.rs` is the table as it was, `login.rs` what Rescind needs of it. This file is the shop.

mod login;
mod members;

use std::{process::ExitCode, sync::Arc};

use actix_web::{App, web};
use members::Members;
use rescind_server::api::{Authenticated, Part, RequireRole, Routes, VerifiedOnly};
use rescind_server::{Failure, Node, Settings};

/// For members; not after they have logged out.
async fn orders(member: Authenticated) -> String {
    format!("The orders of member {}.", member.user_id())
}

/// For members; a logged-out token still gets in until it expires, and the check costs no round trip.
async fn prices(member: VerifiedOnly) -> String {
    format!("The prices for member {}.", member.user_id())
}

async fn stock() -> &'static str {
    "The stock, for administrators."
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    let table = std::env::var("SHOP_MEMBERS").unwrap_or_else(|_| "sqlite:shop.db?mode=rwc".to_owned());
    let members = Members::open(&table)
        .await
        .map_err(|error| Failure::other("the members cannot be read", error))?;
    let node = Node::builder(settings)
        .users(Arc::new(members.clone()))
        .claims(Arc::new(members))
        .start()
        .await?;
    let rescind = node.rescind().clone();
    let shop = move || {
        App::new()
            .configure(rescind.mount(Routes::at("/auth").with(Part::Health)))
            .route("/orders", web::get().to(orders))
            .route("/prices", web::get().to(prices))
            .service(
                web::scope("/admin")
                    .wrap(RequireRole::new("admin"))
                    .route("/stock", web::get().to(stock)),
            )
            .wrap(rescind.guard())
    };
    node.serve(shop).await
}

fn main() -> ExitCode {
    rescind_server::run("shop", serve)
}
