//! The log, on standard error: text at a terminal, otherwise JSON lines.
//!
//! `RUST_LOG` sets the level, by default `info`, but not of every crate. Below `info`, dependencies log what passes through
//! them: actix the heads and bodies of requests, h2 every header, the database drivers their statements. These contain tokens
//! and passwords, and a token in a log is a session in a log. So every crate but Rescind's own is capped at `info`, for any
//! value of `RUST_LOG`. Rejected: a list of the crates that log secrets, because the one that is added next year would not be
//! on it.

use std::io::{IsTerminal, stderr};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter, Layer, filter, filter::FilterExt, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::settings::{Faults, LOG};

/// `info`, without the number of a server's threads and the migrations that were not needed.
const BY_DEFAULT: &str = "info,actix_server=warn,sea_orm_migration=warn";

/// The prefix of Rescind's own crates, as log targets spell it.
const OWN: &str = "rescind";

/// Begins to log, unless the program has set a subscriber. Fails if `RUST_LOG` is wrong.
pub(crate) fn begin() -> Result<(), Faults> {
    let wrong = |_| {
        let must = "must be a level or targets with levels, such as info or rescind_session=debug,warn";
        Faults::one(LOG, must)
    };
    let asked = std::env::var(LOG).ok().filter(|asked| !asked.is_empty());
    let asked = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(asked.as_deref().unwrap_or(BY_DEFAULT))
        .map_err(wrong)?;
    let filter = asked.and(
        filter::Targets::new()
            .with_default(LevelFilter::INFO)
            .with_target(OWN, LevelFilter::TRACE),
    );
    let layer = fmt::layer().with_writer(stderr);
    let layer = if stderr().is_terminal() {
        layer.with_filter(filter).boxed()
    } else {
        // The list of spans, because the outermost one has the request's id.
        layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .with_filter(filter)
            .boxed()
    };
    let _ = tracing_subscriber::registry().with(layer).try_init();
    Ok(())
}
