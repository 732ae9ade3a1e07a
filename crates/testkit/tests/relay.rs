//! The relay's effect on its connections.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its fixtures included")]

use std::time::Duration;

use rescind_testkit::TcpRelay;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Long enough, nearly always, for an answer through an open relay; through a frozen one there must be none.
const A_WHILE: Duration = Duration::from_millis(300);
/// Far more than the end of a connection takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// Sends everything back, on a port of its own.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = connection.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
                let _ = to.shutdown().await;
            });
        }
    });
    port
}

/// Answers every byte with this word, on a port of its own.
async fn saying(word: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                while connection.read_exact(&mut [0]).await.is_ok() {
                    let _ = connection.write_all(format!("{word}\n").as_bytes()).await;
                }
            });
        }
    });
    port
}

async fn heard(connection: &mut TcpStream) -> String {
    connection.write_all(b"?").await.unwrap();
    let mut word = String::new();
    loop {
        match connection.read_u8().await.unwrap() {
            b'\n' => return word,
            byte => word.push(char::from(byte)),
        }
    }
}

/// With a deadline, since an end that does not happen would be awaited for ever.
async fn has_ended(connection: &mut TcpStream) -> bool {
    matches!(timeout(DEADLINE, connection.read(&mut [0])).await, Ok(Ok(0) | Err(_)))
}

async fn ask(connection: &mut TcpStream, question: &str) -> String {
    connection.write_all(question.as_bytes()).await.unwrap();
    let mut answer = vec![0; question.len()];
    connection.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_relay_forwards_both_ways_to_the_last_byte() {
    let cable = TcpRelay::to(echo().await).await;
    let mut connection = TcpStream::connect(("127.0.0.1", cable.port())).await.unwrap();
    for round in 1..=3 {
        // More than is forwarded at once, so that it arrives in pieces.
        let question = "to be or not to be ".repeat(round * 2_000);
        assert!(ask(&mut connection, &question).await == question);
    }
    connection.shutdown().await.unwrap();
    assert_eq!(connection.read(&mut [0]).await.unwrap(), 0, "an end is carried too");
}

#[tokio::test]
async fn a_redirected_relay_redirects_new_connections_only() {
    let (here, there) = (saying("here").await, saying("there").await);
    let cable = TcpRelay::to(here).await;
    let mut old = TcpStream::connect(("127.0.0.1", cable.port())).await.unwrap();
    assert_eq!(heard(&mut old).await, "here");
    cable.lead_to(there);
    let mut new = TcpStream::connect(("127.0.0.1", cable.port())).await.unwrap();
    assert_eq!(heard(&mut new).await, "there");
    assert_eq!(heard(&mut old).await, "here", "an open connection stays where it is");
}

#[tokio::test]
async fn a_request_of_any_size_is_one_round_trip() {
    let store = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cable = TcpRelay::to(store.local_addr().unwrap().port()).await;
    let mut near = TcpStream::connect(("127.0.0.1", cable.port())).await.unwrap();
    let (mut far, _) = store.accept().await.unwrap();
    assert_eq!(cable.round_trips(), 0);
    for round in 1..=3 {
        for _ in 0..2 {
            // Two commands before the first answer: a pipeline.
            near.write_all(&[7; 100_000]).await.unwrap();
            far.read_exact(&mut [0; 100_000]).await.unwrap();
        }
        far.write_all(b"yes").await.unwrap();
        near.read_exact(&mut [0; 3]).await.unwrap();
        assert_eq!(cable.round_trips(), round);
    }
}

#[tokio::test]
async fn a_cut_relay_ends_and_refuses_connections_until_restored() {
    let cable = TcpRelay::to(echo().await).await;
    let address = ("127.0.0.1", cable.port());
    let mut before = TcpStream::connect(address).await.unwrap();
    assert_eq!(ask(&mut before, "hello").await, "hello");
    cable.cut().await;
    assert!(has_ended(&mut before).await);
    TcpStream::connect(address).await.unwrap_err();
    cable.cut().await;
    cable.restore().await;
    let mut after = TcpStream::connect(address).await.unwrap();
    assert_eq!(ask(&mut after, "hello again").await, "hello again");
    drop(cable);
    assert!(has_ended(&mut after).await);
}

#[tokio::test]
async fn a_frozen_relay_keeps_connections_open_and_forwards_no_byte() {
    let cable = TcpRelay::to(echo().await).await;
    let address = ("127.0.0.1", cable.port());
    let mut old = TcpStream::connect(address).await.unwrap();
    assert_eq!(ask(&mut old, "hello").await, "hello");
    cable.freeze();
    let mut new = TcpStream::connect(address).await.unwrap();
    let (mut old_asks, mut new_asks) = (Box::pin(ask(&mut old, "old")), Box::pin(ask(&mut new, "new")));
    assert!(timeout(A_WHILE, &mut old_asks).await.is_err(), "something got through");
    assert!(timeout(A_WHILE, &mut new_asks).await.is_err(), "something got through");
    cable.restore().await;
    assert_eq!((old_asks.await, new_asks.await), ("old".to_owned(), "new".to_owned()));
}
