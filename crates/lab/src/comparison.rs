//! One story under every answer: you log in, a thief copies something, you log out. How long is the thief inside?
//!
//! The results are measured, not computed. Each answer gets a new [`Sandbox`]; you and the thief send real requests in
//! it, at every time at which something can change, and a second before and after; the server's replies are the result.
//! Between two such times nothing changes, so a result holds until the next one.
//!
//! The story, to the second:
//!
//! 1. You log in at 0 and are busy all the time: you call the API at 0, whenever your access token (or plain session) has
//!    just expired, at the theft, and just before you log out. Where there are refresh tokens, an expired access token is
//!    refreshed. If you turn out to be logged out, you are *thrown out*: counted, and you log in again at once.
//! 2. At the theft the thief copies what your browser holds then.
//! 3. They never stop trying. A stolen refresh token is exchanged at once, and its successors whenever the thief's newest
//!    access token expires, after your own requests of that moment.
//! 4. You log out, and do nothing more.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_session::{Preset, Refresh};

use crate::{
    answer::Answer,
    bytes,
    meter::{Access, Store},
    sandbox::{Sandbox, Setup},
    snapshot::Loot,
    trace::{Exchange, Outcome, Who},
};

/// The shortest lifetime of a token.
pub const SHORTEST: Duration = Duration::from_secs(30);
/// The longest lifetime, and the latest logout.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How many token lifetimes may pass before the logout: this bounds a run.
pub const MOST_LIVES: u32 = 60;
pub const LONGEST_GRACE: Duration = Duration::from_secs(30);
const A_SECOND: Duration = Duration::from_secs(1);
/// More than any valid scenario has: a bug here must not run for ever.
const MOST_MOMENTS: usize = 2_000;

/// What the thief copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Stolen {
    /// The access token; under plain sessions, the session cookie.
    Access,
    /// The refresh token, where there is one.
    Refresh,
    /// All that exists.
    Both,
}

impl Stolen {
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The name in addresses.
    #[must_use]
    pub fn slug(self) -> &'static str {
        self.into()
    }
}

/// Lifetimes and times, counted from your login, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scenario {
    /// The lifetime of an access token under the answers with short ones.
    pub short: Duration,
    /// Its lifetime under the others; also a plain session's.
    pub long: Duration,
    /// The grace for the previous refresh token.
    pub grace: Duration,
    pub stolen: Stolen,
    pub theft: Duration,
    pub logout: Duration,
}

impl Default for Scenario {
    /// Robbed after six minutes, logged out after eight, with the program's default lifetimes: so the stolen short
    /// token is still valid at the logout.
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            short: minutes(5),
            long: minutes(12 * 60),
            grace: Duration::from_secs(10),
            stolen: Stolen::Access,
            theft: minutes(6),
            logout: minutes(8),
        }
    }
}

/// An error in a scenario, to be read after the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    #[error("must be whole seconds, from 30s to 24h")]
    Short,
    #[error("must be whole seconds, from 30s to 24h, and not less than the short lifetime")]
    Long,
    #[error("must be whole seconds, at most 30s")]
    Grace,
    #[error("must be whole seconds, and before the logout")]
    Theft,
    #[error("must be whole seconds, at most 24h, and at most sixty lives of a short token")]
    Logout,
}

impl Scenario {
    #[must_use]
    pub fn errors(&self) -> Vec<ScenarioError> {
        let whole = |time: Duration| time.subsec_nanos() == 0;
        let life = |life: Duration| whole(life) && (SHORTEST..=LONGEST).contains(&life);
        let most = self.short.max(SHORTEST).saturating_mul(MOST_LIVES).min(LONGEST);
        [
            (life(self.short), ScenarioError::Short),
            (life(self.long) && self.long >= self.short, ScenarioError::Long),
            (whole(self.grace) && self.grace <= LONGEST_GRACE, ScenarioError::Grace),
            (whole(self.theft) && self.theft < self.logout, ScenarioError::Theft),
            (whole(self.logout) && self.logout <= most, ScenarioError::Logout),
        ]
        .into_iter()
        .filter_map(|(fine, error)| (!fine).then_some(error))
        .collect()
    }

    fn setup(&self, answer: Answer, started: Timestamp) -> Setup {
        let mut setup = Setup::new(answer, started);
        setup.policy.access_ttl = match answer {
            Answer::Tokens(Preset::Stored | Preset::ClientDelete) | Answer::Sessions => self.long,
            Answer::Tokens(_) | Answer::Elsewhere(_) => self.short,
        };
        if let Some(refresh) = setup.policy.refresh {
            setup.policy.refresh = Some(Refresh {
                grace: self.grace,
                ..refresh
            });
        }
        setup.session_life = self.long;
        setup
    }

    /// Extra times at which the thief tries, for the picture.
    fn ticks(&self) -> BTreeSet<Duration> {
        let between = |from: Duration, to: Duration, parts: u32| {
            let step = to.saturating_sub(from) / parts;
            (1..parts).map(move |n| from + whole(step * n))
        };
        let last = self.theft + self.long;
        between(self.theft, self.logout, 4)
            .chain([self.logout + A_SECOND])
            .chain(between(self.logout, self.theft + self.short, 3))
            .chain(between(self.logout, last, 4))
            .collect()
    }
}

fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

/// The result under one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    pub answer: Answer,
    /// What happened, in order.
    pub marks: Vec<Mark>,
    /// Every try of the thief with an access token, and whether it was accepted.
    pub replays: Vec<Replay>,
    /// The intervals in which the thief was inside: first second, and first second after.
    pub inside: Vec<(Duration, Duration)>,
    /// How often you were thrown out before your logout.
    pub thrown_out: u32,
    pub costs: Costs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub at: Duration,
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    LogIn,
    Refresh,
    /// You were thrown out, and logged in again.
    ThrownOut,
    Theft,
    /// There was no such token to copy.
    NothingToSteal,
    /// The thief exchanged the stolen refresh token.
    ThiefRefreshes,
    /// The thief tried to exchange it, and was refused.
    ThiefRefused,
    LogOut,
    /// The token in the thief's hands expired.
    Expiry,
}

/// One try of the thief.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    pub at: Duration,
    pub accepted: bool,
}

/// The measured cost of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Costs {
    /// How many of your calls were accepted.
    pub calls: u32,
    /// How often the database was read to decide them. The lookup of the user's name for the reply happens under every
    /// answer, and is not counted.
    pub database_reads: u32,
    /// How often the blacklist was checked for them.
    pub blacklist_reads: u32,
    /// How many signatures were checked for them.
    pub signature_checks: u32,
    /// How many messages were pushed to another service, because sessions had ended.
    pub pushed: u32,
    /// The size of your data in all stores just before your logout, in bytes.
    pub bytes_before: usize,
    /// The same just after.
    pub bytes_after: usize,
}

impl Lane {
    /// Whether the thief found no such token: then the lane says nothing about its answer.
    #[must_use]
    pub fn nothing_stolen(&self) -> bool {
        self.marks.iter().any(|mark| mark.what == What::NothingToSteal)
    }

    /// For how many seconds the thief was inside.
    #[must_use]
    pub fn seconds_inside(&self) -> u64 {
        self.inside.iter().map(|(from, to)| (*to - *from).as_secs()).sum()
    }

    /// For how many seconds after the logout.
    #[must_use]
    pub fn seconds_inside_after(&self, logout: Duration) -> u64 {
        self.inside
            .iter()
            .map(|(from, to)| to.saturating_sub(logout.max(*from)).as_secs())
            .sum()
    }
}

/// Plays the story under all answers.
///
/// # Errors
/// The scenario contradicts itself, or the story cannot be played.
pub async fn compare(scenario: &Scenario, started: Timestamp, rng: &mut StdRng) -> anyhow::Result<Vec<Lane>> {
    if let Some(error) = scenario.errors().first() {
        return Err((*error).into());
    }
    let mut lanes = Vec::with_capacity(Answer::ALL.len());
    for answer in Answer::ALL {
        let sandbox = Sandbox::open(scenario.setup(answer, started), rng.fork()).await?;
        lanes.push(Play::new(scenario, sandbox).play().await?);
    }
    Ok(lanes)
}

/// The story in progress.
struct Play<'a> {
    scenario: &'a Scenario,
    sandbox: Sandbox,
    ticks: BTreeSet<Duration>,
    /// When your token or session expires; `None` after your logout.
    yours_until: Option<Duration>,
    /// When the thief's token or session expires.
    thiefs_until: Option<Duration>,
    /// The verdict, and since when it holds.
    verdict: Option<(Duration, bool)>,
    lane: Lane,
}

impl<'a> Play<'a> {
    fn new(scenario: &'a Scenario, sandbox: Sandbox) -> Self {
        Self {
            ticks: scenario.ticks(),
            yours_until: None,
            thiefs_until: None,
            verdict: None,
            lane: Lane {
                answer: sandbox.setup().answer,
                marks: Vec::new(),
                replays: Vec::new(),
                inside: Vec::new(),
                thrown_out: 0,
                costs: Costs::default(),
            },
            scenario,
            sandbox,
        }
    }

    async fn play(mut self) -> anyhow::Result<Lane> {
        self.log_in(What::LogIn).await;
        self.call().await;
        self.thief_acts().await;
        for _ in 0..MOST_MOMENTS {
            let Some(next) = self.next_event() else {
                return Ok(self.lane);
            };
            // The second before, and the ticks on the way: only the thief tries then.
            let now = self.sandbox.now();
            let before = next.saturating_sub(A_SECOND);
            let quiet: BTreeSet<_> = self
                .ticks
                .iter()
                .copied()
                .chain([before])
                .filter(|tick| *tick > now && *tick < next && *tick > self.scenario.theft)
                .collect();
            for tick in quiet {
                self.pass_until(tick).await;
                self.replay().await;
            }
            self.pass_until(next).await;
            self.you_act().await;
            self.thief_acts().await;
        }
        anyhow::bail!("the story did not come to its end")
    }

    /// When something can change next.
    fn next_event(&self) -> Option<Duration> {
        let now = self.sandbox.now();
        let scenario = [self.scenario.theft, self.scenario.logout];
        // Ticks after the last event count too.
        let last_tick = self.ticks.last().copied();
        scenario
            .into_iter()
            .chain(self.yours_until)
            .chain(self.thiefs_until)
            .chain(self.sandbox.news_due())
            .filter(|at| *at > now)
            .min()
            .or(last_tick.filter(|at| *at > now))
    }

    async fn pass_until(&mut self, at: Duration) {
        let news = self.sandbox.pass(at.saturating_sub(self.sandbox.now())).await;
        let pushed = news.iter().filter(|message| message.who == Who::Issuer).count();
        self.lane.costs.pushed += u32::try_from(pushed).unwrap_or(u32::MAX);
    }

    fn mark(&mut self, what: What) {
        self.lane.marks.push(Mark {
            at: self.sandbox.now(),
            what,
        });
    }

    async fn you_act(&mut self) {
        let now = self.sandbox.now();
        if now > self.scenario.logout {
            return;
        }
        let is_due = self.yours_until.is_some_and(|until| now >= until);
        if is_due || now == self.scenario.theft || now == self.scenario.logout {
            self.call().await;
        }
        if now == self.scenario.logout {
            self.lane.costs.bytes_before = bytes::kept(&self.sandbox.snapshot().await);
            self.sandbox.log_out().await;
            self.lane.costs.bytes_after = bytes::kept(&self.sandbox.snapshot().await);
            self.yours_until = None;
            self.mark(What::LogOut);
        }
    }

    async fn log_in(&mut self, what: What) {
        self.sandbox.log_in().await;
        self.mark(what);
        self.yours_until = self.sandbox.yours_until();
    }

    async fn call(&mut self) {
        let exchanges = self.sandbox.call().await;
        if exchanges
            .iter()
            .any(|exchange| is_refresh(exchange) && exchange.outcome == Outcome::Accepted)
        {
            self.mark(What::Refresh);
            self.yours_until = self.sandbox.yours_until();
        }
        let last = exchanges.last();
        if let Some(accepted) = last.filter(|exchange| exchange.outcome == Outcome::Accepted) {
            self.count(accepted);
        } else {
            // At the time of the logout it does not count: you were about to leave.
            if self.sandbox.now() < self.scenario.logout {
                self.lane.thrown_out += 1;
            }
            self.log_in(What::ThrownOut).await;
        }
    }

    fn count(&mut self, call: &Exchange) {
        let reads = |store| u32::try_from(call.count(&[store], Access::Read)).unwrap_or(u32::MAX);
        let costs = &mut self.lane.costs;
        costs.calls += 1;
        costs.database_reads += reads(Store::Sessions);
        costs.blacklist_reads += reads(Store::Blacklist);
        costs.signature_checks += u32::try_from(call.signature_checks()).unwrap_or(u32::MAX);
    }

    async fn thief_acts(&mut self) {
        let now = self.sandbox.now();
        if now < self.scenario.theft {
            return;
        }
        let refreshes = if now == self.scenario.theft {
            self.steal();
            true
        } else {
            self.thiefs_until.is_some_and(|until| now >= until)
        };
        if self.thiefs_until.is_some_and(|until| now >= until) {
            self.mark(What::Expiry);
            self.thiefs_until = None;
        }
        if refreshes && let Some(exchange) = self.sandbox.thief_refreshes().await {
            if exchange.outcome == Outcome::Accepted {
                self.mark(What::ThiefRefreshes);
                self.thiefs_until = self.sandbox.thiefs_until();
            } else {
                // The session has ended, and no other try will succeed.
                self.mark(What::ThiefRefused);
                self.sandbox.drop_stolen_refresh();
            }
        }
        self.replay().await;
    }

    fn steal(&mut self) {
        let wants = self.scenario.stolen;
        let copy = |wanted: bool, token: Option<&str>| token.filter(|_| wanted).map(str::to_owned);
        let loot = Loot {
            access: copy(wants != Stolen::Refresh, self.sandbox.access()),
            refresh: copy(wants != Stolen::Access, self.sandbox.refresh_token()),
        };
        let is_nothing = loot == Loot::default();
        if loot.access.is_some() {
            self.thiefs_until = self.sandbox.yours_until();
        }
        self.sandbox.steal(loot);
        self.mark(if is_nothing { What::NothingToSteal } else { What::Theft });
    }

    /// The thief tries, and the interval since the last try is recorded.
    async fn replay(&mut self) {
        let now = self.sandbox.now();
        let Some(exchange) = self.sandbox.replay().await else {
            return;
        };
        let accepted = exchange.outcome == Outcome::Accepted;
        self.lane.replays.push(Replay { at: now, accepted });
        if let Some((since, true)) = self.verdict {
            match self.lane.inside.last_mut() {
                Some((_, to)) if *to == since => *to = now,
                _ => self.lane.inside.push((since, now)),
            }
        }
        self.verdict = Some((now, accepted));
    }
}

fn is_refresh(exchange: &Exchange) -> bool {
    exchange.request.path == "/api/refresh"
}
