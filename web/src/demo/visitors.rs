//! Who looks at the screen: a cookie with a random number, and what is remembered under it.
//!
//! The number is no login. It names a place in memory in which one's own loot and log lie, and a number that the program
//! did not give out names nothing: nobody can plant one, or choose another's. At most a thousand visitors are remembered;
//! one who has not been seen for half an hour is forgotten, and with them every token in their loot.
//!
//! The cache (the `moka` crate) keeps that half hour by a clock of its own. It decides nothing but what is forgotten.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{
    cookie::{Cookie, SameSite},
    http::header::{self, HeaderMap},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use moka::sync::Cache;
use rand::{Rng, rngs::StdRng};

use super::visit::Visit;

const MOST: u64 = 1_000;
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30 * 60);

/// 128 random bits. It does not print: whoever knows it sees the loot.
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

/// Everybody who is remembered.
pub(crate) struct Visitors {
    visits: Cache<Ticket, Arc<Visit>>,
    cookie: &'static str,
    secure: bool,
}

impl Visitors {
    pub(crate) fn new(https: bool) -> Self {
        Self::at_most(MOST, https)
    }

    fn at_most(most: u64, https: bool) -> Self {
        Self {
            visits: Cache::builder()
                .max_capacity(most)
                .time_to_idle(FORGOTTEN_AFTER)
                // Whoever was seen longest ago goes first: a crowd of newcomers must find room.
                .eviction_policy(moka::policy::EvictionPolicy::lru())
                .build(),
            cookie: if https {
                "__Host-rescind_visitor"
            } else {
                "rescind_visitor"
            },
            secure: https,
        }
    }

    /// Who sent a request, if they are known.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Option<Arc<Visit>> {
        let cookies = headers
            .get_all(header::COOKIE)
            .filter_map(|cookies| cookies.to_str().ok());
        // Not `HttpRequest::cookies`: it fails when any cookie of the site is malformed, a stranger's too.
        let tickets = cookies
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .filter(|(name, _)| *name == self.cookie)
            .filter_map(|(_, value)| Ticket::parse(value));
        tickets.into_iter().find_map(|ticket| self.visits.get(&ticket))
    }

    /// Somebody new, and the cookie by which they will be known.
    pub(crate) fn welcome(&self, ticket: Ticket) -> (Arc<Visit>, Cookie<'static>) {
        let visit = Arc::new(Visit::default());
        self.visits.insert(ticket, Arc::clone(&visit));
        let cookie = Cookie::build(self.cookie, ticket.to_text())
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .finish();
        (visit, cookie)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use rand::SeedableRng;

    use super::*;

    fn sent(cookies: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(cookies).unwrap());
        headers
    }

    #[test]
    fn a_visitor_is_known_by_a_number_that_was_given_out_and_by_no_other() {
        let rng = Mutex::new(StdRng::seed_from_u64(7));
        let visitors = Visitors::new(false);
        let (visit, cookie) = visitors.welcome(Ticket::random(&rng));
        let known = visitors.of(&sent(&format!("other=1; {}={}", cookie.name(), cookie.value())));
        assert!(Arc::ptr_eq(&known.unwrap(), &visit));

        let guess = Ticket::random(&rng).to_text();
        for cookies in [
            format!("rescind_visitor={guess}"),
            format!("__Host-rescind_visitor={}", cookie.value()),
            format!("rescind_visitor={}x", cookie.value()),
            "rescind_visitor=".to_owned(),
            "rescind_visitor".to_owned(),
        ] {
            assert!(visitors.of(&sent(&cookies)).is_none(), "{cookies}");
        }
    }

    #[test]
    fn a_crowd_takes_no_more_room_than_there_is_and_the_newest_are_kept() {
        let rng = Mutex::new(StdRng::seed_from_u64(7));
        let visitors = Visitors::at_most(10, false);
        let visits: Vec<_> = (0..200)
            .map(|_| {
                let (visit, cookie) = visitors.welcome(Ticket::random(&rng));
                visitors.visits.run_pending_tasks();
                (Arc::downgrade(&visit), cookie)
            })
            .collect();
        let is_known = |cookie: &Cookie| {
            let cookies = format!("{}={}", cookie.name(), cookie.value());
            visitors.of(&sent(&cookies)).is_some()
        };
        let (_, newest) = visits.last().unwrap();
        assert!(is_known(newest));
        assert!(visits.iter().filter(|(_, cookie)| is_known(cookie)).count() <= 10);
        // The cache frees later than it forgets: when no thread is left that may be looking at what it forgot.
        let in_memory = || visits.iter().filter(|(visit, _)| visit.strong_count() > 0).count();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while in_memory() > 20 {
            assert!(
                tokio::time::Instant::now() < deadline,
                "{} are still in memory",
                in_memory()
            );
            visitors.visits.insert(Ticket::random(&rng), Arc::default());
            visitors.visits.run_pending_tasks();
            std::thread::yield_now();
        }
    }

    #[test]
    fn over_https_the_cookie_is_this_hosts_alone() {
        let rng = Mutex::new(StdRng::seed_from_u64(7));
        let (_, cookie) = Visitors::new(true).welcome(Ticket::random(&rng));
        assert!(cookie.name().starts_with("__Host-") && cookie.secure() == Some(true));
        assert_eq!(
            (cookie.http_only(), cookie.same_site()),
            (Some(true), Some(SameSite::Lax))
        );
    }
}
