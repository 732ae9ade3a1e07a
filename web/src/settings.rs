//! The demo's own settings, beside those of its node ([`rescind_server::settings`]).
//!
//! | setting | default | meaning |
//! | --- | --- | --- |
//! | `RESCIND_DEMO_PEERS` | none | where the demo's thief finds the other nodes: their addresses, with commas between them |
//! | `RESCIND_DEMO` | on if bind and public URL (plain http) are loopback | `on`, `off`, or `public` where others come in |

use std::ffi::OsString;

use clap::{Args, Parser};
use rescind_server::settings::{Additions, Faults, Listening, Setting, Settings, origin};
use rescind_session::DemoAccounts;
use url::Url;

/// JSON Web Tokens that can be taken back: a demo that logs in, refreshes, logs out, and refuses the stolen token.
///
/// Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "rescind", version)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) node: rescind_server::CommandLine,

    #[command(flatten)]
    own: Given,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
struct Given {
    /// Where the demo's thief finds the other nodes, to try a stolen token there too. [default: none]
    #[arg(
        long,
        global = true,
        env = "RESCIND_DEMO_PEERS",
        hide_env_values = true,
        value_name = "URLS"
    )]
    demo_peers: Option<OsString>,
    /// on, off or public: demo accounts, and tokens shown on pages. [default: on if bind and public URL (plain http) are loopback, else off]
    #[arg(
        long,
        global = true,
        env = "RESCIND_DEMO",
        hide_env_values = true,
        value_name = "MODE"
    )]
    demo: Option<OsString>,
}

const MOST_PEERS: usize = 8;

/// Whether the demo is on: accounts with public passwords, and tokens in full on the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demo {
    On,
    /// Demo accounts are refused, and no page shows a token.
    Off,
}

impl CommandLine {
    /// The settings of the node, whether the demo is on, and the other nodes at which its thief tries the same token. Nodes
    /// otherwise communicate only through their stores.
    ///
    /// # Errors
    /// Every wrong setting.
    pub(crate) fn judge(&self) -> Result<(Settings, (Demo, Vec<Url>)), Faults> {
        Settings::judge_with(&self.node.given, |listening, faults| {
            let demo = Demo::judge(&self.own, listening, faults);
            let additions = Additions::default().variables(&["RESCIND_DEMO", "RESCIND_DEMO_PEERS"]);
            (additions, (demo, peers(&self.own, demo, faults)))
        })
    }
}

impl Demo {
    fn judge(given: &Given, listening: &Listening, faults: &mut Faults) -> Self {
        let setting = Setting::new("RESCIND_DEMO", &given.demo);
        match faults.text(setting) {
            None if listening.is_local() => Self::On,
            None | Some("off") => Self::Off,
            Some("public") => Self::On,
            Some("on") if listening.is_local() => Self::On,
            Some("on") => {
                faults.add(
                    setting.variable,
                    "must not be `on` where others may come in (RESCIND_BIND or RESCIND_PUBLIC_URL is not loopback, or the \
                     URL is https): everybody knows the demo's passwords; `public` says that this is meant",
                );
                Self::Off
            }
            Some(_) => {
                faults.add(setting.variable, "must be on, off or public");
                Self::Off
            }
        }
    }

    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }

    pub(crate) fn accounts(self) -> DemoAccounts {
        match self {
            Self::On => DemoAccounts::Allowed,
            Self::Off => DemoAccounts::Refused,
        }
    }
}

fn peers(given: &Given, demo: Demo, faults: &mut Faults) -> Vec<Url> {
    let setting = Setting::new("RESCIND_DEMO_PEERS", &given.demo_peers);
    let must = "must be at most 8 addresses of other nodes with commas between them, each http:// or https://, a host and \
                perhaps a port: http://127.0.0.1:8082,http://127.0.0.1:8083";
    let read = |text: &str| {
        let peers: Option<Vec<_>> = text.split(',').map(|peer| origin(peer.trim())).collect();
        peers.filter(|peers| peers.len() <= MOST_PEERS).ok_or(())
    };
    let peers = faults.parsed_by(setting, must, read).unwrap_or_default();
    let must = "must not be set where the demo is off (RESCIND_DEMO): there is no thief to try a token at other nodes";
    faults.require(!setting.is_given() || demo.is_on(), setting.variable, must);
    peers
}
