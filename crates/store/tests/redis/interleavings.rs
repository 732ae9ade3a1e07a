//! In every order of faults, a session whose revocation was acknowledged is never `Clear`.
//!
//! Two nodes, one Redis. The nodes log out, claim, fill page by page and complete, each at its own pace; the server is
//! flushed, restarted empty, saved and restored. A seed decides the order; a failure prints it with the last steps.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rescind_session::{
    Revocation,
    ports::{Blacklist, ClaimOutcome, RebuildClaim, RebuildStep, RevocationStatus},
    token::SessionId,
};
use rescind_store::RedisBlacklist;
use rescind_testkit::{RedisServer, RedisSnapshot, Tool, needs, rounds};

use super::fixture::{Log, new_session, new_token, node};

struct Node {
    blacklist: RedisBlacklist,
    /// The claim that it fills, and how far it has read.
    filling: Option<(RebuildClaim, usize)>,
}

struct World {
    seed: u64,
    server: RedisServer,
    nodes: [Node; 2],
    log: Log,
    acknowledged: Vec<SessionId>,
    snapshot: Option<RedisSnapshot>,
    story: Vec<String>,
    /// How often a copy was complete again: a test in which that never happens proves nothing.
    completed: u32,
    cleared: u32,
}

impl World {
    async fn step(&mut self, rng: &mut StdRng) {
        let which = rng.random_range(0..2_usize);
        let dice = rng.random_range(0..100);
        match dice {
            0..15 => self.logs_out(which).await,
            15..18 => drop(self.log.append()),
            18..21 => {
                self.tell("flush", which);
                self.server.flush_all().await;
            }
            21..22 => {
                self.tell("restart empty", which);
                self.server.restart_empty().await;
            }
            22..25 => {
                self.tell("save", which);
                self.snapshot = Some(self.server.save_snapshot().await);
            }
            25..26 => {
                if let Some(snapshot) = self.snapshot.take() {
                    self.tell("restore", which);
                    self.server.restart_from(&snapshot).await;
                }
            }
            26..27 => {
                // As when the filler was silent for too long.
                self.tell("the claim lapses", which);
                self.server.command(&["DEL", "{test}:filling"]).await;
            }
            27..50 => self.claims(which).await,
            _ => self.goes_on(which).await,
        }
    }

    fn tell(&mut self, what: &str, which: usize) {
        self.story.push(format!("{which}: {what}"));
    }

    async fn logs_out(&mut self, which: usize) {
        let (session, entry) = self.log.append();
        let told = self.nodes[which].blacklist.insert(&[entry]).await;
        self.tell(&format!("logout, {told:?}"), which);
        if told.is_ok() {
            self.acknowledged.push(session);
        }
    }

    async fn claims(&mut self, which: usize) {
        let claim = self.log.claim();
        let copied = self.nodes[which].blacklist.claim(claim).await;
        self.tell(&format!("claim, {copied:?}"), which);
        match copied {
            Ok(ClaimOutcome::Granted) => self.nodes[which].filling = Some((claim, 0)),
            Ok(ClaimOutcome::CompleteTo(place)) => {
                let went_on = self.log.advance_from(&self.nodes[which].blacklist, claim, place).await;
                self.tell(&format!("goes on, {went_on:?}"), which);
            }
            _ => {}
        }
    }

    /// Reads a page and fills it in, or completes at the end of the log.
    async fn goes_on(&mut self, which: usize) {
        let Some((claim, read)) = self.nodes[which].filling else {
            return;
        };
        let page: Vec<Revocation> = self.log.entries[read..].iter().take(40).cloned().collect();
        let blacklist = &self.nodes[which].blacklist;
        let (filling, what) = if page.is_empty() {
            (blacklist.complete(claim).await, "complete")
        } else {
            (blacklist.fill(claim, &page).await, "fill")
        };
        self.tell(&format!("{what}, {filling:?}"), which);
        self.nodes[which].filling = match filling {
            Ok(RebuildStep::Accepted) if what == "fill" => Some((claim, read + page.len())),
            Ok(RebuildStep::Accepted) => {
                self.completed += 1;
                None
            }
            _ => None,
        };
    }

    async fn nobody_passes(&mut self, rng: &mut StdRng) {
        for which in 0..2 {
            let blacklist = &self.nodes[which].blacklist;
            let mut suspects: Vec<_> = self.acknowledged.iter().rev().take(2).copied().collect();
            if !self.acknowledged.is_empty() {
                suspects.push(self.acknowledged[rng.random_range(0..self.acknowledged.len())]);
            }
            for session in suspects {
                if let Ok(RevocationStatus::NotRevoked) = blacklist.check(new_token(), session).await {
                    let story = self.story[self.story.len().saturating_sub(60)..].join("\n");
                    panic!(
                        "{session:?} was revoked, and node {which} accepts it; seed {}:\n{story}",
                        self.seed
                    );
                }
            }
            if let Ok(RevocationStatus::NotRevoked) = blacklist.check(new_token(), new_session()).await {
                self.cleared += 1;
            }
        }
    }
}

async fn play(seed: u64, steps: u32) {
    let server = RedisServer::start().await;
    let a_node = async || Node {
        blacklist: node(&server.url()).await,
        filling: None,
    };
    let nodes = [a_node().await, a_node().await];
    let mut world = World {
        seed,
        server,
        nodes,
        log: Log::new(),
        acknowledged: Vec::new(),
        snapshot: None,
        story: Vec::new(),
        completed: 0,
        cleared: 0,
    };
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..steps {
        world.step(&mut rng).await;
        world.nobody_passes(&mut rng).await;
    }
    assert!(
        world.completed > 3 && world.cleared > 20,
        "{} {}: no session was accepted, which proves nothing",
        world.completed,
        world.cleared
    );
    world.server.flush_all().await;
    world.log.rebuild(&world.nodes[0].blacklist).await;
}

#[tokio::test]
async fn random_faults_and_interleavings_accept_no_revoked_session() {
    let Some(_) = needs(Tool::Redis) else { return };
    for seed in 0..u64::from(rounds(2, 10)) {
        play(seed, rounds(400, 1500)).await;
    }
}
