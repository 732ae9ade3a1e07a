//! A chapter's prose, as HTML: with a card for each word of the glossary, and an anchor for each heading.

use std::fmt::Write;

use super::glossary::Term;

const LINK: &str = "<a href=\"/glossary#";

/// A heading, and its anchor.
pub(super) struct Heading {
    pub(super) title: String,
    pub(super) anchor: String,
}

/// Adds the explanation to each word that leads to the glossary. The style sheet shows it while the word is pointed at or
/// has the focus. The texts of the glossary have no markup.
pub(super) fn with_cards(html: &str, name: &str) -> String {
    let mut pieces = html.split(LINK);
    let mut drawn = pieces.next().unwrap_or_default().to_owned();
    for (n, piece) in pieces.enumerate() {
        let (link, rest) = piece.split_once("</a>").unwrap_or((piece, ""));
        let term = link.split('"').next().and_then(Term::of);
        let says = term.map_or("", |term| &term.says);
        let id = format!("{name}-{n}");
        let link = link.replacen('>', &format!(" aria-describedby=\"{id}\">"), 1);
        let _ = write!(
            drawn,
            "<span class=\"term\">{LINK}{link}</a><span class=\"card\" id=\"{id}\">{says}</span></span>{rest}"
        );
    }
    drawn
}

/// Gives each heading an anchor, and lists them. They become headings of the third level.
pub(super) fn with_anchors(html: &str) -> (String, Vec<Heading>) {
    let mut pieces = html.split("<h2>");
    let mut drawn = pieces.next().unwrap_or_default().to_owned();
    let mut headings = Vec::new();
    for piece in pieces {
        let (title, rest) = piece.split_once("</h2>").unwrap_or((piece, ""));
        let words = title.to_lowercase().replace(|c: char| !c.is_alphanumeric(), " ");
        let anchor = words.split_whitespace().collect::<Vec<_>>().join("-");
        let _ = write!(drawn, "<h3 id=\"{anchor}\">{title}</h3>{rest}");
        headings.push(Heading {
            title: title.to_owned(),
            anchor,
        });
    }
    (drawn, headings)
}
