//! Members of a JSON object, read one by one, so that an error can name the claim.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::VerifyError;

pub(crate) fn claim<T: DeserializeOwned>(
    members: &mut Map<String, Value>,
    name: &'static str,
) -> Result<T, VerifyError> {
    let value = members.remove(name).ok_or(VerifyError::MissingClaim(name))?;
    serde_json::from_value(value).map_err(|_| VerifyError::MalformedClaim(name))
}

/// A NumericDate of RFC 7519 section 2, in whole seconds: fractions are allowed there and never signed here.
pub(crate) fn instant(members: &mut Map<String, Value>, name: &'static str) -> Result<Timestamp, VerifyError> {
    let seconds = claim(members, name)?;
    Timestamp::from_second(seconds).map_err(|_| VerifyError::MalformedClaim(name))
}
