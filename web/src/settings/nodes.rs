//! This node among others.

use url::Url;

use super::{Demo, Faults, Given, Setting, listening::origin};

/// What this node is called, and where the demo finds the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Nodes {
    /// Told by every answer, in `X-Rescind-Node`.
    pub(crate) name: Option<String>,
    /// Where the demo's thief tries the same token. Nothing else asks: nodes know each other by their stores alone.
    pub(crate) demo_peers: Vec<Url>,
}

impl Nodes {
    const LONGEST_NAME: usize = 32;
    const MOST_PEERS: usize = 8;

    pub(super) fn judge(given: &Given, demo: Demo, faults: &mut Faults) -> Self {
        let must = "must be a name of at most 32 letters, digits, dots, dashes and underscores";
        let name = faults.parsed_by(Setting::new("RESCIND_NODE", &given.node), must, name);
        let setting = Setting::new("RESCIND_DEMO_PEERS", &given.demo_peers);
        let must = "must be at most 8 addresses of other nodes with commas between them, each http:// or https://, a host and \
                    perhaps a port: http://127.0.0.1:8082,http://127.0.0.1:8083";
        let demo_peers = faults.parsed_by(setting, must, peers).unwrap_or_default();
        if setting.is_given() && !demo.is_on() {
            faults.add(
                setting.variable,
                "must not be set where the demo is off (RESCIND_DEMO): there is no thief to try a token at other nodes",
            );
        }
        Self { name, demo_peers }
    }
}

pub(super) fn name(text: &str) -> Result<String, ()> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.len() <= Nodes::LONGEST_NAME && text.chars().all(is_name) {
        Ok(text.to_owned())
    } else {
        Err(())
    }
}

fn peers(text: &str) -> Result<Vec<Url>, ()> {
    let peers: Vec<_> = text
        .split(',')
        .map(|peer| origin(peer.trim()))
        .collect::<Result<_, _>>()?;
    if peers.len() <= Nodes::MOST_PEERS {
        Ok(peers)
    } else {
        Err(())
    }
}
