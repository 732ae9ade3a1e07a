//! The screen `/demo`, read as a person reads it: words at doors, not markup.

use std::time::Duration;

use jiff::Timestamp;
use rescind_testkit::SecretString;
use scraper::{ElementRef, Html, Selector};

/// One of the two doors that the thief tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// `/api/me`, which checks the blacklist.
    Blacklist,
    /// `/demo/signature-only/me`, which checks signature and expiry.
    SignatureOnly,
}

impl Door {
    pub(crate) const BOTH: [Self; 2] = [Self::Blacklist, Self::SignatureOnly];

    pub(crate) fn selector(self) -> &'static str {
        match self {
            Self::Blacklist => "section.door#door-blacklist",
            Self::SignatureOnly => "section.door#door-signature",
        }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Blacklist => "/api/me",
            Self::SignatureOnly => "/demo/signature-only/me",
        }
    }
}

/// A page, as the server sent it or as the browser holds it now. Prints without the tokens that it shows.
pub(crate) struct Screen {
    html: String,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&without_tokens(&self.words("body")))
    }
}

impl Screen {
    pub(crate) fn of(html: &str) -> Self {
        Self { html: html.to_owned() }
    }

    /// Reads all elements that `selector` finds.
    fn each<T>(&self, selector: &str, read: impl FnMut(ElementRef<'_>) -> T) -> Vec<T> {
        let selector = Selector::parse(selector).unwrap_or_else(|e| panic!("{selector}: {e}"));
        Html::parse_document(&self.html).select(&selector).map(read).collect()
    }

    /// The words in all elements that `selector` finds, each with its own line.
    pub(crate) fn all_words(&self, selector: &str) -> Vec<String> {
        self.each(selector, words_of)
    }

    /// The words in the first element that `selector` finds; none if there is no such element.
    pub(crate) fn words(&self, selector: &str) -> String {
        self.all_words(selector).into_iter().next().unwrap_or_default()
    }

    pub(crate) fn has(&self, selector: &str) -> bool {
        !self.all_words(selector).is_empty()
    }

    /// The attribute's value on each element that `selector` finds and that has it.
    pub(crate) fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let found = self.each(selector, |element| element.attr(name).map(str::to_owned));
        found.into_iter().flatten().collect()
    }

    /// The text at a door.
    pub(crate) fn verdict(&self, door: Door) -> String {
        self.words(&format!("{} .verdict", door.selector()))
    }

    /// A complete door: its verdict and the note.
    pub(crate) fn door(&self, door: Door) -> String {
        self.words(door.selector())
    }

    /// The end that the door's count-down counts to.
    pub(crate) fn open_until(&self, door: Door) -> Timestamp {
        let counted = format!("{} time[data-countdown]", door.selector());
        let instants = self.attributes(&counted, "datetime");
        let [instant] = instants.as_slice() else {
            panic!("not exactly one count-down at {door:?}: {instants:?} in {self:?}");
        };
        instant.parse().unwrap_or_else(|e| panic!("{instant:?}: {e}"))
    }

    /// The curl command of a door, in its tab. It holds the stolen token.
    pub(crate) fn command(&self, door: Door) -> SecretString {
        let id = door.selector().split_once('#').unwrap().1;
        let code = format!("#terminal #{id}-command");
        let commands = self.each(&code, |element| element.text().collect::<String>());
        let found = commands.into_iter().find(|text| text.contains("curl "));
        found
            .unwrap_or_else(|| panic!("no curl command at {door:?}: {self:?}"))
            .trim()
            .into()
    }

    /// The targets of the page's forms and links.
    pub(crate) fn ways_out(&self) -> Vec<String> {
        let mut ways = self.attributes("form", "action");
        ways.extend(self.attributes("[formaction]", "formaction"));
        ways.extend(self.attributes("[href]", "href"));
        ways.extend(self.attributes("[src]", "src"));
        ways.extend(self.attributes("[data-live]", "data-live"));
        ways
    }

    /// The door refuses, for this reason.
    #[track_caller]
    pub(crate) fn assert_refused(&self, door: Door, code: &str) {
        let verdict = self.verdict(door);
        assert!(
            verdict.contains("401") && verdict.contains(code),
            "at {door:?}: {verdict:?} in {self:?}"
        );
        let promised = self.door(door);
        assert!(!promised.contains("still inside"), "{promised}");
    }

    /// The door lets the thief in.
    #[track_caller]
    pub(crate) fn assert_accepted(&self, door: Door) {
        let verdict = self.verdict(door);
        assert!(
            verdict.contains("200") && !verdict.contains("401"),
            "at {door:?}: {verdict:?} in {self:?}"
        );
    }
}

fn words_of(element: ElementRef<'_>) -> String {
    let text: String = element.text().collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first span of time in a text that is written as a clock writes it: `0:43`, `9:58`, `1:02:03`.
pub(crate) fn span_in(text: &str) -> Option<Duration> {
    text.split(|c: char| !c.is_ascii_digit() && c != ':').find_map(|word| {
        let parts: Vec<u64> = word.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
        (parts.len() > 1).then(|| Duration::from_secs(parts.iter().fold(0, |sum, part| sum * 60 + part)))
    })
}

/// Tokens may be on their owner's page, but not in a test's log.
pub(crate) fn without_tokens(text: &str) -> String {
    let hide = |word: &str| match word.find("eyJ").or_else(|| word.find("rrt_")) {
        Some(at) => format!("{}[redacted]", &word[..at]),
        None => word.to_owned(),
    };
    text.split(' ').map(hide).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_span_in_a_clocks_format_is_parsed() {
    assert_eq!(
        span_in("200, still inside for another 0:43."),
        Some(Duration::from_secs(43))
    );
    assert_eq!(span_in("for another 1:02:03"), Some(Duration::from_secs(3723)));
    assert_eq!(span_in("401 token_revoked: no"), None);
}
