//! The list of sessions in pages.

use serde_json::Value;

use crate::world::World;

/// The ids of one page, and the address of the next page.
async fn part(world: &World, path: &str, token: &str) -> (Vec<String>, Option<String>) {
    let reply = world.get(path, token).await;
    let list = reply.is(200).json();
    let id = |session: &Value| session["session_id"].as_str().unwrap().to_owned();
    let next = reply.header("link").map(|link| {
        let link = link.strip_prefix('<').unwrap();
        link.strip_suffix(">; rel=\"next\"").unwrap().to_owned()
    });
    (list.as_array().unwrap().iter().map(id).collect(), next)
}

#[tokio::test]
async fn the_pages_of_a_list_add_up_to_the_list() {
    let world = World::new().await;
    let mut ids = Vec::new();
    let mut token = String::new();
    for _ in 0..5 {
        let tokens = world.login().await;
        ids.push(tokens.session.to_string());
        token = tokens.access;
    }
    // All have the same time: the ids decide the order.
    ids.sort();
    for (limit, lengths) in [
        (1, vec![1; 5]),
        (2, vec![2, 2, 1]),
        (4, vec![4, 1]),
        (5, vec![5]),
        (6, vec![5]),
    ] {
        let (mut found, mut parts) = (Vec::new(), Vec::new());
        let mut next = Some(format!("/api/sessions?limit={limit}"));
        while let Some(path) = next {
            let (ids, following) = part(&world, &path, &token).await;
            parts.push(ids.len());
            found.extend(ids);
            next = following;
            assert!(parts.len() <= 5, "{found:?}");
        }
        assert_eq!((&found, parts), (&ids, lengths), "{limit}");
    }
    let (all, next) = part(&world, "/api/sessions", &token).await;
    assert_eq!((all, next), (ids, None));
    for limit in ["0", "101"] {
        let refused = world.get(&format!("/api/sessions?limit={limit}"), &token).await;
        refused.is_problem(400, "bad_request");
    }
    world.get("/api/sessions?limit=100", &token).await.is(200);
}
