//! One generation, a thousand callers, two nodes.

use rescind_session::{
    ports::{Rotated, SessionStore},
    token::Generation,
};
use rescind_testkit::rounds;

use crate::{
    place::{self, Place},
    stories::{opened, rotation},
};

async fn one_of_a_thousand_wins(place: Place) {
    let stores = [place.store().await, place.store().await];
    let session = opened(&stores[0], 1).await;
    for round in 0..rounds(1, 20) {
        let callers: Vec<_> = (0..1000)
            .map(|nth| {
                let store = stores[nth % 2].clone();
                tokio::spawn(async move { store.rotate(&rotation(session.id, round)).await.unwrap() })
            })
            .collect();
        let mut won = 0;
        for caller in callers {
            won += usize::from(caller.await.unwrap() == Rotated::Won);
        }
        assert_eq!(won, 1, "round {round}");
        let row = stores[1].find(session.id).await.unwrap().unwrap();
        assert_eq!(row.generation(), Generation::from(round + 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_rotations_over_two_stores_one_wins_on_sqlite() {
    one_of_a_thousand_wins(place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_rotations_over_two_stores_one_wins_on_postgres() {
    if let Some(place) = place::postgres().await {
        one_of_a_thousand_wins(place).await;
    }
}
