//! A run, from the login to its end.

use std::time::Duration;

use rand::rngs::StdRng;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use super::{
    ACCESS_TTL, FirstReply, Link, PATIENCE, Party, Race, RaceSetup, RefreshAttempt, RefreshResult, Swap,
    held::{Held, RefreshReply, Tokens},
    naive::Naive,
    real::Real,
};
use crate::meter;

impl Race {
    /// Runs it. Apart from the signing key, `rng` is the only randomness. It logs nothing: simulated robberies do not
    /// belong in the program's log.
    ///
    /// # Errors
    /// It cannot be run, which is not the visitor's fault.
    pub async fn run(setup: RaceSetup, rng: StdRng) -> anyhow::Result<Self> {
        Box::pin(Self::play(setup, rng))
            .with_subscriber(NoSubscriber::default())
            .await
    }

    async fn play(setup: RaceSetup, mut rng: StdRng) -> anyhow::Result<Self> {
        let (server, tokens) = match setup.swap {
            Swap::CompareAndSwap => {
                let (real, tokens) = Real::log_in(setup.grace, &mut rng).await?;
                (Server::Real(Box::new(real)), tokens)
            }
            Swap::ReadThenWrite => {
                let (naive, tokens) = Naive::log_in(setup.grace, ACCESS_TTL, rng);
                (Server::Naive(Box::new(naive)), tokens)
            }
        };
        let mut story = RaceInProgress {
            setup,
            server,
            issued: vec![tokens.refresh.clone()],
            chain: vec![Link {
                parent: None,
                generation: 0,
            }],
            attempts: Vec::new(),
            holds: [Some(tokens.clone()), Some(tokens)],
        };
        story.play().await?;
        story.ended().await
    }
}

/// A run in progress.
struct RaceInProgress {
    setup: RaceSetup,
    server: Server,
    /// The tokens of `chain`. They never leave the run.
    issued: Vec<String>,
    chain: Vec<Link>,
    attempts: Vec<RefreshAttempt>,
    /// What each party holds; `None` after a refusal.
    holds: [Option<Tokens>; 2],
}

impl RaceInProgress {
    async fn play(&mut self) -> anyhow::Result<()> {
        let RaceSetup { apart, reply, .. } = self.setup;
        let lost = reply == FirstReply::Lost;
        // Both refresh when the first access token has expired.
        if apart.is_zero() {
            self.both_at_once(lost).await?;
        } else {
            self.refresh(Party::First, ACCESS_TTL, !lost).await?;
        }
        let mut then = Vec::new();
        if lost {
            then.push((ACCESS_TTL + PATIENCE, Party::First));
        }
        if !apart.is_zero() {
            then.push((ACCESS_TTL + apart, Party::Second));
        }
        then.sort_by_key(|(at, _)| *at);
        for (at, who) in then {
            self.refresh(who, at, true).await?;
        }
        // Both refresh once more with their new tokens, equally far apart. The first party's access token expires
        // first, or at the same time.
        let again = ACCESS_TTL + ACCESS_TTL + if lost { PATIENCE } else { Duration::ZERO };
        self.refresh(Party::First, again, true).await?;
        self.refresh(Party::Second, again + apart, true).await
    }

    /// Two requests, both of which read before either writes.
    async fn both_at_once(&mut self, lost: bool) -> anyhow::Result<()> {
        let [Some(first), Some(second)] = &self.holds else {
            return Ok(());
        };
        let held = Held::two();
        let (first, second) = tokio::join!(
            self.server.refresh(&first.refresh, ACCESS_TTL, Some(&held[0])),
            self.server.refresh(&second.refresh, ACCESS_TTL, Some(&held[1])),
        );
        self.note(Party::First, ACCESS_TTL, !lost, first?);
        self.note(Party::Second, ACCESS_TTL, true, second?);
        Ok(())
    }

    async fn refresh(&mut self, who: Party, at: Duration, arrives: bool) -> anyhow::Result<()> {
        if let Some(tokens) = &self.holds[who.place()] {
            let answer = self.server.refresh(&tokens.refresh, at, None).await?;
            self.note(who, at, arrives, answer);
        }
        Ok(())
    }

    fn note(&mut self, who: Party, at: Duration, arrived: bool, answer: RefreshReply) {
        let holds = &mut self.holds[who.place()];
        let Some(presented) = holds
            .as_ref()
            .and_then(|tokens| self.issued.iter().position(|issued| *issued == tokens.refresh))
        else {
            return;
        };
        let result = match answer {
            RefreshReply::Given(tokens) => {
                let known = self.issued.iter().position(|issued| *issued == tokens.refresh);
                let token = known.unwrap_or_else(|| {
                    self.issued.push(tokens.refresh.clone());
                    self.chain.push(Link {
                        parent: Some(presented),
                        generation: self.chain.get(presented).map_or(0, |link| link.generation) + 1,
                    });
                    self.issued.len() - 1
                });
                if arrived {
                    *holds = Some(tokens);
                }
                RefreshResult::Given {
                    token,
                    again: known.is_some(),
                    arrived,
                }
            }
            // After a 401 a client asks for the password; the run ends there.
            RefreshReply::Reused => {
                *holds = None;
                RefreshResult::Reused
            }
            RefreshReply::Closed => {
                *holds = None;
                RefreshResult::Closed
            }
        };
        self.attempts.push(RefreshAttempt {
            at,
            who,
            presented,
            result,
        });
    }

    async fn ended(self) -> anyhow::Result<Race> {
        let ended = self.attempts.last().map_or(Duration::ZERO, |last| last.at);
        let mut inside = [false; 2];
        for (inside, tokens) in inside.iter_mut().zip(&self.holds) {
            if let Some(tokens) = tokens {
                *inside = self.server.accepts(&tokens.access, ended).await;
            }
        }
        Ok(Race {
            rotations: match &self.server {
                Server::Real(real) => real.swaps(meter::StoreReply::Done),
                // It writes unconditionally.
                Server::Naive(_) => self.chain.len() - 1,
            },
            turned_down: match &self.server {
                Server::Real(real) => real.swaps(meter::StoreReply::TooLate),
                Server::Naive(_) => 0,
            },
            open: match &self.server {
                Server::Real(real) => real.is_open().await?,
                Server::Naive(naive) => naive.is_open(),
            },
            setup: self.setup,
            chain: self.chain,
            attempts: self.attempts,
            inside,
            ended,
        })
    }
}

enum Server {
    Real(Box<Real>),
    Naive(Box<Naive>),
}

impl Server {
    async fn refresh(&self, token: &str, at: Duration, held: Option<&Held>) -> anyhow::Result<RefreshReply> {
        match self {
            Self::Real(real) => real.refresh(token, at, held).await,
            Self::Naive(naive) => Ok(naive.refresh(token, at, held).await),
        }
    }

    async fn accepts(&self, access: &str, at: Duration) -> bool {
        match self {
            Self::Real(real) => real.service.authenticate(access).await.is_ok(),
            Self::Naive(naive) => naive.accepts(access, at),
        }
    }
}
