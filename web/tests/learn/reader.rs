//! A reader of the course, and the program.

use rescind_testkit::{CookieClient, Program, Running};
use scraper::{ElementRef, Html, Selector};

/// The program in demo mode, with a store timeout for a machine that also compiles.
pub(crate) fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_rescind")).env("RESCIND_STORE_TIMEOUT", "10s")
}

/// Starts it, and waits until it is ready.
pub(crate) async fn open(program: Program) -> Running {
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    running
}

/// A page, as the server sent it.
pub(crate) struct Page {
    pub(crate) address: String,
    pub(crate) html: String,
    parsed: Html,
}

impl Page {
    /// Opens an address that has to exist.
    pub(crate) async fn open(reader: &CookieClient, address: &str) -> Self {
        let reply = reader.open(address).await.expect_status(200);
        Self {
            address: address.to_owned(),
            parsed: Html::parse_document(&reply.text),
            html: reply.text,
        }
    }

    /// Reads all elements that `selector` finds.
    pub(crate) fn each<T>(&self, selector: &str, read: impl FnMut(ElementRef<'_>) -> T) -> Vec<T> {
        let selector = Selector::parse(selector).unwrap_or_else(|e| panic!("{selector}: {e}"));
        self.parsed.select(&selector).map(read).collect()
    }

    /// The words in each element that `selector` finds.
    pub(crate) fn words(&self, selector: &str) -> Vec<String> {
        self.each(selector, |element| {
            let text: String = element.text().collect();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        })
    }

    /// The attribute's value on each element that `selector` finds and that has it.
    pub(crate) fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let found = self.each(selector, |element| element.attr(name).map(str::to_owned));
        found.into_iter().flatten().collect()
    }
}

/// The addresses of all chapters, in the order of the contents.
pub(crate) async fn chapters(reader: &CookieClient) -> Vec<String> {
    let contents = Page::open(reader, "/learn").await;
    let chapters = contents.attributes(".contents a", "href");
    assert_eq!(chapters.len(), 13, "{chapters:?}");
    chapters
}

/// The addresses of all pages of the course: the chapters, then the others.
pub(crate) async fn pages(reader: &CookieClient) -> Vec<String> {
    let others = [
        "/learn",
        "/learn/teach",
        "/learn/hand-out",
        "/learn/summary",
        "/glossary",
    ];
    let chapters = chapters(reader).await;
    chapters.into_iter().chain(others.map(str::to_owned)).collect()
}
