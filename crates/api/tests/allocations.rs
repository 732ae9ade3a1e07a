//! What an authenticated request allocates beyond a bare handler, counted exactly.
#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use actix_http::Request;
use actix_web::{
    App, Error, HttpResponse,
    body::MessageBody,
    dev::{Service, ServiceResponse},
    http::header::{AUTHORIZATION, HeaderValue},
    rt::{System, SystemRunner},
    test::{TestRequest, init_service},
    web,
};
use allocation_counter::measure;
use rescind_api::{Authenticated, testing::Testing};

const REQUESTS: usize = 100;

/// The number of allocations for all requests, once the pools of the framework are filled.
fn count<B: MessageBody>(
    system: &SystemRunner,
    app: &impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    authorization: &HeaderValue,
) -> u64 {
    let run = || {
        let requests: Vec<_> = (0..REQUESTS)
            .map(|_| {
                TestRequest::with_uri("/")
                    .insert_header((AUTHORIZATION, authorization.clone()))
                    .to_request()
            })
            .collect();
        let all = async {
            for request in requests {
                let reply = app.call(request).await.unwrap();
                assert_eq!(reply.status(), 200);
            }
        };
        measure(|| system.block_on(all)).count_total
    };
    run();
    run()
}

#[test]
fn an_authenticated_request_allocates_at_most_four_times_more_than_a_bare_one() {
    let system = System::new();
    let testing = system.block_on(Testing::new());
    let token = system.block_on(testing.log_in("alice")).access_token;
    let authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).unwrap();
    // From here on a clone of it is a reference, as for a header that the server has read.
    let _shared = authorization.clone();
    let bare = system.block_on(init_service(
        App::new().route("/", web::get().to(async || HttpResponse::Ok().body("Hello."))),
    ));
    let guarded = system.block_on(init_service(
        App::new()
            .app_data(web::Data::new(testing.rescind().clone()))
            .wrap(testing.rescind().guard())
            .route("/", web::get().to(async || HttpResponse::Ok().body("Hello."))),
    ));
    let authenticated = system.block_on(init_service(
        App::new()
            .app_data(web::Data::new(testing.rescind().clone()))
            .wrap(testing.rescind().guard())
            .route(
                "/",
                web::get().to(async |_: Authenticated| HttpResponse::Ok().body("Hello.")),
            ),
    ));
    let bare = count(&system, &bare, &authorization);
    let [guarded, authenticated] = [
        count(&system, &guarded, &authorization),
        count(&system, &authenticated, &authorization),
    ]
    .map(|with| (with - bare) as f64 / REQUESTS as f64);
    println!("beyond the bare handler: {guarded} for the guard, {authenticated} in all");
    assert!(guarded <= 1.0, "the guard: {guarded}");
    assert!(authenticated <= 4.0, "{authenticated}");
}
