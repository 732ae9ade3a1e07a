//! The live log: server-sent events (HTML Living Standard, section 9.2), each with the complete list as HTML.
//!
//! The complete list, because it is short, and a browser that missed an event is right again with the next. Streams are
//! bounded, for each visitor and in all. They end after a while, and at once when the program ends: an open stream would
//! delay the shutdown. A browser whose stream has ended reconnects by itself, as event streams do.
//!
//! Half of all places are for the first stream of a visitor: a few visitors with many tabs keep no other out.

use std::{convert::Infallible, sync::Arc, time::Duration};

use actix_web::{
    HttpResponse,
    http::header,
    web::{Bytes, Data},
};
use futures::stream;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, interval_at, sleep_until},
};

use super::{
    DemoState, log,
    visitors::{MOST_STREAMS, Visit},
    watching::Watched,
};
use crate::stores::Stores;

/// How many streams there may be in all: the first of a visitor, and the others.
pub(crate) const MOST: [usize; 2] = [128, 128];
/// A closed connection is noticed only when it is written to.
const STILL_HERE: Duration = Duration::from_secs(15);
/// Then the browser reconnects, and its visitor is looked up again: a stream must not keep a visitor's memory alive.
const LONGEST: Duration = Duration::from_secs(10 * 60);
const AGAIN: (header::HeaderName, &str) = (header::RETRY_AFTER, "5");

pub(crate) async fn stream(Watched(visit): Watched, state: Data<DemoState>) -> HttpResponse {
    let own = Arc::clone(&visit.streams).try_acquire_owned();
    let [first, others] = &state.streams;
    let all = if visit.streams.available_permits() + 1 == MOST_STREAMS {
        first
    } else {
        others
    };
    let (Ok(own), Ok(one_of_all)) = (own, Arc::clone(all).try_acquire_owned()) else {
        return HttpResponse::ServiceUnavailable().insert_header(AGAIN).finish();
    };
    let now = Instant::now();
    let log = LiveLog {
        changes: visit.changes(),
        ending: state.ending(),
        still_here: interval_at(now + STILL_HERE, STILL_HERE),
        ends: now + LONGEST,
        greeted: false,
        visit,
        stores: Arc::clone(&state.stores),
        _permits: [own, one_of_all],
    };
    let events = stream::unfold(log, |mut log| async {
        let event = log.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(event)), log))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // For a proxy that would buffer the events.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events)
}

struct LiveLog {
    visit: Arc<Visit>,
    stores: Arc<Stores>,
    changes: watch::Receiver<()>,
    ending: watch::Receiver<bool>,
    still_here: tokio::time::Interval,
    ends: Instant,
    greeted: bool,
    _permits: [OwnedSemaphorePermit; 2],
}

impl LiveLog {
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.greeted, true) {
            // The entries between the page and the stream.
            self.changes.mark_unchanged();
            return Some(self.log());
        }
        let changed = tokio::select! {
            biased;
            _ = self.ending.wait_for(|ending| *ending) => return None,
            () = sleep_until(self.ends) => return None,
            changed = self.changes.changed() => changed.is_ok(),
            _ = self.still_here.tick() => false,
        };
        Some(if changed {
            self.log()
        } else {
            ": still here\n\n".to_owned()
        })
    }

    fn log(&self) -> String {
        let drawn = log::fragment(&self.visit.lock().log, &self.stores);
        event("log", &drawn)
    }
}

/// One event, with a `data:` line for each line of its data.
fn event(name: &str, data: &str) -> String {
    let data: String = data.lines().map(|line| format!("data: {line}\n")).collect();
    format!("event: {name}\n{data}\n")
}
