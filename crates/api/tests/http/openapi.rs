//! The OpenAPI document lists what is mounted, and replies are what it says: [`World`] compares each reply of these tests.

use std::collections::{BTreeSet, HashMap};

use actix_web::{
    App,
    http::{Method, header},
    test::{self, TestRequest},
};
use boon::{Compiler, SchemaIndex, Schemas};
use rescind_api::{Part, Problem, Routes, Settings};
use rescind_session::token::{ClientSecret, RegisteredClient};
use serde_json::{Value, json};
use strum::IntoEnumIterator;
use tokio::sync::OnceCell;

use crate::{
    oauth, routes, status_list,
    world::{ACCESS, Make, PASSWORD, REFRESH, Reply, World, call, from_own_page},
};

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "patch", "trace"];

/// The document of all parts, and the schemas of its replies by their JSON pointers.
pub(crate) struct Document {
    json: Value,
    schemas: Schemas,
    by_pointer: HashMap<String, SchemaIndex>,
}

fn everything(prefix: &str) -> Routes {
    Routes::at(prefix)
        .with(Part::SignUp)
        .with(Part::Health)
        .with(Part::Browser)
        .with(Part::Jwks)
        .with(Part::ForwardAuth)
        .with(Part::StatusList)
        .with(Part::OAuth)
        .with(Part::OpenApi)
}

/// The path of a call, as the document writes it.
fn template(path: &str) -> String {
    path.replace("sessions/1", "sessions/{id}")
        .replace("status/7", "status/{n}")
}

fn settings(settings: Settings) -> Settings {
    let secret = ClientSecret::from("app-secret-of-16-bytes".to_owned());
    let client = RegisteredClient::new("app", &secret).unwrap();
    settings.forward_auth_same_method(true).oauth_clients([client])
}

async fn served(world: &World, routes: Routes, path: &str) -> Value {
    let app = test::init_service(App::new().configure(world.rescind.mount(routes))).await;
    let reply = test::call_service(&app, call(Method::GET, path).to_request()).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.headers().get(header::CONTENT_TYPE).unwrap(), "application/json");
    assert_eq!(
        reply.headers().get(header::CACHE_CONTROL).unwrap(),
        "public, max-age=300"
    );
    test::read_body_json(reply).await
}

/// Its calls: methods and paths.
fn listed(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect()
}

impl Document {
    pub(crate) async fn get() -> &'static Self {
        static DOCUMENT: OnceCell<Document> = OnceCell::const_new();
        DOCUMENT
            .get_or_init(|| async {
                let world = Make {
                    settings,
                    ..Make::default()
                }
                .cold();
                Self::new(served(&world, everything("/api"), "/api/openapi.json").await)
            })
            .await
    }

    fn new(json: Value) -> Self {
        let (mut schemas, mut compiler, mut by_pointer) = (Schemas::new(), Compiler::new(), HashMap::new());
        compiler.enable_format_assertions();
        compiler.add_resource("http://api/", json.clone()).unwrap();
        let mut document = Self {
            json,
            schemas: Schemas::new(),
            by_pointer: HashMap::new(),
        };
        for (path, item) in document.json["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                for status in operation["responses"].as_object().unwrap().keys() {
                    let (pointer, response) = document.response(path, method, status).unwrap();
                    for kind in response["content"]
                        .as_object()
                        .into_iter()
                        .flatten()
                        .map(|(kind, _)| kind)
                    {
                        let pointer = format!("{pointer}/content/{}/schema", escaped(kind));
                        if document.json.pointer(&pointer).is_some() {
                            let url = format!("http://api/#{}", pointer.replace('{', "%7B").replace('}', "%7D"));
                            by_pointer.insert(pointer, compiler.compile(&url, &mut schemas).unwrap());
                        }
                    }
                }
            }
        }
        document.schemas = schemas;
        document.by_pointer = by_pointer;
        document
    }

    /// The response and its JSON pointer, after following a reference.
    fn response(&self, path: &str, method: &str, status: &str) -> Option<(String, &Value)> {
        let pointer = format!("/paths/{}/{method}/responses/{status}", escaped(path));
        let response = self.json.pointer(&pointer)?;
        let Some(reference) = response["$ref"].as_str() else {
            return Some((pointer, response));
        };
        let pointer = reference.trim_start_matches('#').to_owned();
        let response = self.json.pointer(&pointer).unwrap();
        Some((pointer, response))
    }

    /// The path in the document that a request's path fits.
    fn path(&self, method: &str, path: &str) -> Option<&str> {
        let paths = self.json["paths"].as_object().unwrap();
        let fits = |template: &str| match template.split_once('{') {
            None => template == path,
            Some((before, _)) => {
                let rest = path.strip_prefix(before);
                let is_long = template.ends_with("{original}");
                rest.is_some_and(|rest| !rest.is_empty() && (is_long || !rest.contains('/')))
            }
        };
        let found = paths
            .iter()
            .find(|(template, item)| fits(template) && item.get(method).is_some());
        found.map(|(template, _)| template.as_str())
    }

    /// Asserts that the document has this reply, if it has the call. Other methods have other replies.
    pub(crate) fn check(&self, method: &Method, path: &str, reply: &Reply) {
        let is_head = method == Method::HEAD;
        let method = if is_head {
            "get".to_owned()
        } else {
            method.as_str().to_lowercase()
        };
        let Some(template) = self.path(&method, path) else {
            return;
        };
        let call = format!("{method} {template}: {} {}", reply.status, reply.body);
        let Some((pointer, response)) = self.response(template, &method, reply.status.as_str()) else {
            panic!("not in the OpenAPI document: {call}");
        };
        for (name, described) in response["headers"].as_object().into_iter().flatten() {
            let is_required = described["required"] == true;
            assert!(!is_required || reply.header(name).is_some(), "lacks {name}: {call}");
        }
        if is_head || (reply.body.is_empty() && response.get("content").is_none()) {
            return;
        }
        let kind = reply.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        let content = response["content"].get(kind);
        assert!(content.is_some(), "the document has no {kind}: {call}");
        let pointer = format!("{pointer}/content/{}/schema", escaped(kind));
        if let Some(schema) = self.by_pointer.get(&pointer) {
            let body = reply.json();
            if let Err(error) = self.schemas.validate(&body, *schema) {
                panic!("{call} is not as documented: {error}");
            }
        }
    }
}

fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

#[tokio::test]
async fn the_document_lists_exactly_the_mounted_calls() {
    let world = World::new().await;
    let all = listed(&served(&world, everything("/a"), "/a/openapi.json").await);
    let mut expected: BTreeSet<_> = routes::PARTS
        .iter()
        .map(|(_, method, path)| ((*method).to_owned(), template(path)))
        .collect();
    assert_eq!(all, expected);
    for (part, _, _) in routes::PARTS.iter().filter(|(part, _, _)| *part != Part::OpenApi) {
        let own = routes::PARTS.iter().filter(|(of, _, _)| of == part);
        let own = own.map(|(_, method, path)| ((*method).to_owned(), template(path)));
        expected = all.clone();
        for call in own {
            expected.remove(&call);
        }
        let document = served(&world, everything("/a").without(*part), "/a/openapi.json").await;
        assert_eq!(listed(&document), expected, "without {part:?}");
    }
    let few = served(&world, Routes::at("/").with(Part::OpenApi), "/openapi.json").await;
    assert_eq!(few["paths"]["/login"]["post"]["operationId"], "log_in_post");
    assert_eq!(few["paths"].as_object().unwrap().len(), 9);
}

#[tokio::test]
async fn paths_and_cookies_follow_the_settings() {
    let world = Make {
        settings: |settings| {
            settings
                .forward_auth_path("/gate")
                .forward_auth_same_method(true)
                .logout_path("/bye")
                .refresh_path("/again")
                .cookie_prefix("shop")
        },
        ..Make::default()
    }
    .cold();
    let document = served(&world, everything("/api"), "/api/openapi.json").await;
    let calls = listed(&document);
    for (method, path) in [
        ("GET", "/gate"),
        ("POST", "/bye"),
        ("GET", "/again"),
        ("POST", "/again"),
    ] {
        assert!(calls.contains(&(method.to_owned(), path.to_owned())), "{path}");
    }
    for method in METHODS {
        let call = (method.to_uppercase(), "/gate/{original}".to_owned());
        assert!(calls.contains(&call), "{method}");
    }
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes["accessCookie"]["name"], "__Host-shop_access");
    assert_eq!(schemes["refreshCookie"]["name"], "__Host-shop_refresh");
}

#[tokio::test]
async fn every_operation_is_complete() {
    let document = Document::get().await;
    let schemes = document.json["components"]["securitySchemes"].as_object().unwrap();
    let mut ids = BTreeSet::new();
    for (method, path) in listed(&document.json) {
        let operation = &document.json["paths"][&path][method.to_lowercase()];
        let id = operation["operationId"].as_str().unwrap().to_owned();
        assert!(ids.insert(id), "{method} {path}");
        assert!(operation["summary"].is_string(), "{method} {path}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.keys().any(|status| status < &"400".to_owned()),
            "{method} {path}"
        );
        for alternative in operation["security"].as_array().unwrap() {
            let mut names = alternative.as_object().unwrap().keys();
            assert!(names.all(|name| schemes.contains_key(name)), "{method} {path}");
        }
        let parameters = operation["parameters"].as_array();
        let in_path = parameters
            .into_iter()
            .flatten()
            .find(|parameter| parameter["in"] == "path");
        let name = in_path.map(|parameter| parameter["name"].as_str().unwrap());
        let in_template = path.split_once('{').map(|(_, rest)| rest.trim_end_matches('}'));
        assert_eq!(name, in_template, "{path}");
    }
}

/// The problems of an application's own calls, and of methods that a path does not have.
const NOT_OF_A_CALL: [&str; 4] = [
    "demo_account",
    "insufficient_role",
    "insufficient_scope",
    "method_not_allowed",
];

#[tokio::test]
async fn every_problem_code_is_documented_where_it_can_occur() {
    let codes: BTreeSet<_> = Problem::iter().map(|problem| problem.code()).collect();
    assert!(codes.len() > 30 && codes.contains("token_missing"), "{codes:?}");
    let document = Document::get().await.json.to_string();
    let is_documented = |code: &&str| document.contains(&format!("`{code}`: "));
    let undocumented: BTreeSet<_> = codes.into_iter().filter(|code| !is_documented(code)).collect();
    assert_eq!(undocumented, NOT_OF_A_CALL.into());
}

#[tokio::test]
async fn each_call_succeeds_as_documented() {
    let document = Document::get().await;
    let world = Make {
        settings,
        ..status_list::make()
    }
    .world()
    .await;
    let mut seen = BTreeSet::from(["openapi_get".to_owned()]);
    // `World` compares each reply with the document.
    let mut sent = async |status: u16, method: &str, path: &str, add: &dyn Fn(TestRequest) -> TestRequest| {
        let request = call(Method::from_bytes(method.as_bytes()).unwrap(), path);
        world.send(add(request)).await.is(status);
        let (method, path) = (method.to_lowercase(), path.split('?').next().unwrap());
        let template = document.path(&method, path).unwrap();
        let id = document.json["paths"][template][&method]["operationId"].as_str();
        seen.insert(id.unwrap().to_owned());
    };
    let [alice, phone, app, last] = [
        world.login().await,
        world.login().await,
        world.login().await,
        world.login().await,
    ];
    let as_ = |token: &str| {
        let bearer = format!("Bearer {token}");
        move |request: TestRequest| request.insert_header((header::AUTHORIZATION, bearer.clone()))
    };
    let json = |body: Value| move |request: TestRequest| request.set_json(&body);
    let account = json!({ "username": "carol", "password": PASSWORD });
    sent(201, "POST", "/api/users", &json(account.clone())).await;
    sent(200, "POST", "/api/login", &json(account)).await;
    let password = json(json!({ "password": PASSWORD }));
    sent(200, "POST", "/api/reauthenticate", &|request| {
        as_(&alice.access)(password(request))
    })
    .await;
    sent(
        200,
        "POST",
        "/api/refresh",
        &json(json!({ "refresh_token": alice.refresh })),
    )
    .await;
    sent(200, "GET", "/api/me", &as_(&alice.access)).await;
    sent(200, "GET", "/api/sessions?limit=1", &as_(&alice.access)).await;
    let path = format!("/api/sessions/{}", phone.session);
    sent(204, "DELETE", &path, &as_(&alice.access)).await;
    for path in [
        "/health/live",
        "/health/ready",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
    ] {
        sent(200, "GET", path, &|request| request).await;
    }
    sent(200, "GET", &status_list::path(&alice), &|request| request).await;
    let read = |request: TestRequest| request.insert_header((header::COOKIE, format!("{ACCESS}={}", app.access)));
    sent(403, "GET", "/auth/check", &read).await;
    sent(200, "GET", "/auth/check", &as_(&app.access)).await;
    for method in METHODS {
        sent(200, &method.to_uppercase(), "/auth/check/any/path", &as_(&app.access)).await;
    }
    let form = |fields: [(&'static str, String); 2]| {
        move |request: TestRequest| {
            request
                .insert_header(oauth::basic("app:app-secret-of-16-bytes"))
                .set_form(&fields)
        }
    };
    let token = [
        ("token", app.access.clone()),
        ("token_type_hint", "access_token".to_owned()),
    ];
    let grant = [
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", app.refresh.clone()),
    ];
    sent(200, "POST", oauth::INTROSPECT, &form(token.clone())).await;
    sent(200, "POST", oauth::TOKEN, &form(grant)).await;
    sent(200, "POST", oauth::REVOKE, &form(token.clone())).await;
    let cookies = |request: TestRequest| request.insert_header((header::COOKIE, format!("{REFRESH}={}", last.refresh)));
    sent(303, "GET", "/refresh?next=/account", &cookies).await;
    sent(303, "POST", "/refresh", &|request| from_own_page(cookies(request))).await;
    sent(303, "POST", "/logout", &|request| from_own_page(cookies(request))).await;
    sent(204, "POST", "/api/logout", &as_(&app.access)).await;
    sent(204, "POST", "/api/logout-everywhere", &as_(&alice.access)).await;
    let paths = document.json["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|item| item.as_object().unwrap().values());
    let all: BTreeSet<_> = operations
        .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(seen, all);
}
