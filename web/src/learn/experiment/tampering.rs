//! Changes a token, then checks it with the keys of the service that issued it.
//!
//! Any change can still decode well. The lesson is the result of the check, and where it stops: content is interpreted only
//! after a key has verified it.

use rescind_lab::{Action, Error, Loot, Sandbox};
use rescind_session::token::{Algorithm, KeyRing, SigningKey, TokenCheck, TokenParts, Verdict};
use serde_json::{Value, json};

use super::{
    playing::{Check, Play},
    script::Script,
};
use crate::{
    choices::Choices,
    content::Facts,
    inspector::{
        decoded::Decoded,
        tampering::{Change, Place, Tampered},
    },
    trace::VerdictColour,
};

const A_YEAR: i64 = 365 * 24 * 60 * 60;

impl Play {
    /// The thief changes the token and presents it. `what`: the name of the change.
    pub(super) async fn tamper(
        &mut self,
        script: &Script,
        choices: &Choices,
        what: &str,
        facts: &mut Facts,
    ) -> Result<(), Error> {
        let mut write = |question: &str, said, answer| {
            self.checks.push(Check {
                question: question.to_owned(),
                said,
                answer,
            });
        };
        let token = changed(&self.sandbox, choices.of("change"))?;
        let decoded = TokenParts::split_without_verifying(&token).ok();
        write("Decoded, which anybody can do:", None, decoded.as_ref().map(read));
        let Some(service) = self.sandbox.service() else {
            return Ok(());
        };
        let Ok(inspected) = service.inspect(&token).await else {
            return Ok(());
        };
        for (check, verdict) in inspected.token.checks() {
            let said = match verdict {
                Verdict::Passed => VerdictColour::Passed,
                Verdict::Failed => VerdictColour::Refused,
                Verdict::NotReached => VerdictColour::Unknown,
            };
            let told = (verdict == Verdict::NotReached).then(|| "not asked any more".to_owned());
            write(script.question(check), Some(said), told);
        }
        match inspected.token.outcome() {
            Ok(_) => facts.set("token", "accepted"),
            Err(why) => {
                facts.set("token", "refused");
                facts.set("why", why.to_string());
            }
        }
        let loot = Loot {
            access: Some(token),
            ..Loot::default()
        };
        self.sandbox.steal(loot);
        self.press_as(Action::Replay, Some(what)).await;
        Ok(())
    }
}

impl Script {
    fn question(&self, check: TokenCheck) -> &str {
        let found = self.checks.get(&format!("{check:?}").to_lowercase());
        found.map_or("Is everything else in order?", String::as_str)
    }
}

/// The changed token.
fn changed(sandbox: &Sandbox, how: Option<&str>) -> Result<String, Error> {
    let token = sandbox.access().unwrap_or_default();
    let same = || token.to_owned();
    if how == Some("kid") {
        let ring = KeyRing::new(SigningKey::generate(Algorithm::EdDsa)?);
        let service = sandbox.service();
        let claims = service.and_then(|service| service.genuine_claims(token).ok());
        let signed = claims.and_then(|claims| ring.sign(&claims).ok());
        return Ok(signed.map_or_else(same, |signed| signed.expose_secret().to_owned()));
    }
    let Ok(mut decoded) = Decoded::of(token) else {
        return Ok(same());
    };
    let (place, name, value) = match how {
        Some("sub") => (Place::Claims, "sub", json!("00000000-0000-7000-8000-000000000001")),
        Some("exp") => {
            let ends = decoded.claims.members.get("exp").and_then(Value::as_i64);
            (
                Place::Claims,
                "exp",
                json!(ends.unwrap_or_default().saturating_add(A_YEAR)),
            )
        }
        Some("none") => {
            decoded.signature.clear();
            (Place::Header, "alg", json!("none"))
        }
        _ => return Ok(same()),
    };
    let tampered = Tampered::new(&decoded, Change::Member(place, name.to_owned(), Some(value)));
    Ok(tampered.token.expose_secret().to_owned())
}

/// The members to show.
fn read(parts: &TokenParts) -> String {
    let members = [
        ("alg", &parts.header["alg"]),
        ("kid", &parts.header["kid"]),
        ("sub", &parts.claims["sub"]),
        ("exp", &parts.claims["exp"]),
    ];
    members.map(|(name, value)| format!("{name} {value}")).join(", ")
}
