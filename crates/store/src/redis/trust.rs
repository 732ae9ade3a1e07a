//! Which server this node trusts, as of its last look.
//!
//! A mark in Redis says "whole, of this log, under this life of this server". Two of the three must come from elsewhere, or
//! the mark would vouch for itself: the log from SQL, by way of [`claim`](rescind_session::ports::Blacklist::claim); the
//! server from the server.
//!
//! Every look also sees whether the server is still the one that the pooled connections were made to. If not, they are as
//! old as the world that they come from, and are not used again: a server that was demoted, refilled from another and
//! promoted again has kept its process, its connections and perhaps an old mark of its own.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What this node believes.
#[derive(Debug, Default)]
pub(super) struct Trust(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Connections of an earlier generation are not used again.
    generation: u64,
    faith: Option<Faith>,
}

#[derive(Debug, PartialEq, Eq)]
struct Faith {
    server: String,
    /// What the mark has to be.
    mark: String,
}

impl Trust {
    /// Of connections that are made now.
    pub(super) fn generation(&self) -> u64 {
        self.state().generation
    }

    /// A look found this server, and asked about that log. Returns the generation to which connections to it belong.
    pub(super) fn put_in(&self, log: &str, server: &str) -> u64 {
        let mut state = self.state();
        if state.faith.as_ref().is_some_and(|faith| faith.server != server) {
            tracing::warn!(
                "another Redis answers, or the same one in another life: its copy of the log has to prove itself"
            );
            state.generation += 1;
        }
        state.faith = Some(Faith {
            server: server.to_owned(),
            // As the scripts write it.
            mark: format!("{log} {server}"),
        });
        state.generation
    }

    /// Nothing that was learned counts any more.
    pub(super) fn lose(&self) {
        let mut state = self.state();
        state.faith = None;
        state.generation += 1;
    }

    /// The connections may be dead, or lead to a server that was demoted.
    pub(super) fn renew_connections(&self) {
        self.state().generation += 1;
    }

    /// Whether that mark, from that server, says that the copy is whole.
    pub(super) fn holds(&self, server: &str, mark: &str) -> bool {
        self.state()
            .faith
            .as_ref()
            .is_some_and(|faith| faith.server == server && faith.mark == mark)
    }

    /// Whether that server is the one that the last look found.
    pub(super) fn is_in(&self, server: &str) -> bool {
        self.state().faith.as_ref().is_some_and(|faith| faith.server == server)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can be left half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
