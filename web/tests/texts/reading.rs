//! A person of sixteen with English as a second language understands each sentence at the first reading.

use crate::files::sentences;

const LONGEST: usize = 30;
const MEDIAN: usize = 14;
/// Turns that are read twice. Each has a plain word in its place.
const BANNED: [&str; 16] = [
    "whoever",
    "whatever",
    "wherever",
    "whichever",
    "nobody",
    "anew",
    "mend",
    "mends",
    "mended",
    "comes of",
    "come of",
    "came of",
    "is had",
    "held against",
    "at leisure",
    "all the same",
];

fn words(sentence: &str) -> usize {
    sentence
        .split(' ')
        .filter(|word| word.contains(char::is_alphanumeric))
        .count()
}

#[test]
fn sentences_on_pages_are_short() {
    let sentences = sentences();
    assert!(sentences.len() > 1_000, "{}", sentences.len());
    let long: Vec<_> = sentences
        .iter()
        .filter(|(_, sentence)| words(sentence) > LONGEST)
        .collect();
    assert!(long.is_empty(), "over {LONGEST} words: {long:#?}");
    let mut lengths: Vec<_> = sentences.iter().map(|(_, sentence)| words(sentence)).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median <= MEDIAN, "the median has {median} words");
}

#[test]
fn sentences_on_pages_have_no_banned_turns() {
    let plain = |sentence: &str| {
        let letters = sentence.to_lowercase().replace(|c: char| !c.is_alphanumeric(), " ");
        format!(" {} ", letters.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let is_banned = |sentence: &str| {
        let text = plain(sentence);
        BANNED.iter().any(|turn| text.contains(&format!(" {turn} ")))
            || text.starts_with(" nothing ")
            || sentence.matches(';').count() > 1
    };
    let found: Vec<_> = sentences()
        .into_iter()
        .filter(|(_, sentence)| is_banned(sentence))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// A logout counts where it is checked, and a page that says "every copy" or "wherever" is wrong at the second door.
#[test]
fn no_page_says_that_a_logout_reaches_every_copy() {
    let absolute = |sentence: &str| {
        let text = sentence.to_lowercase();
        let about = text.contains("logging out") || text.contains("logout") || text.contains("from then on");
        about
            && ["every copy", "takes all copies", "wherever it is"]
                .iter()
                .any(|turn| text.contains(turn))
    };
    let found: Vec<_> = sentences()
        .into_iter()
        .filter(|(_, sentence)| absolute(sentence))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}
