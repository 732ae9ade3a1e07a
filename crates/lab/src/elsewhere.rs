//! A service elsewhere: it has the issuer's public keys and no store, and learns of ended sessions by messages.
//!
//! It is the [`ResourceServer`] that an adopter would take, with its [`SetReceiver`] or [`StatusListReader`]. Only the wire
//! between it and the issuer is simulated: messages are carried when the sandbox's clock says so.

use std::{sync::Arc, time::Duration};

use actix_web::{App, HttpResponse, http::Method, test, web};
use rescind_api::{
    Authenticated, ResourceServer, ResourceServerSettings, RevocationCheck, SetReceiver, StatusListReader,
    extractor_problems,
};
use rescind_session::{
    AnchoredClock, Check, Device, Password, Position, Revocation,
    ports::{SessionStore, StoreClock, StoreError, Tail},
    token::{ClientId, LogMark, SecurityEvent, SecurityEventToken, StatusList},
};
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use crate::{
    answer::News,
    browser::plain_request,
    deciding::{Asked, Decided},
    raw::{ORIGIN, Reply, Request},
    server::{AUDIENCE, Hardware, Server, carry, on_its_way},
    trace::{Exchange, Outcome, Recorder, Who},
};

/// Where it is; it does not exist either.
const HOST: &str = "shop.example";
const SOMEBODY: (&str, &str) = ("bob", "battery staple correct horse");
const EVENTS: &str = "https://shop.example/events";
/// How long a pushed event is on its way. In production it takes milliseconds; a learner has to be able to act in between.
const PUSH_TAKES: Duration = Duration::from_secs(2);
/// How often it reads the list, which is the list's `ttl`; and how often it hears that nothing happened.
const EVERY: u64 = 10;
/// How long it has listened when the story begins. It would not trust a token from before its first event.
pub(crate) const LISTENED: Duration = Duration::from_secs(EVERY);

/// What it knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// How many ended sessions it knows of.
    pub ended: u64,
    /// When it is going to learn of the session that has ended meanwhile.
    pub due: Option<Duration>,
}

pub(crate) struct Elsewhere {
    news: News,
    resource: ResourceServer,
    receiver: SetReceiver,
    lists: StatusListReader,
    /// The address of the list that tokens name.
    uri: String,
    /// How much of the issuer's log it knows.
    position: Position,
    heard: Heard,
}

impl Elsewhere {
    pub(crate) async fn start(hardware: &Hardware, issuer: &Server, news: News) -> anyhow::Result<Self> {
        let clock = AnchoredClock::new(hardware.machine.clone());
        // Without a database's clock to compare with this cannot fail.
        let _ = clock.anchor(StoreClock::default());
        let mut settings = ResourceServerSettings::new(ORIGIN, AUDIENCE);
        settings.clock = Arc::new(clock);
        settings.token_cache = 0;
        let (receiver, lists) = (SetReceiver::new(EVENTS), StatusListReader::new());
        let check = match news {
            News::Event => RevocationCheck::SecurityEvents(receiver.clone()),
            News::List => RevocationCheck::StatusLists(lists.clone()),
        };
        let uri = match news {
            News::Event => None,
            News::List => {
                // The list exists since somebody else has logged in.
                let (name, password) = SOMEBODY;
                issuer.sign_up(name, password).await?;
                let (password, client) = (Password::new(password), ClientId::first_party());
                let issued = issuer.service().log_in(name, &password, client, Device::default());
                StatusListReader::uri(&issued.await?.claims)
            }
        };
        let published = Recorder::start(
            Who::Service,
            Asked::Other,
            plain_request(Method::GET, "/.well-known/jwks.json"),
        );
        let jwks = issuer.answer(&published).await.body;
        Ok(Self {
            resource: ResourceServer::with_jwks(settings, &jwks, check)?,
            uri: uri.unwrap_or_default(),
            news,
            receiver,
            lists,
            position: Position::START,
            heard: Heard::default(),
        })
    }

    pub(crate) fn heard(&self) -> &Heard {
        &self.heard
    }

    /// Its approximate size in memory.
    pub(crate) fn bytes(&self) -> usize {
        let list = match self.news {
            News::Event => 0,
            News::List => StatusList::LONGEST,
        };
        size_of::<Self>() + list
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: &Request) -> Reply {
        let app = App::new()
            .configure(extractor_problems)
            .app_data(web::Data::new(self.resource.clone()))
            .route("/api/me", web::get().to(me))
            .route("/events", self.receiver.route(&self.resource));
        let app = test::init_service(app).await;
        carry(&app, on_its_way(request).to_request())
            .with_subscriber(NoSubscriber::default())
            .await
    }

    /// A request of somebody's.
    pub(crate) async fn asked(&self, recorder: Recorder) -> Exchange {
        let reply = self.answer(&recorder.request).await;
        let mut exchange = recorder.end(Some(reply), Some(Check::Nothing));
        exchange.elsewhere = true;
        let passes = exchange.decided == Decided::Expiry && exchange.code() != Some("token_expired");
        if exchange.who == Who::Issuer {
            exchange.decided = Decided::Signature;
        } else if passes || exchange.outcome == Outcome::CannotTell {
            exchange.decided = Decided::News;
        }
        exchange
    }

    /// Notes that the issuer's log has grown: the message is on its way now.
    pub(crate) async fn notice(&mut self, hardware: &Hardware, now: Duration) {
        let grown = entries(hardware, self.position).await.is_ok_and(|new| !new.is_empty());
        if grown && self.heard.due.is_none() {
            self.heard.due = Some(match self.news {
                News::Event => now.saturating_add(PUSH_TAKES),
                News::List => Duration::from_secs((now.as_secs() / EVERY + 1) * EVERY),
            });
        }
    }

    /// The instants at which something reaches it, until then.
    pub(crate) fn stops(&self, now: Duration, until: Duration) -> Vec<Duration> {
        // Of the regular ones only the last counts: nothing happens between them.
        let regular = Duration::from_secs(until.as_secs() / EVERY * EVERY);
        let due = self.heard.due;
        let mut stops = vec![regular];
        stops.extend(due);
        stops.retain(|at| now < *at && *at <= until && due.is_none_or(|due| due <= *at));
        stops.sort_unstable();
        stops.dedup();
        stops
    }

    /// Carries what there is to it, and returns what was new.
    pub(crate) async fn hear(&mut self, hardware: &Hardware, issuer: &Server) -> Vec<Exchange> {
        // Without an answer of the issuer's it is tried again the next time.
        let Ok(new) = entries(hardware, self.position).await else {
            return Vec::new();
        };
        let heard = match self.news {
            News::Event => self.push(hardware, issuer, &new).await,
            News::List => self.read(issuer).await,
        };
        let Ok(sent) = heard else { return Vec::new() };
        self.heard.due = None;
        let Some(last) = new.last() else { return Vec::new() };
        self.position = last.position;
        self.heard.ended += new.len() as u64;
        sent
    }

    /// The issuer sends its events, or that there are none.
    async fn push(&self, hardware: &Hardware, issuer: &Server, new: &[Revocation]) -> anyhow::Result<Vec<Exchange>> {
        // Not the log's positions: here the log is pruned also of what was not delivered, and the service would see a gap.
        // The pruned entries concern only tokens that have expired.
        let mut position = self.heard.ended;
        let head = position + new.len() as u64;
        let log = hardware.sessions.log().await?.as_uuid();
        let service = issuer.service();
        let mut sent = Vec::new();
        let events = new.iter().map(Revocation::to_event);
        for event in events.chain([SecurityEvent::Verification]) {
            position = head.min(position + 1);
            let mark = LogMark {
                id: log,
                position,
                head,
            };
            let now = service.now()?;
            let event = SecurityEventToken::new(ORIGIN, EVENTS, now, mark, event);
            let signed = service.keys().ring.sign_security_event(&event);
            let request = to_the_service(Method::POST, "/events").with_body("application/secevent+jwt", signed?);
            sent.push(self.asked(Recorder::start(Who::Issuer, Asked::Other, request)).await);
        }
        if sent.iter().any(|exchange| exchange.outcome != Outcome::Accepted) {
            anyhow::bail!("the service refuses an event");
        }
        // Every ten seconds a verification: too many to show.
        sent.pop();
        Ok(sent)
    }

    /// It reads the issuer's list.
    async fn read(&self, issuer: &Server) -> anyhow::Result<Vec<Exchange>> {
        let path = self.uri.strip_prefix(ORIGIN).unwrap_or_default().to_owned();
        let request = plain_request(Method::GET, path);
        let recorder = Recorder::start(Who::Service, Asked::Other, request);
        let reply = issuer.answer(&recorder).await;
        self.lists.take(&self.resource, &self.uri, &reply.body).await??;
        Ok(vec![recorder.end(Some(reply), Some(Check::Nothing))])
    }
}

/// The headers of a request to the service, from no browser.
pub(crate) fn to_the_service(method: Method, path: &'static str) -> Request {
    Request::new(method, path, false).with_header("Host", HOST)
}

/// The issuer's log after this position.
async fn entries(hardware: &Hardware, after: Position) -> Result<Vec<Revocation>, StoreError> {
    match hardware.sessions.revocations_after(after, u32::MAX).await? {
        Tail::Entries(entries) => Ok(entries),
        // Everything that is kept is later than the position.
        Tail::StartOver => match hardware.sessions.revocations_after(Position::START, u32::MAX).await? {
            Tail::Entries(entries) => Ok(entries),
            Tail::StartOver => Ok(Vec::new()),
        },
    }
}

async fn me(caller: Authenticated) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "user_id": caller.claims().subject }))
}
