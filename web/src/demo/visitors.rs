//! Who looks at the screen: a cookie with a random number, and the data stored under it.
//!
//! The number names the memory of a visitor's own loot and log, and their [copies](crate::accounts) of the demo accounts: with
//! the public password it opens those, and no other account. A number that the program did not issue is
//! unknown, so a client can neither plant one nor guess another's. The memory is bounded; a visitor who was not seen for half
//! an hour is forgotten, with every token in their loot. The lab keeps its sandboxes in the same way, under its own cookie.
//!
//! Who has not sent the cookie back yet is kept apart, so that clients without cookies displace one another only.
//!
//! The cache (the `moka` crate) measures that half hour by its own clock, which decides only what is forgotten.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use actix_web::{
    cookie::{Cookie, SameSite},
    http::header::HeaderMap,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use moka::sync::Cache;
use rand::{Rng, rngs::StdRng};
use rescind_api::{Settings, cookie_values};
use tokio::sync::{Semaphore, watch};

use super::{
    log::{Entry, Log},
    robbery::Robbery,
};
use crate::accounts::{IDLE, Own};

/// 128 random bits. No `Debug`: the number gives access to the loot.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ticket([u8; 16]);

impl Ticket {
    pub(crate) fn random(rng: &Mutex<StdRng>) -> Self {
        let mut bytes = [0; 16];
        rng.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(&mut bytes);
        Self(bytes)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn to_text(self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// The known visitors, and the data of each.
pub(crate) struct Visitors<T> {
    /// Those who came back.
    remembered: Cache<Ticket, Arc<T>>,
    new: Cache<Ticket, Arc<T>>,
    cookie: String,
    secure: bool,
}

impl<T: Send + Sync + 'static> Visitors<T> {
    /// Bounded by total weight; a fifth of it is for those who have not come back. A visitor is weighed when new, and when
    /// [changed](Self::changed). `cookie`: what follows the prefix in the cookie's name.
    pub(crate) fn weighing(
        most: u64,
        weigh: impl Fn(&T) -> u32 + Clone + Send + Sync + 'static,
        cookie: &str,
        settings: &Settings,
    ) -> Self {
        let cache = |most| {
            let weigh = weigh.clone();
            Cache::builder()
                .max_capacity(most)
                .weigher(move |_: &Ticket, what: &Arc<T>| weigh(what))
                .time_to_idle(IDLE)
                // The visitor seen longest ago goes first: newcomers must find room.
                .eviction_policy(moka::policy::EvictionPolicy::lru())
                .build()
        };
        Self {
            remembered: cache(most - most / 5),
            new: cache(most / 5),
            cookie: settings.cookie_name(cookie),
            secure: settings.is_https(),
        }
    }

    pub(crate) fn of(&self, headers: &HeaderMap) -> Option<Arc<T>> {
        self.ticket_of(headers).map(|(_, what)| what)
    }

    /// The same, with their number.
    pub(crate) fn ticket_of(&self, headers: &HeaderMap) -> Option<(Ticket, Arc<T>)> {
        cookie_values(headers, &self.cookie)
            .filter_map(|value| Ticket::parse(&value))
            .find_map(|ticket| Some((ticket, self.get(ticket)?)))
    }

    fn get(&self, ticket: Ticket) -> Option<Arc<T>> {
        if let Some(known) = self.remembered.get(&ticket) {
            return Some(known);
        }
        let Some(returned) = self.new.get(&ticket) else {
            // Another request may just have brought them back.
            return self.remembered.get(&ticket);
        };
        self.remembered.insert(ticket, Arc::clone(&returned));
        self.new.invalidate(&ticket);
        Some(returned)
    }

    /// Adds a visitor, and returns their cookie.
    pub(crate) fn welcome(&self, ticket: Ticket, what: T) -> (Arc<T>, Cookie<'static>) {
        let what = Arc::new(what);
        self.new.insert(ticket, Arc::clone(&what));
        let cookie = Cookie::build(self.cookie.clone(), ticket.to_text())
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .finish();
        (what, cookie)
    }

    /// All who are known. Looking at them does not count as a visit.
    pub(crate) fn all(&self) -> impl Iterator<Item = Arc<T>> {
        // A visitor on the way from one to the other is in both: first the one that they leave.
        let all = [&self.new, &self.remembered].map(|cache| {
            cache.run_pending_tasks();
            cache.iter().map(|(_, what)| what).collect::<Vec<_>>()
        });
        all.into_iter().flatten()
    }

    pub(crate) fn changed(&self, ticket: Ticket, what: &Arc<T>) {
        let is_known = self.remembered.contains_key(&ticket);
        let cache = if is_known { &self.remembered } else { &self.new };
        cache.insert(ticket, Arc::clone(what));
    }
}

/// How many event streams one visitor may hold: one per tab, and browsers allow six connections to a server.
pub(crate) const MOST_STREAMS: usize = 6;

/// One visitor's data. Its tokens are wiped when it is dropped.
pub(crate) struct Visit {
    /// The number of the visitor's own accounts.
    pub(crate) own: Own,
    state: Mutex<Remembered>,
    next: AtomicU64,
    changed: watch::Sender<()>,
    pub(crate) streams: Arc<Semaphore>,
}

#[derive(Default)]
pub(crate) struct Remembered {
    pub(crate) log: Log,
    pub(crate) robbery: Option<Robbery>,
}

impl Visit {
    pub(crate) fn of(own: Own) -> Self {
        Self {
            own,
            state: Mutex::default(),
            next: AtomicU64::new(1),
            changed: watch::Sender::new(()),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
        }
    }

    pub(crate) fn begin(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn saw(&self, entry: Entry) {
        {
            let mut state = self.lock();
            if let Some(robbery) = &mut state.robbery {
                robbery.saw(&entry);
            }
            state.log.add(entry);
        }
        self.changed.send_replace(());
    }

    /// Hold it only briefly: others wait.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn forget(&self) {
        *self.lock() = Remembered::default();
        self.changed.send_replace(());
    }

    /// Wakes at each new log entry.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::http::header;
    use rand::SeedableRng;

    use super::*;

    fn visitors(most: u64) -> Visitors<Mutex<u32>> {
        let settings = Settings::new("http://127.0.0.1".parse().unwrap());
        let weigh = |weight: &Mutex<u32>| *weight.lock().unwrap();
        Visitors::weighing(most, weigh, "visitor", &settings)
    }

    #[test]
    fn visitors_are_forgotten_after_half_an_hour_of_idling() {
        let Visitors { remembered, new, .. } = visitors(10);
        for cache in [remembered, new] {
            assert_eq!(cache.policy().time_to_idle(), Some(Duration::from_secs(30 * 60)));
        }
    }

    #[test]
    fn a_visitor_who_grew_leaves_less_room_for_others() {
        let (rng, visitors) = (Mutex::new(StdRng::seed_from_u64(7)), visitors(12));
        let comes_back = |cookie: &Cookie| {
            let mut headers = HeaderMap::new();
            let sent = format!("{}={}", cookie.name(), cookie.value());
            headers.insert(header::COOKIE, sent.parse().unwrap());
            visitors.ticket_of(&headers)
        };
        let come = || {
            let (_, cookie) = visitors.welcome(Ticket::random(&rng), Mutex::new(1));
            comes_back(&cookie).unwrap();
            cookie
        };
        let cookies: Vec<_> = (0..10).map(|_| come()).collect();
        visitors.remembered.run_pending_tasks();
        let (ticket, grown) = comes_back(&cookies[9]).unwrap();
        *grown.lock().unwrap() = 8;
        visitors.changed(ticket, &grown);
        visitors.remembered.run_pending_tasks();
        let known: Vec<_> = cookies.iter().map(|cookie| comes_back(cookie).is_some()).collect();
        assert!(known[9], "whoever was seen last stays");
        assert_eq!(known.iter().filter(|known| **known).count(), 3);
    }
}
