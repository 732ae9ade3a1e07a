//! The same token, at every node: a row a node, and what to make of it.

use std::time::Duration;

use rescind_session::Check;

use super::{
    heist::{Heist, Tried, Verdict},
    log::milliseconds,
    screen::Scene,
};
use crate::stores::Stores;

/// The strip. It is there where other nodes are known of, and the token was tried.
pub(crate) struct NodesView {
    pub(crate) lead: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// One node.
pub(crate) struct Row {
    pub(crate) name: String,
    /// Whether it is the one that drew the page.
    pub(crate) own: bool,
    pub(crate) verdict: Verdict,
    pub(crate) took: String,
}

impl NodesView {
    pub(crate) fn of(scene: &Scene, stores: &Stores) -> Option<Self> {
        let heist = scene.heist?;
        let tried = heist.doors().filter(|tried| !tried.elsewhere.is_empty())?;
        let row = |name: String, own, verdict: &Verdict, took: Duration| Row {
            name,
            own,
            verdict: verdict.clone(),
            took: milliseconds(took),
        };
        let own = match &stores.node {
            Some(node) => format!("Node {node}"),
            None => "This node".to_owned(),
        };
        let mut rows = vec![(stores.node.as_deref(), row(own, true, &tried.asking, tried.took))];
        rows.extend(tried.elsewhere.iter().map(|at| {
            let name = format!("Node {}", at.name());
            (at.node.as_deref(), row(name, false, &at.verdict, at.took))
        }));
        // By name, so that a node stands where it stood, whichever draws the page; who told no name comes last.
        rows.sort_by_key(|(name, _)| (name.is_none(), *name));
        Some(Self {
            lead: lead(heist, tried, scene.rescind.service().policy().check),
            rows: rows.into_iter().map(|(_, row)| row).collect(),
        })
    }
}

fn lead(heist: &Heist, tried: &Tried, check: Check) -> &'static str {
    let ended = heist.ended_at();
    let after_the_end = ended.is_some_and(|ended| tried.at >= ended);
    let verdicts = tried.elsewhere.iter().map(|at| &at.verdict).chain([&tried.asking]);
    let all = |is: fn(&Verdict) -> bool| verdicts.clone().all(is);
    if !all(|verdict| *verdict != Verdict::NoAnswer) {
        return "A node that does not answer lets nobody in. The others go on.";
    }
    if ended.is_some() && !after_the_end {
        return "That was before the session ended. Let the thief try again.";
    }
    match (after_the_end, check) {
        (false, _) if all(is_in) => {
            "It is as good at one node as at the others: they share their keys. Log out at this one, and see."
        }
        (true, Check::Blacklist) if all(is_revoked) => {
            "The logout was told to one node. All of them refuse the token, since all ask one blacklist."
        }
        (true, Check::Session) if all(is_revoked) => {
            "The logout was told to one node. All of them refuse the token, since all look into one database."
        }
        (true, Check::Nothing) if all(is_in) => {
            "Under the policy in force no node asks whether a token was taken back."
        }
        _ => "What each of them says stands beside it.",
    }
}

fn is_in(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Accepted { .. })
}

fn is_revoked(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Refused { code, .. } if code == "token_revoked")
}
