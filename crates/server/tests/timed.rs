//! A connection to which nothing can be sent, on a clock that is moved.

use std::{io::ErrorKind, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::{Instant, sleep},
};

#[expect(dead_code, reason = "the bound on connections is tried on the program")]
#[path = "../src/connections.rs"]
mod connections;

use connections::Timed;

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_a_byte_now_and_then_is_cut_off() {
    let (mut client, server) = duplex(64);
    let mut server = Timed::new(server);
    let began = Instant::now();
    tokio::spawn(async move {
        while client.write_all(b"x").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let mut byte = [0];
    let failed = loop {
        if let Err(error) = server.read(&mut byte).await {
            break error.kind();
        }
    };
    assert_eq!((failed, began.elapsed().as_secs()), (ErrorKind::TimedOut, 30));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_read_ends_the_connection() {
    let (_client, server) = duplex(64);
    let mut server = Timed::new(server);
    sleep(Duration::from_secs(20)).await;
    let began = Instant::now();
    let failed = server.write_all(&[0; 4096]).await.unwrap_err();
    assert_eq!((failed.kind(), began.elapsed().as_secs()), (ErrorKind::TimedOut, 30));
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_answers_goes_on() {
    let (mut client, server) = duplex(64);
    let mut server = Timed::new(server);
    let (mut line, mut byte) = ([0; 9], [0]);
    for _ in 0..100 {
        server.write_all(b"data: x\n\n").await.unwrap();
        client.read_exact(&mut line).await.unwrap();
        // Meanwhile the server reads, as actix does.
        let reading = tokio::time::timeout(Duration::from_secs(15), server.read(&mut byte)).await;
        assert!(reading.is_err(), "{reading:?}");
    }
}
