//! A service that accepts the tokens of an issuer elsewhere: it has no private key, no database, and a Redis user who may
//! only read, or a client of the issuer, which it asks about each token.
//!
//! `ISSUER` is the issuer's public URL, `REDIS_URL` its Redis, `BIND` where to listen. Without a Redis, `CLIENT_ID` and
//! `CLIENT_SECRET` are those of `rescind clients new`. `src/bin/issuer.rs` is an issuer to try it with.

use std::{env, error::Error, sync::Arc};

use actix_web::{App, HttpServer, web};
use rescind_api::{
    Authenticated, Introspection, IntrospectionSettings, ResourceServer, ResourceServerSettings, RevocationCheck,
    VerifiedOnly, session::RevocationReader,
};
use rescind_store::{RedisReader, RedisSettings};

/// The revocation check is one read in Redis, or one request to the issuer.
async fn account(caller: Authenticated) -> String {
    format!("The account of {}.", caller.user_id())
}

/// No check, by name: a logged-out token gets in until it expires.
async fn catalogue(caller: VerifiedOnly) -> String {
    format!("The catalogue for {}.", caller.user_id())
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = env::var("ISSUER")?;
    let reader: Arc<dyn RevocationReader> = match env::var("REDIS_URL") {
        Ok(url) => Arc::new(RedisReader::unconnected(&url, &RedisSettings::default())?),
        Err(_) => {
            let secret = env::var("CLIENT_SECRET")?.into();
            Arc::new(Introspection::new(IntrospectionSettings::new(
                &issuer,
                env::var("CLIENT_ID")?,
                secret,
            ))?)
        }
    };
    let settings = ResourceServerSettings::new(issuer, "rescind-api");
    let server = ResourceServer::new(settings, RevocationCheck::By(reader))?;
    let app = move || {
        App::new()
            .app_data(web::Data::new(server.clone()))
            .route("/account", web::get().to(account))
            .route("/catalogue", web::get().to(catalogue))
    };
    let listening = HttpServer::new(app).bind(env::var("BIND")?)?;
    for address in listening.addrs() {
        println!("listening on http://{address}");
    }
    Ok(listening.run().await?)
}
