//! Validates the address to return to: a path of this site only.
//!
//! `next` comes from an address that anybody may have written. Used unchanged, it would let a link to this site lead to
//! another one that looks like it. So it is parsed the way browsers parse addresses, by the same rules (the WHATWG's,
//! in the `url` crate). Only a path that is then still on this site is used, in its parsed form.

use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use url::Url;

/// No page has a longer address.
const LONGEST: usize = 2048;

/// Paths that would redirect again, or change something.
const NEVER: [&str; 2] = ["/refresh", "/logout"];

/// `next` as a path of this site with its query. `None` if it leads elsewhere, to `/refresh` or to `/logout`.
#[must_use]
pub fn local_path(next: &str) -> Option<String> {
    static HERE: LazyLock<Option<Url>> = LazyLock::new(|| Url::parse("http://here.invalid/").ok());
    let here = HERE.as_ref()?;
    // Browsers drop tabs and line ends from an address and take `\` for `/`.
    let tricky = |c: char| c.is_control() || c == '\\';
    if next.len() > LONGEST || !next.starts_with('/') || next.starts_with("//") || next.contains(tricky) {
        return None;
    }
    let url = here.join(next).ok()?;
    let decoded = percent_decode_str(url.path()).decode_utf8().ok()?;
    let doubled = url.path().starts_with("//") || decoded.starts_with("//");
    if url.origin() != here.origin() || doubled || decoded.contains(tricky) {
        return None;
    }
    if NEVER.contains(&decoded.trim_end_matches('/')) {
        return None;
    }
    Some(match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    })
}
