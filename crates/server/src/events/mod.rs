//! Security events: revocations, pushed to the receivers of the settings (RFC 8935).
//!
//! Each receiver follows the revocation log by a position of its own, in SQL. An event is sent, and only when the receiver has
//! acknowledged it the position moves: so each arrives at least once, in order, whatever is killed in between. One node delivers
//! to a receiver, under a claim that expires ([`SqlStore::claim_event_receiver`]).
//!
//! **Fast, not immediate.** A revocation of this node wakes the delivery at once; those of other nodes are read from the log ten
//! times a second. A logout does not wait for any receiver.
//!
//! Rejected: a queue in the process. It is lost with the process, and a logout between two nodes would overtake another.

mod outcome;

use std::{convert::Infallible, sync::Arc, time::Duration};

use jiff::Timestamp;
use rescind_api::http_client::HttpClient;
use rescind_session::{
    CryptoRng, EndReason, ErrorChain, Position, Revocation, Scope, SessionService, SystemRandom, Uuid,
    ports::{SessionStore, Tail},
    supervise,
    token::{ExposeSecret, Initiator, LogMark, RevokedSubject, SecurityEvent, SecurityEventToken, SessionRevoked},
};
use rescind_store::{EventPosition, SqlStore};
use tokio::time::{Instant, sleep};

use crate::{
    failure::Failure,
    settings::{EventReceiver, Events, Faults},
};
use outcome::{Outcome, judge, pause_after};

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
    issuer: String,
    /// Identifies this process in the claims.
    node: Uuid,
    /// Whether no other node uses the database.
    alone: bool,
    receivers: Vec<(EventReceiver, HttpClient)>,
}

impl Transmitter {
    /// # Errors
    /// The keys cannot be published, or there is no HTTP client.
    pub(crate) fn new(
        events: &Events,
        store: SqlStore,
        service: SessionService,
        issuer: String,
        alone: bool,
    ) -> Result<Self, Failure> {
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
        let mut node = [0; 16];
        fill(&mut SystemRandom::new()?, &mut node);
        Ok(Self {
            receivers: events.receivers.iter().map(client).collect::<Result<_, Failure>>()?,
            node: Uuid::from_bytes(node),
            store,
            service,
            issuer,
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

fn fill(rng: &mut dyn CryptoRng, bytes: &mut [u8]) {
    rng.fill_bytes(bytes);
}

/// What one round did.
enum Round {
    /// The receiver has everything.
    Quiet,
    /// There may be more.
    More,
    /// Another node delivers.
    HeldByOther,
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
        let poll = if self.transmitter.alone {
            POLL_ALONE
        } else {
            POLL_SHARED
        };
        let mut rng = SystemRandom::new().ok();
        loop {
            // Before the log is read: a later revocation wakes the next round.
            revoked.borrow_and_update();
            let pause = match self.round().await {
                Ok(round) => {
                    if self.failures > 0 {
                        tracing::info!(
                            receiver = self.url(),
                            failures = self.failures,
                            "security events are delivered again"
                        );
                        self.failures = 0;
                    }
                    match round {
                        Round::Quiet => poll,
                        Round::More => continue,
                        Round::HeldByOther => {
                            sleep(BETWEEN_CLAIMS).await;
                            continue;
                        }
                    }
                }
                Err(trouble) => {
                    self.failures = self.failures.saturating_add(1);
                    if self.failures == 1 {
                        let error = ErrorChain(&*trouble);
                        tracing::error!(receiver = self.url(), %error, "security events are not delivered; none is skipped");
                    }
                    let mut random = [0; 4];
                    if let Some(rng) = &mut rng {
                        fill(rng, &mut random);
                    }
                    sleep(pause_after(self.failures, u32::from_ne_bytes(random))).await;
                    continue;
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                // It fails only without a service, which this task holds.
                _ = revoked.changed() => {}
            }
        }
    }

    fn receiver(&self) -> &(EventReceiver, HttpClient) {
        &self.transmitter.receivers[self.receiver]
    }

    fn url(&self) -> &str {
        self.receiver().0.url.as_str()
    }

    async fn round(&mut self) -> Result<Round, Trouble> {
        let transmitter = Arc::clone(&self.transmitter);
        let (store, service) = (&transmitter.store, &transmitter.service);
        let Some(held) = self.claim().await? else {
            return Ok(Round::HeldByOther);
        };
        // Before the log is read: a receiver takes it for the instant up to which it has everything.
        let now = service.now()?;
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
            let id = format!(
                "{}.{}.{}",
                held.log.as_uuid(),
                held.position.get(),
                now.as_millisecond()
            );
            let event = self.token(id, now, held, held.position, SecurityEvent::Verification);
            self.send(&event).await?;
        }
        Ok(Round::Quiet)
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
    async fn deliver(&mut self, held: EventPosition, now: Timestamp, head: Position) -> Result<Round, Trouble> {
        let store = &self.transmitter.store;
        let entries = match store.revocations_after(held.position, BATCH).await? {
            Tail::Entries(entries) => entries,
            // Everything kept is later than the position.
            Tail::StartOver => match store.revocations_after(Position::START, BATCH).await? {
                Tail::Entries(entries) => entries,
                Tail::StartOver => Vec::new(),
            },
        };
        let Some(last) = entries.last().map(|last| last.position) else {
            return Ok(Round::Quiet);
        };
        let lost = entries[0].position.get().saturating_sub(held.position.next().get());
        if lost > 0 {
            tracing::error!(
                receiver = self.url(),
                lost,
                "security events were not delivered within RESCIND_EVENT_RETENTION and are lost"
            );
        }
        let head = if entries.len() < BATCH as usize {
            last
        } else {
            head.max(last)
        };
        let (mut to, mut failed) = (held, None);
        for entry in entries.iter().filter(|entry| entry.position > held.position) {
            // The rest follows in the next round, under a renewed claim and with a later instant.
            if self.held.is_none_or(|(_, since)| since.elapsed() >= RENEW_EVERY) {
                break;
            }
            to.position = entry.position;
            let id = format!("{}.{}", held.log.as_uuid(), entry.position.get());
            let event = self.token(id, now, to, head, SecurityEvent::SessionRevoked(revoked(entry)));
            match self.send(&event).await {
                Ok(()) => {}
                Err(error) => {
                    to.position = Position::new(entry.position.get() - 1).max(held.position);
                    failed = Some(error);
                    break;
                }
            }
        }
        let acknowledged = match to == held {
            true => Round::More,
            false => self.acknowledge(held, to).await?,
        };
        failed.map_or(Ok(acknowledged), Err)
    }

    async fn acknowledge(&mut self, from: EventPosition, to: EventPosition) -> Result<Round, Trouble> {
        let Transmitter { store, node, .. } = &*self.transmitter;
        if store.acknowledge_events(self.url(), *node, from, to).await? {
            self.held = self.held.map(|(_, since)| (to, since));
            Ok(Round::More)
        } else {
            // Another node has claimed it meanwhile.
            self.held = None;
            Ok(Round::HeldByOther)
        }
    }

    fn token(
        &self,
        id: String,
        issued_at: Timestamp,
        at: EventPosition,
        head: Position,
        event: SecurityEvent,
    ) -> SecurityEventToken {
        SecurityEventToken {
            issuer: self.transmitter.issuer.clone(),
            audience: self.receiver().0.audience.clone(),
            id,
            issued_at,
            log: LogMark {
                id: at.log.as_uuid(),
                position: at.position.get(),
                head: head.get(),
            },
            event,
        }
    }

    /// Sends an event. One that the receiver refuses is logged, and counts as sent.
    async fn send(&mut self, event: &SecurityEventToken) -> Result<(), Trouble> {
        let token = self.transmitter.service.keys().ring.sign_security_event(event)?;
        let (receiver, client) = self.receiver();
        let mut request = client
            .post(receiver.url.as_str())
            .header("Content-Type", "application/secevent+jwt")
            .header("Accept", "application/json")
            .body(token);
        if let Some(bearer) = &receiver.bearer {
            request = request.bearer_auth(bearer.expose_secret());
        }
        let reply = client.send(request, LONGEST_REPLY).await?;
        match judge(reply.status, &reply.body) {
            Outcome::Delivered => {}
            Outcome::Refused(error) => {
                self.refused += 1;
                tracing::error!(
                    receiver = self.url(),
                    event = event.id,
                    error,
                    refused = self.refused,
                    "the receiver refuses a security event, which is skipped"
                );
            }
            Outcome::Failed(error) => return Err(error.into()),
        }
        self.accepted = Some(Instant::now());
        Ok(())
    }
}

fn revoked(entry: &Revocation) -> SessionRevoked {
    SessionRevoked {
        subject: match entry.scope {
            Scope::Session(session) => RevokedSubject::Session(session, entry.user.clone()),
            Scope::Token(token) => RevokedSubject::Token(token),
        },
        at: entry.at,
        until: entry.until,
        initiator: initiator(entry.cause),
    }
}

fn initiator(cause: EndReason) -> Option<Initiator> {
    Some(match cause {
        EndReason::Logout
        | EndReason::LogoutElsewhere
        | EndReason::LogoutEverywhere
        | EndReason::Replaced
        | EndReason::PasswordChange => Initiator::User,
        EndReason::Administrator | EndReason::Disabled => Initiator::Admin,
        EndReason::TooMany | EndReason::Reuse => Initiator::Policy,
        EndReason::LostCommit => Initiator::System,
        // A client or an administrator.
        _ => return None,
    })
}
