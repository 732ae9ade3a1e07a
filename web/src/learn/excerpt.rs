//! Excerpts of this repository's own source, for the chapters.
//!
//! They are embedded when the program is built, so that a chapter shows the code that runs. Comments mark them in mdBook's
//! form: `ANCHOR: name` before the piece, `ANCHOR_END: name` after it. A mark moves with the code around it.

use serde::Deserialize;

macro_rules! sources {
    ($($path:literal),+ $(,)?) => {
        [$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../", $path)))),+]
    };
}

/// The files with excerpts.
const SOURCES: [(&str, &str); 12] = sources![
    "crates/api/src/cookies.rs",
    "crates/api/src/resource_server/set_receiver.rs",
    "crates/api/src/security_headers.rs",
    "crates/lab/src/plain.rs",
    "crates/session/src/authenticate.rs",
    "crates/session/src/memory/blacklist.rs",
    "crates/session/src/memory/sessions.rs",
    "crates/session/src/service.rs",
    "crates/session/src/maintenance.rs",
    "crates/store/src/redis/mod.rs",
    "crates/token/src/refresh.rs",
    "crates/token/src/verifying_keys.rs",
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// Relative to the root of the repository.
    pub(crate) file: String,
    anchors: Vec<String>,
    /// The text on the pieces, with code between backticks.
    pub(crate) says: String,
}

pub(crate) struct Line {
    pub(crate) number: usize,
    /// Without the indentation of its piece.
    pub(crate) text: &'static str,
}

impl Line {
    pub(crate) fn is_comment(&self) -> bool {
        self.text.trim_start().starts_with("//")
    }
}

impl Source {
    /// Cuts the pieces out, line by line; `None`, if one of them is missing.
    pub(super) fn cut(&self) -> Option<Vec<Vec<Line>>> {
        let (_, source) = SOURCES.iter().find(|(path, _)| *path == self.file)?;
        self.anchors.iter().map(|anchor| piece(source, anchor)).collect()
    }
}

fn piece(source: &'static str, anchor: &str) -> Option<Vec<Line>> {
    let mark = |name: &str| {
        source
            .lines()
            .position(|line| line.trim() == format!("// {name}: {anchor}"))
    };
    let (begin, end) = (mark("ANCHOR")?, mark("ANCHOR_END")?);
    let lines = source.lines().zip(1..).take(end).skip(begin + 1);
    let lines = lines.filter(|(line, _)| !line.contains("// ANCHOR"));
    let depth = source.lines().nth(begin + 1)?.find(|letter| letter != ' ')?;
    let cut = |(line, number): (&'static str, usize)| Line {
        number,
        text: line.get(depth..).unwrap_or_default(),
    };
    Some(lines.map(cut).collect())
}
