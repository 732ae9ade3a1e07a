//! Request bodies, and the errors for those that cannot be read.
//!
//! A [`Form`] must be UTF-8, like JSON: a text with replacement characters is not the text that was typed, and two
//! different passwords would become equal.
//!
//! A body can have three faults: it is of the wrong kind (413, 415), it is not JSON (400), or it is JSON with other
//! contents (422, with the names of the fields). Therefore fields are read one by one into [`Field`], and each call
//! checks them. Serde's own messages are not passed on: they quote the input, which may contain a password.

use std::{future::Future, io, pin::Pin, time::Duration};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::{self, ServiceRequest},
    error::{JsonPayloadError, PayloadError, UrlencodedError},
    http::{Version, header},
    web,
};
use futures::{Stream, StreamExt, stream};
use percent_encoding::percent_decode;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::error::Category;
use tokio::time::{sleep, timeout};
use url::form_urlencoded;

use crate::{
    problem::{FieldError, Problem},
    settings::DEADLINE,
};

/// The longest body of a call. The longest useful one is a name and a password.
const LONGEST: usize = 16 * 1024;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Puts a deadline on a request's body. A client that sends a byte now and then would keep its connection for ever.
pub(crate) fn limit_time(request: &mut ServiceRequest, deadline: Duration) {
    // Without either header a read over HTTP/1 has no body (RFC 9112, section 6.3).
    let headers = request.headers();
    let has_body = headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING);
    if request.method().is_safe() && !has_body && request.version() <= Version::HTTP_11 {
        return;
    }
    let payload = match request.take_payload() {
        dev::Payload::None => return,
        payload => payload,
    };
    let timed = stream::unfold(
        (payload, Box::pin(sleep(deadline))),
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

/// Gives the errors of actix's own `Json`, `Form`, `Query` and `Path` our form, in the whole application:
/// `App::configure(extractor_problems)`. It replaces the application's `JsonConfig`, `FormConfig`, `QueryConfig` and
/// `PathConfig`, unless they are set after it. Nothing in this crate needs it.
pub fn extractor_problems(cfg: &mut web::ServiceConfig) {
    cfg.app_data(web::JsonConfig::default().error_handler(|error, _| of_json(&error).into()))
        .app_data(web::FormConfig::default().error_handler(|error, _| of_form(&error).into()))
        .app_data(web::QueryConfig::default().error_handler(|_, _| Problem::BadRequest.into()))
        // A path whose parts cannot be read names no resource.
        .app_data(web::PathConfig::default().error_handler(|_, _| Problem::NotFound.into()));
}

/// A body of at most 16 KiB. The limit is ours; the application's `PayloadConfig` does not count. Compressed bodies are
/// refused: none of ours is worth it.
pub(crate) async fn read(request: &HttpRequest, mut payload: dev::Payload) -> Result<web::Bytes, Problem> {
    let coding = request.headers().get(header::CONTENT_ENCODING);
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::UnsupportedMediaType);
    }
    let parts = async {
        let mut body = web::BytesMut::new();
        while let Some(part) = payload.next().await {
            let part = part.map_err(|error| of_payload(&error))?;
            if body.len() + part.len() > LONGEST {
                return Err(Problem::PayloadTooLarge);
            }
            body.extend_from_slice(&part);
        }
        Ok(body.freeze())
    };
    timeout(DEADLINE, parts).await.unwrap_or(Err(Problem::RequestTimeout))
}

/// The JSON object in a request's body; a missing body counts as the empty object.
pub(crate) async fn json<T: DeserializeOwned + Default>(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<T, Problem> {
    let bytes = read(request, payload.into_inner()).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    if !request.content_type().eq_ignore_ascii_case(JSON) {
        return Err(Problem::UnsupportedMediaType);
    }
    object(&bytes)
}

fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let read = serde_json::from_slice(bytes).map_err(|error| of_syntax(&error))?;
    // Serde also reads a structure from an array, field by field. The API does not promise that.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::InvalidInput(Vec::new()));
    }
    Ok(read)
}

/// The fields of a form, in UTF-8 and of at most 16 KiB. Use it in place of actix's own `Form`, which replaces bytes
/// that it cannot read. Errors are problems, as everywhere.
pub struct Form<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let is_utf_8 = request.encoding().is_ok_and(|encoding| encoding.name() == "UTF-8");
        let is_form = is_utf_8 && request.content_type().eq_ignore_ascii_case(FORM);
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            if !is_form {
                return Err(Problem::UnsupportedMediaType);
            }
            let bytes = read(&request, payload).await?;
            // The separators are ASCII, so the body is UTF-8 exactly if every field is.
            if percent_decode(&bytes).decode_utf8().is_err() {
                return Err(Problem::BadRequest);
            }
            serde_urlencoded::from_bytes(&bytes)
                .map(Self)
                .map_err(|_| Problem::BadRequest)
        })
    }
}

/// The refresh tokens in the body of a logout, `None` for one that cannot be read. The logout continues with any body.
#[derive(Default)]
pub(crate) struct LogoutBody(pub(crate) Vec<Option<String>>);

#[derive(Default, Deserialize)]
#[serde(default)]
struct LogoutFields {
    /// `null` means no token.
    refresh_token: Option<Field>,
}

impl LogoutBody {
    pub(crate) async fn of(request: &HttpRequest, payload: web::Payload) -> Self {
        match read(request, payload.into_inner()).await {
            Ok(bytes) if bytes.is_empty() => Self::default(),
            Ok(bytes) => Self::parse(&request.content_type().to_ascii_lowercase(), &bytes),
            // This includes a body above the limit.
            Err(_) => Self(vec![None]),
        }
    }

    fn parse(kind: &str, bytes: &[u8]) -> Self {
        if kind == FORM {
            let tokens = form_urlencoded::parse(bytes).filter(|(name, _)| name == "refresh_token");
            return Self(tokens.map(|(_, token)| Some(token.into_owned())).collect());
        }
        // `sendBeacon` sends JSON as `text/plain`.
        Self(match object::<LogoutFields>(bytes).map(|fields| fields.refresh_token) {
            Ok(Some(Field::Text(token))) => vec![Some(token)],
            Ok(None | Some(Field::Absent)) => Vec::new(),
            // A body of another kind is ignored, unless something in it looks like a token.
            Err(_) if kind != JSON && !bytes.windows(4).any(|text| text == b"rrt_") => Vec::new(),
            Ok(Some(Field::NoText)) | Err(_) => vec![None],
        })
    }
}

/// A text field as the client sent it.
#[derive(Default)]
pub(crate) enum Field {
    /// The field is missing.
    #[default]
    Absent,
    /// The field is a text.
    Text(String),
    /// The field is of another kind.
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
    /// The text. If it is missing, the error is added to `errors`.
    pub(crate) fn required(self, field: &'static str, errors: &mut Vec<FieldError>) -> String {
        let detail = match self {
            Self::Text(text) => return text,
            Self::Absent => "is required",
            Self::NoText => "must be a string",
        };
        errors.push(FieldError::new(field, detail));
        String::new()
    }

    /// The text, if it was sent.
    pub(crate) fn optional(self, field: &'static str) -> Result<Option<String>, Problem> {
        match self {
            Self::Text(text) => Ok(Some(text)),
            Self::Absent => Ok(None),
            Self::NoText => Err(Problem::InvalidInput(vec![FieldError::new(field, "must be a string")])),
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

fn of_payload(error: &PayloadError) -> Problem {
    match error {
        PayloadError::Overflow => Problem::PayloadTooLarge,
        PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut => Problem::RequestTimeout,
        _ => Problem::BadRequest,
    }
}
