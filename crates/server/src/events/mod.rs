//! Security events: revocations, pushed to the receivers of the settings (RFC 8935).
//!
//! Each receiver follows the revocation log by a position of its own, in SQL. An event is sent, and only when the receiver has
//! acknowledged it the position moves: so each arrives at least once, in order, also if a process is killed in between. One node delivers
//! to a receiver, under a claim that expires ([`SqlStore::claim_event_receiver`]).
//!
//! **Fast, not immediate.** A revocation of this node wakes the delivery at once; those of other nodes are read from the log ten
//! times a second. A logout does not wait for any receiver.
//!
//! Rejected: a queue in the process. It is lost with the process, and a logout between two nodes would overtake another.

mod outcome;

use std::{
    convert::Infallible,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use rescind_api::http_client::HttpClient;
use rescind_session::{
    CryptoRng, ErrorChain, Position, SessionService, SystemRandom, Uuid,
    ports::{SessionStore, Tail},
    supervise,
    token::{ExposeSecret, LogMark, SecurityEvent, SecurityEventToken},
};
use rescind_store::{EventPosition, SqlStore};
use tokio::time::{Instant, sleep};

use crate::{
    failure::Failure,
    settings::{EventReceiver, Events, Faults},
};
use outcome::{DeliveryOutcome, judge, pause_after};

/// How long a claim on a receiver lasts. A node that delivers renews it in time: it is longer than [`RENEW_EVERY`], [`TIMEOUT`]
/// and the longest pause together. If the node dies, another one continues before the receiver's 30 s of silence are over:
/// together with [`VERIFY_EVERY`] and [`BETWEEN_CLAIMS`] it is shorter.
const HOLD: Duration = Duration::from_secs(15);
const RENEW_EVERY: Duration = Duration::from_secs(4);
/// How long to wait for another node that holds a receiver.
const BETWEEN_CLAIMS: Duration = Duration::from_secs(1);
/// How long a receiver may take for its reply.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often the log is read for revocations of other nodes.
const POLL_SHARED: Duration = Duration::from_millis(100);
/// The same where there is no other node.
const POLL_ALONE: Duration = Duration::from_secs(1);
/// The longest time without an event.
const VERIFY_EVERY: Duration = Duration::from_secs(10);
/// How many events are acknowledged at once.
const BATCH: u32 = 100;
/// The longest reply that is read, in bytes.
const LONGEST_REPLY: usize = 16 * 1024;

/// Delivers the events of this node's log.
pub(crate) struct Transmitter {
    store: SqlStore,
    service: SessionService,
    /// Identifies this process in the claims.
    node: Uuid,
    /// Whether no other node uses the database.
    alone: bool,
    receivers: Vec<(EventReceiver, HttpClient)>,
}

impl Transmitter {
    /// Fails if the keys cannot be published, or if there is no HTTP client.
    pub(crate) fn new(events: &Events, store: SqlStore, service: SessionService, alone: bool) -> Result<Self, Failure> {
        if !events.receivers.is_empty() && service.keys().ring.active().algorithm().is_symmetric() {
            let must =
                "must not be set with an HS256 key: receivers verify by the published keys, and that one is a secret";
            return Err(Faults::one("RESCIND_EVENT_RECEIVERS", must).into());
        }
        let client = |receiver: &EventReceiver| {
            const AGENT: &str = concat!("rescind/", env!("CARGO_PKG_VERSION"));
            let client = match receiver.url.scheme() {
                "https" => HttpClient::new(AGENT, TIMEOUT),
                _ => HttpClient::without_tls(AGENT, TIMEOUT),
            };
            let client = client.map_err(|error| Failure::other("no HTTP client for security events", error))?;
            Ok((receiver.clone(), client))
        };
        let rng: &mut dyn CryptoRng = &mut SystemRandom::new()?;
        let mut node = [0; 16];
        rng.fill_bytes(&mut node);
        Ok(Self {
            receivers: events.receivers.iter().map(client).collect::<Result<_, Failure>>()?,
            node: Uuid::from_bytes(node),
            store,
            service,
            alone,
        })
    }

    /// Delivers to all receivers, until it is dropped.
    pub(crate) async fn run(self: Arc<Self>) -> Infallible {
        let streams = (0..self.receivers.len()).map(|n| {
            let transmitter = Arc::clone(&self);
            supervise("security events", move || {
                Stream::new(Arc::clone(&transmitter), n).run()
            })
        });
        futures::future::join_all(streams).await;
        // Without a receiver there is nothing to do.
        std::future::pending().await
    }

    /// Lets another node continue at once, after [`run`](Self::run) was dropped.
    pub(crate) async fn release(&self) {
        if !self.receivers.is_empty()
            && let Err(error) = self.store.release_event_receivers(self.node).await
        {
            tracing::warn!(error = %ErrorChain(&error), "another node delivers security events in {HOLD:?}, not at once");
        }
    }
}

/// Why a round failed, for the log.
type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// The stream of events to one receiver.
struct Stream {
    transmitter: Arc<Transmitter>,
    receiver: usize,
    /// The acknowledged position, while this node holds the receiver, and when it claimed it.
    held: Option<(EventPosition, Instant)>,
    /// When the receiver last accepted an event.
    accepted: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    /// Events that the receiver refused.
    refused: u64,
}

impl Stream {
    fn new(transmitter: Arc<Transmitter>, receiver: usize) -> Self {
        Self {
            transmitter,
            receiver,
            held: None,
            accepted: None,
            failures: 0,
            refused: 0,
        }
    }

    async fn run(mut self) -> Infallible {
        let mut revoked = self.transmitter.service.watch_revocations();
        loop {
            // Before the log is read: a later revocation wakes the next round.
            revoked.borrow_and_update();
            let failures = self.failures;
            let pause = match self.round().await {
                Ok(pause) => {
                    if failures > 0 {
                        tracing::info!(receiver = self.url(), failures, "security events are delivered again");
                    }
                    self.failures = 0;
                    pause
                }
                Err(trouble) => {
                    if failures == 0 {
                        let error = ErrorChain(&*trouble);
                        tracing::error!(receiver = self.url(), %error, "security events are not delivered; none is skipped");
                    }
                    self.failures = failures.saturating_add(1);
                    pause_after(self.failures, RandomState::new().hash_one(failures))
                }
            };
            let wakes = self.failures == 0 && self.held.is_some();
            tokio::select! {
                () = sleep(pause) => {}
                // It fails only without a service, which this task holds.
                _ = revoked.changed(), if wakes => {}
            }
        }
    }

    fn receiver(&self) -> &(EventReceiver, HttpClient) {
        &self.transmitter.receivers[self.receiver]
    }

    fn url(&self) -> &str {
        self.receiver().0.url.as_str()
    }

    /// One round, and how long to wait for the next.
    async fn round(&mut self) -> Result<Duration, Trouble> {
        let transmitter = Arc::clone(&self.transmitter);
        let (store, service) = (&transmitter.store, &transmitter.service);
        let Some(held) = self.claim().await? else {
            return Ok(BETWEEN_CLAIMS);
        };
        // Before the log is read: a receiver takes it for the instant up to which it has everything.
        let now = service.now()?;
        // An event signed with a key that was replaced would be refused, and skipped.
        service.require_keys()?;
        let log = store.snapshot(held.position).await?;
        if log.log != held.log {
            tracing::warn!(
                receiver = self.url(),
                "the revocation log was replaced; all of it is delivered"
            );
            let start = EventPosition {
                log: log.log,
                position: Position::START,
            };
            return self.acknowledge(held, start).await;
        }
        if log.head > held.position {
            return self.deliver(held, now, log.head).await;
        }
        let is_due = self.accepted.is_none_or(|accepted| accepted.elapsed() >= VERIFY_EVERY);
        // A log that ends before the position has lost commits. The maintenance replaces it.
        if log.head == held.position && is_due {
            self.send(now, held, held.position, SecurityEvent::Verification).await?;
        }
        Ok(if transmitter.alone { POLL_ALONE } else { POLL_SHARED })
    }

    /// The acknowledged position, or `None` if another node holds the receiver.
    async fn claim(&mut self) -> Result<Option<EventPosition>, Trouble> {
        if let Some((held, since)) = self.held
            && since.elapsed() < RENEW_EVERY
        {
            return Ok(Some(held));
        }
        let began = Instant::now();
        let Transmitter { store, node, alone, .. } = &*self.transmitter;
        let claimed = store.claim_event_receiver(self.url(), *node, HOLD, *alone).await?;
        if let (Some(claimed), None) = (claimed, self.held) {
            tracing::info!(
                receiver = self.url(),
                position = claimed.position.get(),
                "this node delivers security events"
            );
            // The other node may have sent its last event long ago.
            self.accepted = None;
        }
        self.held = claimed.map(|claimed| (claimed, began));
        Ok(claimed)
    }

    /// Sends the log's entries after the acknowledged position, in their order, up to the first that fails.
    async fn deliver(&mut self, held: EventPosition, now: Timestamp, head: Position) -> Result<Duration, Trouble> {
        let store = &self.transmitter.store;
        let entries = match store.revocations_after(held.position, BATCH).await? {
            Tail::Entries(entries) => entries,
            // Everything that is kept is later than the position.
            Tail::StartOver => match store.revocations_after(Position::START, BATCH).await? {
                Tail::Entries(entries) => entries,
                Tail::StartOver => Vec::new(),
            },
        };
        let first = entries.first().map_or(head.next(), |first| first.position);
        let lost = first.get().saturating_sub(held.position.next().get());
        if lost > 0 && held.position != Position::START {
            tracing::error!(
                receiver = self.url(),
                lost,
                "security events were not delivered within RESCIND_EVENT_RETENTION and are lost"
            );
        }
        let Some(last) = entries.last().map(|last| last.position) else {
            // All of them were pruned.
            let to = EventPosition { position: head, ..held };
            return self.acknowledge(held, to).await;
        };
        let reaches_end = entries.len() < BATCH as usize;
        let head = if reaches_end { last } else { head.max(last) };
        let (mut to, mut failed) = (held, None);
        for entry in &entries {
            // The rest follows in the next round, under a renewed claim and with a later instant.
            if self.held.is_none_or(|(_, since)| since.elapsed() >= RENEW_EVERY) {
                break;
            }
            let at = EventPosition {
                position: entry.position,
                ..held
            };
            if let Err(trouble) = self.send(now, at, head, entry.to_event()).await {
                failed = Some(trouble);
                break;
            }
            to = at;
        }
        let next = match to == held {
            true => Duration::ZERO,
            false => self.acknowledge(held, to).await?,
        };
        failed.map_or(Ok(next), Err)
    }

    async fn acknowledge(&mut self, from: EventPosition, to: EventPosition) -> Result<Duration, Trouble> {
        let Transmitter { store, node, .. } = &*self.transmitter;
        if store.acknowledge_events(self.url(), *node, from, to).await? {
            self.held = self.held.map(|(_, since)| (to, since));
            Ok(Duration::ZERO)
        } else {
            // Another node has claimed it meanwhile.
            self.held = None;
            Ok(BETWEEN_CLAIMS)
        }
    }

    /// Sends an event. One that the receiver refuses is logged, and counts as sent.
    async fn send(
        &mut self,
        issued_at: Timestamp,
        at: EventPosition,
        head: Position,
        event: SecurityEvent,
    ) -> Result<(), Trouble> {
        // A receiver would refuse the signature of a key that was ended.
        self.transmitter.service.require_keys()?;
        let (receiver, client) = self.receiver();
        let log = LogMark {
            id: at.log.as_uuid(),
            position: at.position.get(),
            head: head.get(),
        };
        let issuer = self.transmitter.service.issuer();
        let event = SecurityEventToken::new(issuer, &receiver.audience, issued_at, log, event);
        let mut request = client
            .post(receiver.url.as_str())
            .header("Content-Type", "application/secevent+jwt")
            .header("Accept", "application/json")
            .body(self.transmitter.service.keys().ring.sign_security_event(&event)?);
        if let Some(bearer) = &receiver.bearer {
            request = request.bearer_auth(bearer.expose_secret());
        }
        let reply = client.send(request, LONGEST_REPLY).await?;
        match judge(reply.status, &reply.body) {
            DeliveryOutcome::Delivered => {}
            DeliveryOutcome::Refused(error) => {
                self.refused += 1;
                let (receiver, event, refused) = (self.url(), event.id, self.refused);
                tracing::error!(
                    receiver,
                    event,
                    error,
                    refused,
                    "the receiver refuses a security event, which is skipped"
                );
            }
            DeliveryOutcome::Failed(error) => return Err(error.into()),
        }
        self.accepted = Some(Instant::now());
        Ok(())
    }
}
