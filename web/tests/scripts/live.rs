//! The live parts of an open page: times, the log, and what a renewal updates.

use std::{cell::Cell, time::Duration};

use thirtyfour::By;

use crate::person::{LONG, Person, SHORT, until, until_there_is};

/// A mark that is gone after a reload.
const MARK: &str = "window.mark = 'not loaded anew'";
const MARKED: &str = "return window.mark ?? null";

/// The text there, found and read at one moment: pages change.
async fn reads(person: &Person, css: &str) -> String {
    let read = format!("return document.querySelector(`{css}`)?.innerText");
    let words = person.evaluate(&read).await;
    assert!(words.is_string(), "nothing at {css}");
    words.as_str().unwrap().to_owned()
}

async fn entries(person: &Person) -> usize {
    let log = person.browser.driver().find_all(By::Css("[data-live] li[id]")).await;
    log.unwrap().len()
}

async fn be_robbed(person: &Person) {
    person.browser.open("/").await;
    person.browser.press("Log in as alice, and be robbed").await;
    assert_eq!(person.browser.path().await, "/demo");
}

#[tokio::test]
async fn the_remaining_time_ticks_and_restarts_after_a_renewal_without_a_reload() {
    let Some(person) = Person::arrive(SHORT).await else {
        return;
    };
    person.log_in_as("alice").await;
    person.evaluate(MARK).await;
    // `None` once the token has expired, which on a slow machine may be before the renewal.
    let left = async || {
        let words = reads(&person, "#life time").await;
        words
            .split_once(" s left")
            .map(|(seconds, _)| seconds.parse::<u32>().unwrap())
    };
    let first = until_there_is("a time left", left).await;
    let ticked = until_there_is("a tick", async || left().await.filter(|left| *left < first)).await;
    // Then it restarts, and the page explains why. Within a lifetime it never rises.
    let lowest = Cell::new(ticked);
    until("a new life", async || {
        let left = left().await.unwrap_or_default();
        let risen = left > lowest.get();
        lowest.set(lowest.get().min(left));
        risen
    })
    .await;
    assert!(reads(&person, "#life").await.contains("renewed"));
    assert_eq!(person.evaluate(MARKED).await, "not loaded anew");
    person.assert_policy_kept().await;
}

/// The server writes the same lengths alike: `src/pages/times.rs`.
#[tokio::test]
async fn the_script_writes_each_remaining_time_as_the_server_does() {
    let Some(person) = Person::arrive(LONG).await else {
        return;
    };
    person.open_page_without_login().await;
    let lengths = include_str!("lengths.txt").lines().map(|line| line.split(" | "));
    let lengths: Vec<Vec<_>> = lengths.map(Iterator::collect).collect();
    // Each begins with the words of another length.
    let times = "const main = document.querySelector('main');
         for (const words of ['2:46:40', '2 h 46 min left']) for (const [seconds] of lengths) {
           const time = document.createElement('time');
           Object.assign(time.dataset, { countdown: '', seconds });
           time.append(words);
           main.append(time);
         }";
    let lengths_here = format!("const lengths = {};", serde_json::to_string(&lengths).unwrap());
    person.evaluate(&format!("{lengths_here} {times}")).await;
    // The end is set so that it is so far away at the next tick. If a busy machine misses that second, it is set again.
    let set_ends = "const tick = Math.ceil(Date.now() / 1000);
         for (const time of document.querySelectorAll('[data-seconds]')) {
           time.dateTime = new Date((tick + Number(time.dataset.seconds)) * 1000).toISOString();
         }";
    let column = |column: usize| lengths.iter().map(move |length| length[column].to_owned());
    let expected: Vec<_> = column(1)
        .chain(column(2).map(|words| format!("{words} left")))
        .collect();
    until("the server's words", async || {
        person.evaluate(set_ends).await;
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let read = "return [...document.querySelectorAll('[data-seconds]')].map((time) => time.textContent)";
        serde_json::from_value::<Vec<String>>(person.evaluate(read).await).unwrap() == expected
    })
    .await;
}

#[tokio::test]
async fn the_log_grows_by_itself_and_keeps_the_focus_where_it_was() {
    let Some(person) = Person::arrive(LONG).await else {
        return;
    };
    be_robbed(&person).await;
    person.evaluate(MARK).await;
    let before = entries(&person).await;
    let focused = person
        .evaluate(
            "const link = document.querySelector('[data-live] li:last-child a');
             link.focus();
             return link.getAttribute('href');",
        )
        .await;

    let demo = person.browser.tab().await;
    let other = person.browser.driver().new_window().await.unwrap();
    person.browser.switch_to(&other).await;
    person.browser.open("/account").await;
    person.browser.switch_to(&demo).await;
    until("one entry more", async || {
        entries(&person).await > before && reads(&person, "[data-live]").await.contains("/account")
    })
    .await;
    assert_eq!(
        person
            .evaluate("return document.activeElement.getAttribute('href')")
            .await,
        focused
    );
    assert_eq!(person.evaluate(MARKED).await, "not loaded anew");
    // A screen reader announces the number of new entries, once no more arrive.
    until("word of it", async || {
        let told = "return document.querySelector('[data-live] + [role=status]').textContent";
        person.evaluate(told).await.as_str().unwrap().contains("more request")
    })
    .await;
    person.assert_policy_kept().await;
}

#[tokio::test]
async fn a_hidden_tab_lets_go_of_the_event_stream_and_takes_it_up_again() {
    let Some(person) = Person::arrive(LONG).await else {
        return;
    };
    be_robbed(&person).await;
    until("a stream", async || person.wire.count("GET /demo/events ") >= 1).await;
    let demo = person.browser.tab().await;
    let (before, streams) = (entries(&person).await, person.wire.count("GET /demo/events "));
    person.browser.new_tab().await;
    person.browser.open("/account").await;
    person.browser.driver().close_window().await.unwrap();
    person.browser.switch_to(&demo).await;
    until("a second stream", async || {
        person.wire.count("GET /demo/events ") > streams
    })
    .await;
    // The entries made meanwhile are shown.
    until("one entry more", async || entries(&person).await > before).await;
}
