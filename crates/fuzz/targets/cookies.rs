//! The `Cookie` header: what stands before our cookie does not hide it.
#![no_main]

use actix_web::http::header::{self, HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use rescind_api::cookie_values;

const NAME: &str = "__Host-rescind_access";

fuzz_target!(|data: &[u8]| {
    // A line feed divides two headers.
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(header::COOKIE, value);
        }
    }
    let before = cookie_values(&headers, NAME).count();
    headers.append(header::COOKIE, HeaderValue::from_static("a=b; __Host-rescind_access=ours; c=d"));
    let values: Vec<_> = cookie_values(&headers, NAME).collect();
    assert_eq!(values.len(), before + 1);
    assert_eq!(values.last().map(|value| &**value), Some("ours"));

    // The same within one header.
    let joined = [data, b"; __Host-rescind_access=ours"].concat();
    if let Ok(value) = HeaderValue::from_bytes(&joined) {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, value);
        assert_eq!(cookie_values(&headers, NAME).last().as_deref(), Some("ours"));
    }
});
