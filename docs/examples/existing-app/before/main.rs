//! The shop before it had Rescind: its members could not log in. `src` is the shop since; a test counts what it added.

#[path = "../src/members.rs"]
#[expect(dead_code, reason = "nothing looked a member up yet")]
mod members;

use std::error::Error;

use actix_web::{App, HttpServer, web};
use members::Members;

async fn orders() -> &'static str {
    "The orders, for members."
}

async fn prices() -> &'static str {
    "The prices, for members."
}

async fn stock() -> &'static str {
    "The stock, for administrators."
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let table = std::env::var("SHOP_MEMBERS").unwrap_or_else(|_| "sqlite:shop.db?mode=rwc".to_owned());
    let members = Members::open(&table).await?;
    let shop = move || {
        App::new()
            .app_data(web::Data::new(members.clone()))
            .route("/orders", web::get().to(orders))
            .route("/prices", web::get().to(prices))
            .service(web::scope("/admin").route("/stock", web::get().to(stock)))
    };
    HttpServer::new(shop).bind("127.0.0.1:8080")?.run().await?;
    Ok(())
}
