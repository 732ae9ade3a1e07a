//! The OpenAPI document (3.1) of the mounted calls, with their errors and credentials.
//!
//! It is made from the calls themselves, so it has each of them at its own path, and no other. `operations.json` says what
//! each of them takes and answers. Replies are described by the structures that serde writes; statuses and texts of errors
//! are those of [`Problem`](crate::Problem).

mod errors;

use std::time::Duration;

use actix_web::{HttpResponse, http::Method};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::{
    caching::public_for,
    handlers::{accounts, sessions, tokens},
    health,
    problem::{Body, FieldError, Rebuilt},
    security_headers::Own,
    settings::Settings,
};

/// How long a client may keep the document.
const MAX_AGE: Duration = Duration::from_secs(300);

const NOTES: &str = "`HEAD` is answered like `GET`, without the body. Another method of these paths is answered 405 or 404, \
                     and a request that is not HTTP 400, perhaps without a body. Replies may get more members, and errors more \
                     codes.";

/// A call: its name in `operations.json`, its methods (none: all of them), and actix's pattern of its path.
pub(crate) type Mounted<'a> = (&'static str, &'a [Method], &'a str);

pub(crate) fn reply(document: String) -> HttpResponse {
    let mut reply = HttpResponse::Ok();
    reply.extensions_mut().insert(Own);
    reply
        .insert_header(public_for(MAX_AGE))
        .content_type("application/json")
        .body(document)
}

/// The document of these calls.
pub(crate) fn document<'a>(settings: &Settings, calls: impl Iterator<Item = Mounted<'a>>) -> String {
    // A test reads the document.
    let file: Value = serde_json::from_str(include_str!("operations.json")).unwrap_or_default();
    let mut paths = json!({});
    for (name, methods, pattern) in calls {
        // actix's pattern of a parameter, such as `{rest:.*}`, has no counterpart.
        let path = pattern.replace(":.*}", "}");
        for method in methods_of(methods) {
            let method = method.as_str().to_ascii_lowercase();
            paths[&path][&method] = operation(&file, name, &method);
        }
    }
    let mut schemas = schemas();
    schemas.extend(file["schemas"].as_object().cloned().unwrap_or_default());
    let cookie = |what| json!({ "type": "apiKey", "in": "cookie", "name": settings.cookie_name(what) });
    let document = json!({
        "openapi": "3.1.0",
        "info": { "title": "Rescind", "version": env!("CARGO_PKG_VERSION"), "description": NOTES },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "requestBodies": file["requestBodies"],
            "responses": file["responses"],
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                "accessCookie": cookie("access"),
                "refreshCookie": cookie("refresh"),
                "client": { "type": "http", "scheme": "basic", "description": "The id and the secret of an OAuth client." },
            },
        },
    });
    document.to_string()
}

/// The methods to describe: HEAD is part of GET.
fn methods_of(methods: &[Method]) -> Vec<Method> {
    let known = [
        Method::GET,
        Method::PUT,
        Method::POST,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
        Method::TRACE,
    ];
    let is_mounted = |method: &Method| methods.is_empty() || methods.contains(method);
    known.into_iter().filter(is_mounted).collect()
}

/// The operation of that name, for this method if they differ.
fn operation(file: &Value, name: &str, method: &str) -> Value {
    let (operations, id) = (&file["operations"], format!("{name}_{method}"));
    let own = operations.get(&id);
    let mut operation = own.unwrap_or(&operations[name]).clone();
    let mut take = |member: &str| {
        operation
            .as_object_mut()
            .and_then(|it| it.remove(member))
            .unwrap_or_default()
    };
    let (errors, form, more) = (take("errors"), take("form"), take("more"));
    let errors = errors::responses(&errors, &file["groups"], form.as_str(), &more);
    if let Some(responses) = operation["responses"].as_object_mut() {
        responses.extend(errors);
    }
    operation["operationId"] = id.into();
    operation
}

/// The bodies that have structures of their own.
fn schemas() -> Map<String, Value> {
    fn of<T: ToSchema>() -> (String, Value) {
        // A schema always serializes.
        (
            T::name().into_owned(),
            serde_json::to_value(T::schema()).unwrap_or_default(),
        )
    }
    let all = [
        of::<Body<'_>>(),
        of::<FieldError>(),
        of::<Rebuilt>(),
        of::<accounts::SignedUp>(),
        of::<accounts::Me>(),
        of::<tokens::Tokens<'_>>(),
        of::<sessions::Listed>(),
        of::<health::Live>(),
        of::<health::Ready<'_>>(),
        of::<health::Blacklist>(),
    ];
    all.into_iter().collect()
}
