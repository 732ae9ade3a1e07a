//! What clients send, and what is said of it if it cannot be read.
//!
//! Three things can be wrong with a body: it is of the wrong kind (413, 415), it is not JSON (400), or it is JSON that
//! says something else (422, with the names of the fields). Fields are therefore read one by one into [`Field`] and
//! judged by the call. Serde's own messages are not passed on: they quote what was sent, a password among the rest.

use std::{future::Future, io, pin::Pin, time::Duration};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::{self, ServiceRequest},
    error::{JsonPayloadError, PayloadError, UrlencodedError},
    web,
};
use futures::{Stream, StreamExt, stream};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::error::Category;
use tokio::time::sleep;

use crate::problem::{FieldError, Problem};

/// The longest body of a JSON call. The longest that is meant is a name and a password.
pub(crate) const LONGEST: usize = 16 * 1024;

/// How long a body may take, counted from the end of the request's head.
const DEADLINE: Duration = Duration::from_secs(10);

/// Puts the [`DEADLINE`] on a request's body. A client that sends a byte now and then would hold its connection for ever.
pub(crate) fn limit_time(request: &mut ServiceRequest) {
    let payload = match request.take_payload() {
        dev::Payload::None => return,
        payload => payload,
    };
    let timed = stream::unfold(
        (payload, Box::pin(sleep(DEADLINE))),
        |(mut payload, mut over)| async move {
            let part = tokio::select! {
                biased;
                part = payload.next() => part?,
                () = &mut over => Err(PayloadError::Io(io::ErrorKind::TimedOut.into())),
            };
            Some((part, (payload, over)))
        },
    );
    request.set_payload(dev::Payload::from(Box::pin(timed) as Pin<Box<dyn Stream<Item = _>>>));
}

/// Makes the errors of actix's own extractors read like ours, in the whole application. The limits of their bodies stay
/// the application's own affair.
pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.app_data(web::JsonConfig::default().error_handler(|error, _| of_json(&error).into()))
        .app_data(web::FormConfig::default().error_handler(|error, _| of_form(&error).into()))
        .app_data(web::QueryConfig::default().error_handler(|_, _| Problem::BadRequest.into()))
        // A path whose parts cannot be read names nothing that is there.
        .app_data(web::PathConfig::default().error_handler(|_, _| Problem::NotFound.into()));
}

/// The JSON object in a request's body; no body at all counts as the empty object.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned + Default + 'static> FromRequest for JsonBody<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let is_json = request.content_type().eq_ignore_ascii_case("application/json");
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let bytes = bytes.await.map_err(|error| of_body(&error))?;
            if bytes.is_empty() {
                return Ok(Self(T::default()));
            }
            if !is_json {
                return Err(Problem::UnsupportedMediaType);
            }
            let read = serde_json::from_slice(&bytes).map_err(|error| of_syntax(&error))?;
            // Serde reads a structure from an array too, field by field. Nobody was promised that.
            if !bytes.trim_ascii_start().starts_with(b"{") {
                return Err(Problem::InvalidInput(Vec::new()));
            }
            Ok(Self(read))
        })
    }
}

/// A text field as it was sent.
#[derive(Default)]
pub(crate) enum Field {
    /// It was not.
    #[default]
    Absent,
    /// A text.
    Text(String),
    /// Something else.
    NoText,
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Sent {
            Text(String),
            Other(IgnoredAny),
        }
        Sent::deserialize(deserializer).map(|sent| match sent {
            Sent::Text(text) => Self::Text(text),
            Sent::Other(IgnoredAny) => Self::NoText,
        })
    }
}

impl Field {
    /// The text; if there is none, `errors` gets to know.
    pub(crate) fn required(self, field: &'static str, errors: &mut Vec<FieldError>) -> String {
        let detail = match self {
            Self::Text(text) => return text,
            Self::Absent => "is required",
            Self::NoText => "must be a string",
        };
        errors.push(FieldError {
            field,
            detail: detail.to_owned(),
        });
        String::new()
    }

    /// The text, if there is any.
    pub(crate) fn optional(self, field: &'static str) -> Result<Option<String>, Problem> {
        match self {
            Self::Text(text) => Ok(Some(text)),
            Self::Absent => Ok(None),
            Self::NoText => Err(Problem::InvalidInput(vec![FieldError {
                field,
                detail: "must be a string".to_owned(),
            }])),
        }
    }
}

fn of_syntax(error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Data => Problem::InvalidInput(Vec::new()),
        Category::Io | Category::Syntax | Category::Eof => Problem::BadRequest,
    }
}

fn of_json(error: &JsonPayloadError) -> Problem {
    match error {
        JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => Problem::PayloadTooLarge,
        JsonPayloadError::ContentType => Problem::UnsupportedMediaType,
        JsonPayloadError::Deserialize(error) => of_syntax(error),
        JsonPayloadError::Payload(error) => of_payload(error),
        _ => Problem::BadRequest,
    }
}

fn of_form(error: &UrlencodedError) -> Problem {
    match error {
        UrlencodedError::Overflow { .. } => Problem::PayloadTooLarge,
        UrlencodedError::ContentType => Problem::UnsupportedMediaType,
        UrlencodedError::Payload(error) => of_payload(error),
        _ => Problem::BadRequest,
    }
}

fn of_body(error: &actix_web::Error) -> Problem {
    error.as_error().map_or(Problem::BadRequest, of_payload)
}

fn of_payload(error: &PayloadError) -> Problem {
    match error {
        PayloadError::Overflow => Problem::PayloadTooLarge,
        PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut => Problem::RequestTimeout,
        _ => Problem::BadRequest,
    }
}
