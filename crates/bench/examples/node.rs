//! A node with one handler of its own, set up by the settings of `rescind`. `--tokens FILE` writes access tokens for as many
//! users and sessions as `--count` says, one a line.

use std::{fs, path::PathBuf, process::ExitCode};

use actix_web::{App, HttpResponse, Responder, web};
use clap::Parser;
use rescind_bench::{Me, hello, mint};
use rescind_server::{
    CommandLine, Failure, Node, Settings,
    api::{Authenticated, Part, Routes},
};
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    node: CommandLine,
    /// Where to write access tokens.
    #[arg(long)]
    tokens: Option<PathBuf>,
    /// How many.
    #[arg(long, default_value_t = 10_000)]
    count: usize,
}

async fn me(caller: Authenticated) -> impl Responder {
    HttpResponse::Ok().json(Me {
        user_id: caller.user_id().as_str(),
        session_id: &caller.session_id().to_string(),
    })
}

async fn serve(settings: Settings, tokens: Option<PathBuf>, count: usize) -> Result<(), Failure> {
    let node = Node::start(settings).await?;
    let rescind = node.rescind().clone();
    if let Some(path) = tokens {
        let written = mint(rescind.service(), count).and_then(|tokens| Ok(fs::write(path, tokens.join("\n"))?));
        written.map_err(|error| Failure::other("the tokens cannot be written", error))?;
    }
    let app = move || {
        App::new()
            .configure(rescind.mount(Routes::default().with(Part::Health).with(Part::SignUp)))
            .route("/hello", web::get().to(hello))
            .route("/me", web::get().to(me))
            .wrap(rescind.guard())
    };
    node.serve(app).await
}

fn run() -> Result<(), Failure> {
    let line: Line = rescind_server::read()?;
    let settings = Settings::judge(&line.node.given)?;
    let (tokens, count) = (line.tokens, line.count);
    line.node
        .run(settings, async move |settings| serve(settings, tokens, count).await)
}

fn main() -> ExitCode {
    rescind_server::exit("node", run())
}
