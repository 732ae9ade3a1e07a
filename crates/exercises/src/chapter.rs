//! Where the chapters are read, as far as a terminal has to tell.

/// The chapters' names in their addresses, in the order in which they are read: the first is chapter 1.
///
/// The course itself knows more of its chapters, and knows it elsewhere. This much is needed by whoever asks in the
/// terminal for an exercise that is done in the browser.
pub const SLUGS: [&str; 12] = [
    "unissued",
    "stored",
    "client-delete",
    "short-lived",
    "rotation",
    "blacklist",
    "sessions",
    "races",
    "amnesia",
    "nodes",
    "keys",
    "xss",
];

/// The path of a chapter's page in the demo.
#[must_use]
pub fn chapter_path(number: u8) -> Option<String> {
    let slug = SLUGS.get(usize::from(number).checked_sub(1)?)?;
    Some(format!("/learn/{slug}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_are_counted_from_one_and_there_are_twelve() {
        assert_eq!(chapter_path(0), None);
        assert_eq!(chapter_path(1).as_deref(), Some("/learn/unissued"));
        assert_eq!(chapter_path(12).as_deref(), Some("/learn/xss"));
        assert_eq!(chapter_path(13), None);
    }
}
