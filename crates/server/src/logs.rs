//! What the program says while it runs, on standard error: text for a person at a terminal, JSON lines for a machine.
//!
//! `RUST_LOG` chooses how much, `info` by default. It does not choose everything. Below `info` the libraries underneath
//! print what passes through them: actix the heads and bodies of requests, h2 every header, the database drivers their
//! statements. That is where tokens and passwords are, and a token in a log is a session in a log. So everything but
//! Rescind's own crates is capped at `info`, whatever `RUST_LOG` says. Rejected: a list of the crates that are known to
//! talk, because the one that is added next year would not be on it.

use std::io::{IsTerminal, stderr};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter, Layer, filter, filter::FilterExt, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::settings::{Faults, LOG};

/// At `info`, without how many threads a server has and which steps a schema did not need.
const BY_DEFAULT: &str = "info,actix_server=warn,sea_orm_migration=warn";

/// The prefix of Rescind's own crates, as log targets spell it.
const OWN: &str = "rescind";

/// Begins to log, unless the program has begun to by its own means.
///
/// # Errors
/// `RUST_LOG` is wrong.
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
        // The list of spans, because the request's id stands in the outermost one.
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
