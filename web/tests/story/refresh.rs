//! Refreshing: many at once, with an old copy, and with a forged token.

use std::sync::Arc;

use rescind_testkit::{ExposeSecret, SecretString, Tokens, rounds};
use tokio::{sync::Barrier, task::JoinSet};

use crate::stage::Stage;

const AT_ONCE: usize = 200;

/// The race is run for several sessions: in some, the first refresh finishes before the others begin.
#[tokio::test(flavor = "multi_thread")]
async fn of_200_refreshes_at_once_one_rotates_and_all_get_the_same_successor() {
    let stage = Stage::open().await;
    for _ in 0..rounds(5, 20) {
        let winners = refresh_at_once(&stage).await;
        println!("{winners} of {AT_ONCE} got the successor");
    }
}

/// Refreshes one token many times at once, and returns how many got its successor.
async fn refresh_at_once(stage: &Stage) -> usize {
    let first = stage.log_in().await;
    let line = Arc::new(Barrier::new(AT_ONCE));
    let mut refreshes = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (api, line, token) = (stage.api.clone(), Arc::clone(&line), first.refresh().clone());
        refreshes.spawn(async move {
            line.wait().await;
            api.refresh(&token).await
        });
    }
    let mut winners: Vec<Tokens> = Vec::new();
    while let Some(reply) = refreshes.join_next().await {
        let reply = reply.unwrap();
        match reply.status {
            200 => winners.push(reply.tokens()),
            // A concurrent honest client is not a thief: the only error is 503.
            _ => drop(reply.expect_problem(503, "store_unavailable")),
        }
    }

    let successor = winners.first().unwrap().clone();
    assert!(winners.len() > 1, "no race took place");
    for winner in &winners {
        assert_eq!(winner.session_id, first.session_id);
        assert!(
            winner.refresh().expose_secret() == successor.refresh().expose_secret(),
            "two successors of one refresh token"
        );
        stage.assert_alive(winner).await;
    }
    assert_eq!(
        stage.generation(&successor, &first.session_id).await,
        Some(1),
        "more than one rotation"
    );
    let next = stage.api.refresh(successor.refresh()).await.tokens();
    assert_eq!(stage.generation(&next, &first.session_id).await, Some(2));
    winners.len()
}

#[tokio::test]
async fn an_old_refresh_token_closes_the_session_and_revokes_its_access_token() {
    let stage = Stage::open().await;
    let (bystander, oldest) = (stage.log_in().await, stage.log_in().await);
    let older = stage.api.refresh(oldest.refresh()).await.tokens();
    let newest = stage.api.refresh(older.refresh()).await.tokens();
    stage.assert_alive(&newest).await;
    stage
        .api
        .refresh(oldest.refresh())
        .await
        .expect_problem(401, "refresh_reused");
    stage.assert_dead(&newest).await;
    stage.api.me(older.access()).await.expect_problem(401, "token_revoked");
    stage.api.me(oldest.access()).await.expect_problem(401, "token_revoked");
    assert_eq!(stage.generation(&bystander, &newest.session_id).await, None);
    stage.assert_alive(&bystander).await;
}

/// The genuine token with one letter changed at `place`.
fn forged(genuine: &SecretString, place: usize) -> SecretString {
    let mut letters: Vec<char> = genuine.expose_secret().chars().collect();
    letters[place] = if letters[place] == 'A' { 'B' } else { 'A' };
    letters.into_iter().collect::<String>().into()
}

#[tokio::test]
async fn a_forged_refresh_token_is_refused_and_closes_no_session() {
    let stage = Stage::open().await;
    let tokens = stage.log_in().await;
    // After `rrt_`, in letters of six bits: the session's id, the generation, the tag.
    let (id, generation, tag) = (4 + 10, 4 + 25, 4 + 40);
    let mut forgeries: Vec<_> = [id, generation, tag, 4 + 68]
        .map(|place| forged(tokens.refresh(), place))
        .into();
    let genuine = tokens.refresh().expose_secret();
    forgeries.extend(
        [
            genuine[..genuine.len() - 2].to_owned(),
            format!("{genuine}AA"),
            genuine.replacen("rrt_", "", 1),
            "rrt_".to_owned(),
            String::new(),
            tokens.access().expose_secret().to_owned(),
        ]
        .map(SecretString::from),
    );
    for (number, forgery) in forgeries.iter().enumerate() {
        let refused = stage.api.refresh(forgery).await;
        assert_eq!(
            (refused.status, refused.code()),
            (401, "refresh_invalid"),
            "forgery {number}: {refused:?}"
        );
        let refused = stage.api.log_out_by_refresh_token(forgery).await;
        assert_eq!(
            (refused.status, refused.code()),
            (401, "refresh_invalid"),
            "logout with forgery {number}"
        );
        stage.assert_alive(&tokens).await;
    }
    assert_eq!(stage.generation(&tokens, &tokens.session_id).await, Some(0));
    let next = stage.api.refresh(tokens.refresh()).await.tokens();
    stage.assert_alive(&next).await;
}
