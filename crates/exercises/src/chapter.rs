//! The addresses of the chapters, for output in the terminal.

/// The chapters' names in their addresses, in reading order: the first is chapter 1.
///
/// The course keeps more about its chapters elsewhere. Only this is needed for a learner who asks in the terminal for
/// an exercise that is done in the browser.
pub const SLUGS: [&str; 13] = [
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
    "elsewhere",
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
    fn chapters_are_counted_from_one_and_there_are_thirteen() {
        assert_eq!(chapter_path(0), None);
        assert_eq!(chapter_path(1).as_deref(), Some("/learn/unissued"));
        assert_eq!(chapter_path(12).as_deref(), Some("/learn/xss"));
        assert_eq!(chapter_path(13).as_deref(), Some("/learn/elsewhere"));
        assert_eq!(chapter_path(14), None);
    }
}
