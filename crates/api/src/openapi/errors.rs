//! Errors as responses of an operation, one for each status.

use std::collections::BTreeMap;

use actix_web::{ResponseError, http::StatusCode};
use serde_json::{Map, Value, json};
use strum::IntoEnumIterator;

use crate::{
    oauth::OAuthError,
    problem::{PROBLEM_JSON, Problem},
};

/// The codes of a list, those of its groups (`$name`) included.
fn codes<'a>(list: &'a Value, groups: &'a Value) -> Vec<&'a str> {
    let listed = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    let codes = listed.flat_map(|code| match code.strip_prefix('$') {
        Some(group) => codes(&groups[group], groups),
        None => vec![code],
    });
    codes.collect()
}

/// The responses of an operation with these codes. In the form `oauth` the codes become those of RFC 6749, and `more` has
/// further ones; in the form `page` an application may draw them.
pub(super) fn responses(list: &Value, groups: &Value, form: Option<&str>, more: &Value) -> Map<String, Value> {
    let is_oauth = form == Some("oauth");
    let mut by_status = BTreeMap::<StatusCode, BTreeMap<&str, &str>>::new();
    for code in codes(list, groups) {
        let found = Problem::iter().find(|problem| problem.code() == code);
        debug_assert!(found.is_some(), "no problem has the code {code}");
        let Some(problem) = found else { continue };
        let (status, code, detail) = match is_oauth {
            true => OAuthError::from_problem(&problem).describe(),
            false => (problem.status_code(), problem.code(), problem.detail()),
        };
        by_status.entry(status).or_default().insert(code, detail);
    }
    for (code, detail) in more.as_object().into_iter().flatten() {
        let detail = detail.as_str().unwrap_or_default();
        by_status
            .entry(StatusCode::BAD_REQUEST)
            .or_default()
            .insert(code, detail);
    }
    let response = |(status, codes): (StatusCode, BTreeMap<&str, &str>)| {
        let texts: Vec<_> = codes
            .iter()
            .map(|(code, detail)| format!("`{code}`: {detail}"))
            .collect();
        let header = match status {
            StatusCode::UNAUTHORIZED => Some("WWW-Authenticate"),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Some("Retry-After"),
            _ => None,
        };
        let header = header.map(|name| (name, json!({ "required": true, "schema": { "type": "string" } })));
        let (kind, schema, member) = match is_oauth {
            true => ("application/json", "OAuthError", "error"),
            false => (PROBLEM_JSON, "Problem", "code"),
        };
        let codes: Vec<_> = codes.into_keys().collect();
        let body = json!({ "schema": {
            "allOf": [{ "$ref": format!("#/components/schemas/{schema}") }],
            "properties": { member: { "enum": codes } },
        } });
        let mut content = json!({ kind: body });
        if form == Some("page") {
            content["text/html"] = json!({});
        }
        let response = json!({
            "description": texts.join("\n\n"),
            "headers": header.into_iter().collect::<BTreeMap<_, _>>(),
            "content": content,
        });
        (status.as_str().to_owned(), response)
    };
    by_status.into_iter().map(response).collect()
}
