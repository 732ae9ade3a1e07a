//! The bare handler on actix-web, and with the argument `guard` the same behind our guard: `plain PORT [guard]`.

use std::{env, error::Error};

use actix_web::{App, HttpServer, web};
use rescind_api::{
    Rescind, Settings,
    session::{Config, Keys, SessionService, SystemClock, SystemRandom, memory},
};
use rescind_bench::hello;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let address = format!("127.0.0.1:{}", arguments.next().ok_or("the port is missing")?);
    let route = || web::get().to(hello);
    if arguments.next().as_deref() != Some("guard") {
        let server = HttpServer::new(move || App::new().route("/hello", route()));
        return Ok(server.bind(address)?.run().await?);
    }
    let url = format!("http://{address}");
    let mut rng = SystemRandom::new()?;
    let keys = Keys::generate(&mut rng)?;
    let service = SessionService::new(
        Config::new(&url, "bench"),
        keys,
        memory::ports(SystemClock::counting()),
        rng,
    )?;
    let rescind = Rescind::new(service, Settings::new(url.parse()?))?;
    let app = move || App::new().route("/hello", route()).wrap(rescind.guard());
    Ok(HttpServer::new(app).bind(address)?.run().await?)
}
