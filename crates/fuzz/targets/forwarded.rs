//! `Forwarded` and `X-Forwarded-For`: the entry of the trusted proxy, on the right, decides.
#![no_main]

use std::net::IpAddr;

use actix_web::{http::header::HeaderValue, test::TestRequest};
use libfuzzer_sys::fuzz_target;
use rescind_api::{IpNet, client_address};

const CLIENT: &str = "198.51.100.7";

fuzz_target!(|data: &[u8]| {
    let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let from = |peer: &str, headers: &[(&'static str, &HeaderValue)]| -> IpAddr {
        let request = TestRequest::default().peer_addr(format!("{peer}:40000").parse().unwrap());
        let request = headers.iter().fold(request, |request, (name, value)| request.append_header((*name, (*value).clone())));
        client_address(&request.to_http_request(), &trusted).unwrap()
    };
    let client: IpAddr = CLIENT.parse().unwrap();
    for (name, entry) in [("x-forwarded-for", format!(", {CLIENT}")), ("forwarded", format!(", for={CLIENT};proto=https"))] {
        if let Ok(value) = HeaderValue::from_bytes(data) {
            // A stranger is not believed; from a proxy any text gives some address.
            assert_eq!(from("192.0.2.1", &[(name, &value)]), "192.0.2.1".parse::<IpAddr>().unwrap());
            from("10.0.0.1", &[(name, &value)]);
            let confirmed = HeaderValue::from_str(&entry[2..]).unwrap();
            assert_eq!(from("10.0.0.1", &[(name, &value), (name, &confirmed)]), client);
        }
        if let Ok(value) = HeaderValue::from_bytes(&[data, entry.as_bytes()].concat()) {
            assert_eq!(from("10.0.0.1", &[(name, &value)]), client);
        }
    }
});
