//! The program's memory stays bounded for any number of visitors.

use std::fs;

use rescind_testkit::{Running, rounds};
use tokio::task::JoinSet;

use crate::{
    screen::Door,
    visitor::{Visitor, open, program},
};

/// How many visitors the program keeps at most.
const REMEMBERED: u32 = 1_000;
/// How many requests of one visitor it keeps at most.
const ENTRIES: usize = 50;
/// Less than one visitor's memory, and more than the program's other growth.
const KEPT_BYTES: u64 = 512;

#[tokio::test]
async fn a_visitors_log_forgets_the_oldest_entries() {
    let running = open(program()).await;
    let visitor = Visitor::arrive(&running).await;
    let path = |number| format!("/nowhere/{number}");
    for number in 0..ENTRIES + 10 {
        visitor.client.open(&path(number)).await.expect_status(404);
    }
    let entries = visitor.screen().await.all_words("#log li a");
    let newest = (10..ENTRIES + 10).rev();
    assert_eq!(
        entries,
        newest
            .map(|number| format!("You GET {}", path(number)))
            .collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_bound_the_oldest_visitor_is_forgotten_and_memory_stays_bounded() {
    let running = open(program()).await;
    let first = Visitor::be_robbed(&running).await;
    first.screen().await.assert_accepted(Door::Blacklist);

    // Until the program keeps as many as it can, and its allocator has settled.
    crowd(&running, REMEMBERED + 200, true).await;
    let settled = resident_kib(&running);
    crate::first_act::assert_no_robbery(&first.screen().await);

    // Who came back is displaced by nobody who did not, and who did not by the others.
    let (known, silent) = (Visitor::be_robbed(&running).await, running.api_client());
    let first_page = silent.send(silent.request("GET", "/")).await;
    let cookie = first_page.header("set-cookie").split(';').next().unwrap();
    let more = rounds(4_000, 40_000);
    crowd(&running, more, false).await;
    known.screen().await.assert_accepted(Door::Blacklist);
    let again = silent.send(silent.request("GET", "/").header("cookie", cookie)).await;
    assert!(
        again.header("set-cookie").contains("_visitor="),
        "still known: {again:?}"
    );
    let grown = resident_kib(&running).saturating_sub(settled);
    eprintln!("{more} more visitors: {grown} KiB more");
    // A visitor of one page takes more memory than this. A program that kept all of them would grow by it.
    let allowed = u64::from(more) * KEPT_BYTES / 1024;
    assert!(grown < allowed, "{grown} KiB for {more} visitors");
    // A new visitor is served like the first.
    Visitor::be_robbed(&running)
        .await
        .screen()
        .await
        .assert_accepted(Door::Blacklist);
}

/// New visitors, each of whom adds to the memory, and who come back with their cookie or not. A few at a time: the machine
/// has other work.
pub(crate) async fn crowd(running: &Running, visitors: u32, come_back: bool) {
    let mut arriving = JoinSet::new();
    for part in 0..8 {
        let api = running.api_client();
        arriving.spawn(async move {
            for _ in (part..visitors).step_by(8) {
                // Each time without a cookie, as a navigation: a new visitor.
                let page = api.request("GET", "/demo").header("Sec-Fetch-Dest", "document");
                let page = page
                    .header("Sec-Fetch-Mode", "navigate")
                    .header("Sec-Fetch-Site", "none");
                let reply = api.send(page).await.expect_status(200);
                let cookie = reply.header("set-cookie").split(';').next().unwrap_or_default();
                assert!(cookie.contains("_visitor="), "nobody new: {reply:?}");
                if come_back {
                    let again = api.request("GET", "/demo").header("cookie", cookie);
                    api.send(again).await.expect_status(200);
                }
            }
        });
    }
    arriving.join_all().await;
}

fn resident_kib(running: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", running.process_id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
