//! The thief: sends the stolen tokens to this program, over the network, like any client.
//!
//! **Why this is no proxy.** A page that makes a server send requests is dangerous if a client can steer them. Here no client
//! can. The address is the program's own listener, taken from the socket, or another node's, taken from the settings (see
//! [`peers`](super::peers)). The paths are the three in this file. The token comes from the loot, which holds only the
//! visitor's own session. No part of the visitor's request is passed on: no header, field or address. Redirects are not
//! followed, the environment's proxies are not used, answers are read up to a limit, and the number of concurrent requests is
//! bounded.
//!
//! **How an answer finds its visitor.** The request carries a fresh random number that is valid once. The middleware that
//! writes the log looks it up. Other numbers are ignored, so no visitor can write into another's log; and the number has no
//! influence on the answer.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::http::header::HeaderMap;
use futures::future::join_all;
use rand::rngs::StdRng;
use rescind_api::http_client::{HttpClient, HttpError, HttpReply, reqwest::RequestBuilder};
use rescind_session::{
    Check,
    token::{AccessToken, RefreshToken},
};
use serde_json::Value;
use tokio::{sync::Semaphore, time::Instant};
use url::Url;

use super::{
    log::{ASKING_DOOR, SIGNATURE_DOOR},
    peers::{AtPeer, Attempt},
    visitors::{Ticket, Visit},
};

/// The thief's user agent. The list of devices shows it once the thief has refreshed.
pub(crate) const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0";
const REFRESH: &str = "/api/refresh";

const NONCE: &str = "x-rescind-thief";
/// Longer than any useful store timeout.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many requests run at once, for all visitors together.
const MOST_AT_ONCE: usize = 16;
/// The longest answer that is read: tokens and a note.
const LONGEST: usize = 16 * 1024;

pub(crate) struct Thief {
    client: HttpClient,
    own: SocketAddr,
    at_once: Semaphore,
    expected: Mutex<HashMap<Ticket, Arc<Visit>>>,
    rng: Arc<Mutex<StdRng>>,
}

impl Thief {
    pub(crate) fn new(bound: SocketAddr, rng: Arc<Mutex<StdRng>>) -> Result<Self, HttpError> {
        Ok(Self {
            // It never leaves the cluster of nodes, whose addresses are http.
            client: HttpClient::without_tls(AGENT, PATIENCE)?,
            own: reachable(bound),
            at_once: Semaphore::new(MOST_AT_ONCE),
            expected: Mutex::default(),
            rng,
        })
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.own.ip()
    }

    /// Tries an access token at both doors, one after the other, so that the log has the order of the doors.
    pub(crate) async fn try_doors(&self, visit: &Arc<Visit>, token: &AccessToken, check: Check) -> [Attempt; 2] {
        let try_at = async |door| self.try_at(&self.origin(), door, Some(visit), token, check).await;
        [try_at(ASKING_DOOR).await, try_at(SIGNATURE_DOOR).await]
    }

    /// Tries an access token at the checking door of every other node, all at once: one that is down delays no other.
    pub(crate) async fn try_peers(&self, peers: &[Url], token: &AccessToken, check: Check) -> Vec<AtPeer> {
        let try_peer = async |peer: &Url| AtPeer {
            peer: peer.clone(),
            // Without a number: that node does not know it.
            attempt: {
                let origin = peer.origin().ascii_serialization();
                self.try_at(&origin, ASKING_DOOR, None, token, check).await
            },
        };
        join_all(peers.iter().map(try_peer)).await
    }

    async fn try_at(
        &self,
        origin: &str,
        door: &'static str,
        visit: Option<&Arc<Visit>>,
        token: &AccessToken,
        check: Check,
    ) -> Attempt {
        // A stopwatch, for display only.
        let started = Instant::now();
        let request = self.client.get(&format!("{origin}{door}"));
        let answer = self.send(request.bearer_auth(token.expose_secret()), visit).await;
        Attempt::of(door, answer.as_ref(), started.elapsed(), check)
    }

    /// Uses a refresh token; `None` if it is refused.
    pub(crate) async fn refresh(
        &self,
        visit: &Arc<Visit>,
        token: &RefreshToken,
    ) -> Option<(AccessToken, RefreshToken)> {
        let body = serde_json::json!({ "refresh_token": token.expose_secret() });
        let request = self
            .client
            .post(&format!("{}{REFRESH}", self.origin()))
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = self
            .send(request, Some(visit))
            .await
            .filter(|answer| answer.status == 200)?;
        let tokens: Value = serde_json::from_slice(&answer.body).ok()?;
        let token = |name: &str| tokens[name].as_str().map(str::to_owned);
        Some((token("access_token")?.into(), token("refresh_token")?.into()))
    }

    /// The visitor whose thief sent a request, if one did. A number is valid once.
    pub(crate) fn sender(&self, headers: &HeaderMap) -> Option<Arc<Visit>> {
        let nonce = headers.get(NONCE)?.to_str().ok().and_then(Ticket::parse)?;
        self.lock().remove(&nonce)
    }

    fn origin(&self) -> String {
        format!("http://{}", self.own)
    }

    /// `visit`: whose log the request belongs to, if this program writes it.
    async fn send(&self, request: RequestBuilder, visit: Option<&Arc<Visit>>) -> Option<HttpReply> {
        let expected = visit.map(|visit| self.expect(visit));
        let request = match &expected {
            Some(expected) => request.header(NONCE, expected.nonce.to_text()),
            None => request,
        };
        let answered = async {
            let _turn = self.at_once.acquire().await.ok()?;
            self.client.send(request, LONGEST).await.ok()
        };
        // The timeout includes the wait for a turn.
        tokio::time::timeout(PATIENCE, answered).await.ok().flatten()
    }

    fn expect(&self, visit: &Arc<Visit>) -> Expected<'_> {
        let nonce = Ticket::random(&self.rng);
        self.lock().insert(nonce, Arc::clone(visit));
        Expected { thief: self, nonce }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Ticket, Arc<Visit>>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way. Its number is forgotten with it, also if it never arrives.
struct Expected<'a> {
    thief: &'a Thief,
    nonce: Ticket,
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.thief.lock().remove(&self.nonce);
    }
}

/// A listener's address as seen from its own machine: one cannot connect to "every address".
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};
    use rand::SeedableRng;

    use super::*;
    use crate::accounts::Own;

    #[test]
    fn the_thief_stays_on_this_machines_own_listener() {
        for (bound, reached) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
        ] {
            assert_eq!(reachable(bound.parse().unwrap()).to_string(), reached);
        }
    }

    #[test]
    fn a_number_finds_its_visitor_once_and_a_made_up_number_finds_none() {
        let rng = Arc::new(Mutex::new(StdRng::seed_from_u64(7)));
        let thief = Thief::new("127.0.0.1:1".parse().unwrap(), Arc::clone(&rng)).unwrap();
        let sent = |nonce: Ticket| {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_str(&nonce.to_text()).unwrap();
            headers.insert(HeaderName::from_static(NONCE), value);
            headers
        };
        let visit = Arc::new(Visit::of(Own::default()));
        let expected = thief.expect(&visit);
        assert!(thief.sender(&sent(Ticket::random(&rng))).is_none());
        assert!(Arc::ptr_eq(&thief.sender(&sent(expected.nonce)).unwrap(), &visit));
        assert!(thief.sender(&sent(expected.nonce)).is_none(), "twice");

        let never_sent = thief.expect(&visit);
        let nonce = never_sent.nonce;
        drop(never_sent);
        assert!(thief.sender(&sent(nonce)).is_none(), "after its time");
    }
}
