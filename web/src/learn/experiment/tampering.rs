//! A token is changed, and then checked with the keys of the service that made it.
//!
//! Whatever somebody changes, they can make it decode well. What the check says about it is the lesson, and at which of its
//! questions it stops: nothing that a stranger wrote is interpreted before a key has vouched for it.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rescind_lab::{Action, Answer, SandboxError};
use rescind_session::{
    Preset,
    token::{Algorithm, KeyRing, SigningKey, TokenCheck, TokenParts, Verdict},
};
use serde_json::{Value, json};

use super::{
    Finding, Story,
    controls::Choices,
    playing::{Moment, Play, Said},
};

/// A year, in seconds.
const A_YEAR: i64 = 365 * 24 * 60 * 60;

/// Logs in, changes the token, and checks it.
pub(super) async fn play(choices: &Choices) -> Result<Story, SandboxError> {
    let mut play = Play::begin(Answer::Tokens(Preset::Blacklist), |_| {}).await?;
    play.press(Action::LogIn).await;
    let (what, token) = changed(&play, choices.of("change"))?;
    let inspected = match play.sandbox.service() {
        Some(service) => service.inspect(&token).await.ok(),
        None => None,
    };
    let mut moments = play.moments;
    let mut write = |words: String, said, answer| {
        moments.push(Moment {
            at: String::new(),
            who: None,
            words,
            said,
            answer,
        });
    };
    write(what.to_owned(), None, None);
    let decoded = TokenParts::split_without_verifying(&token).ok();
    write(
        "Decoded, which anybody can do:".to_owned(),
        None,
        decoded.as_ref().map(read),
    );
    let Some(inspected) = inspected else {
        return Ok(Story {
            finding: found(Said::Nothing, "There was nobody to ask.".to_owned()),
            spans: None,
            moments,
        });
    };
    for (check, verdict) in inspected.token.checks() {
        let said = match verdict {
            Verdict::Passed => Said::Accepted,
            Verdict::Failed => Said::Refused,
            Verdict::NotReached => Said::Nothing,
        };
        let told = (verdict == Verdict::NotReached).then(|| "not asked any more".to_owned());
        write(question(check).to_owned(), Some(said), told);
    }
    let finding = match inspected.token.outcome() {
        Ok(_) => found(Said::Accepted, "It decodes well, and every check is passed.".to_owned()),
        Err(why) => found(Said::Refused, format!("It decodes well, and is refused: {why}.")),
    };
    Ok(Story {
        finding,
        spans: None,
        moments,
    })
}

fn found(said: Said, words: String) -> Finding {
    Finding { said, words }
}

/// What was done to the token, and the token afterwards.
fn changed(play: &Play, how: &str) -> Result<(&'static str, String), SandboxError> {
    let token = play.sandbox.access().unwrap_or_default();
    let Ok(mut parts) = TokenParts::split_without_verifying(token) else {
        return Ok(("There is no token to change", token.to_owned()));
    };
    Ok(match how {
        "sub" => {
            parts.claims["sub"] = json!("00000000-0000-7000-8000-000000000001");
            (
                "Somebody writes another user into the claims, and leaves the signature as it is",
                joined(&parts),
            )
        }
        "exp" => {
            let ends = parts.claims["exp"].as_i64().unwrap_or_default();
            parts.claims["exp"] = json!(ends.saturating_add(A_YEAR));
            (
                "Somebody adds a year to the expiry, and leaves the signature as it is",
                joined(&parts),
            )
        }
        "none" => {
            parts.header["alg"] = json!("none");
            parts.signature.clear();
            (
                "Somebody writes into the header that the token is not signed, and drops the signature",
                joined(&parts),
            )
        }
        "kid" => {
            let ring = KeyRing::new(SigningKey::generate(Algorithm::EdDsa)?);
            let claims = play
                .sandbox
                .service()
                .and_then(|service| service.genuine_claims(token).ok());
            let signed = claims.and_then(|claims| ring.sign(&claims).ok());
            (
                "Somebody signs the same claims anew, with a key of their own, and names that key",
                signed.map_or_else(|| token.to_owned(), |signed| signed.expose_secret().to_owned()),
            )
        }
        _ => ("Nobody changes anything", token.to_owned()),
    })
}

fn joined(parts: &TokenParts) -> String {
    let part = |object: &Value| BASE64_URL_SAFE_NO_PAD.encode(object.to_string());
    format!("{}.{}.{}", part(&parts.header), part(&parts.claims), parts.signature)
}

/// The members that are worth looking at.
fn read(parts: &TokenParts) -> String {
    let members = [
        ("alg", &parts.header["alg"]),
        ("kid", &parts.header["kid"]),
        ("sub", &parts.claims["sub"]),
        ("exp", &parts.claims["exp"]),
    ];
    members.map(|(name, value)| format!("{name} {value}")).join(", ")
}

fn question(check: TokenCheck) -> &'static str {
    match check {
        TokenCheck::Size => "Is it short enough to be looked at?",
        TokenCheck::Shape => "Has it three parts?",
        TokenCheck::Header => "Can the header be read, and in one way only?",
        TokenCheck::Parameters => "Does the header ask for nothing forbidden?",
        TokenCheck::Type => "Does it say that it is an access token?",
        TokenCheck::Key => "Does it name a key of ours?",
        TokenCheck::Algorithm => "Is its algorithm that key’s?",
        TokenCheck::Signature => "Has that key signed it?",
        TokenCheck::Claims => "Are all claims there?",
        TokenCheck::Issuer => "Is it from the right issuer?",
        TokenCheck::Audience => "Is it for us?",
        TokenCheck::Start => "Has its time begun?",
        TokenCheck::Expiry => "Is its time not over?",
        TokenCheck::Lifetime => "Was it meant to live no longer than is allowed?",
        _ => "Is everything else in order?",
    }
}
