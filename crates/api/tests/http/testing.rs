//! The help for tests of applications.

use std::time::Duration;

use actix_web::{App, test, web};
use rescind_api::{Authenticated, RequireRole, Rescind, Settings, testing::Testing};
use rescind_session::{Config, Policy, token::ExtraClaims};

async fn status(testing: &Testing, request: test::TestRequest) -> u16 {
    let handler = |caller: Authenticated, rescind: Rescind| async move {
        let user = rescind.service().user(caller.user_id()).await.unwrap().unwrap();
        user.username.to_string()
    };
    let app = App::new()
        .app_data(testing.rescind().clone())
        .route("/", web::get().to(handler));
    let app = test::init_service(app).await;
    test::call_service(&app, request.to_request()).await.status().as_u16()
}

#[actix_web::test]
async fn a_request_is_logged_in_until_the_clock_is_moved() {
    let testing = Testing::new().await;
    assert_eq!(status(&testing, testing.logged_in("alice").await).await, 200);
    assert_eq!(
        status(&testing, testing.logged_in("alice").await).await,
        200,
        "a second login"
    );
    let request = testing.logged_in("bob").await;
    testing.clock().advance(Duration::from_secs(3600));
    assert_eq!(status(&testing, request).await, 401);
    assert_eq!(status(&testing, testing.logged_in("bob").await).await, 200);
}

#[actix_web::test]
async fn a_request_can_be_of_a_user_whom_only_the_application_knows() {
    let testing = Testing::new().await;
    let whose = |caller: Authenticated| async move { caller.user_id().to_string() };
    let app = App::new()
        .app_data(testing.rescind().clone())
        .route("/", web::get().to(whose));
    let app = test::init_service(app).await;
    let request = testing.logged_in_as("42".parse().unwrap()).await.to_request();
    assert_eq!(test::call_and_read_body(&app, request).await, "42");
}

#[actix_web::test]
async fn a_request_can_have_claims_of_the_application() {
    let testing = Testing::new().await;
    let app = App::new().app_data(testing.rescind().clone()).service(
        web::resource("/")
            .wrap(RequireRole::new("admin"))
            .route(web::get().to(|caller: Authenticated| async move { caller.user_id().to_string() })),
    );
    let app = test::init_service(app).await;
    let claims = || ExtraClaims::new().with_roles(["admin"]);
    let admin = testing.logged_in_with("alice", claims()).await;
    assert_eq!(test::call_service(&app, admin.to_request()).await.status(), 200);
    let admin = testing.logged_in_as_with("42".parse().unwrap(), claims()).await;
    assert_eq!(test::call_and_read_body(&app, admin.to_request()).await, "42");
    let user = testing.logged_in("alice").await;
    assert_eq!(test::call_service(&app, user.to_request()).await.status(), 403);
}

#[actix_web::test]
async fn the_configuration_and_the_settings_can_be_the_applications() {
    let mut config = Config::new("https://shop.example", "shop");
    config.policy = Policy::client_delete();
    let settings = Settings::new("https://shop.example".parse().unwrap()).cookie_prefix("shop");
    let testing = Testing::with(config, settings).await;
    assert_eq!(status(&testing, testing.logged_in("alice").await).await, 200);
    assert!(testing.log_in("alice").await.refresh.is_none());
    assert_eq!(testing.rescind().settings().cookie_name("access"), "__Host-shop_access");
}
