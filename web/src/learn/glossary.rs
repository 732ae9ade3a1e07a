//! The words of the pages, each with an anchor that other pages lead to.
//!
//! One word for one thing: what stands here is what code, pages and errors mean by it. The chapters that use a word are not
//! listed by hand; they are those whose prose leads here.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use rescind_api::{Problem, Rescind, Visitor};

use super::chapters::Chapter;
use crate::pages::{
    Site, draw,
    frame::{Frame, Who},
};

/// A word, and what is meant by it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Term {
    /// Its anchor: `/glossary#anchor`.
    pub(crate) anchor: &'static str,
    pub(crate) name: &'static str,
    /// What else it is called.
    pub(crate) also: Option<&'static str>,
    pub(crate) says: &'static str,
    pub(crate) sources: &'static [Source],
}

/// Where a word comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// An RFC and its section.
    Rfc(u16, &'static str),
    /// A document of somebody else's.
    Other { name: &'static str, address: &'static str },
}

impl Source {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Rfc(number, section) => format!("RFC {number}, section {section}"),
            Self::Other { name, .. } => name.to_owned(),
        }
    }

    pub(crate) fn address(self) -> String {
        match self {
            Self::Rfc(number, section) => format!("https://www.rfc-editor.org/rfc/rfc{number}#section-{section}"),
            Self::Other { address, .. } => address.to_owned(),
        }
    }
}

use Source::{Other, Rfc};

const COOKIE_DRAFT: Source = Other {
    name: "the draft that revises RFC 6265",
    address: "https://datatracker.ietf.org/doc/draft-ietf-httpbis-rfc6265bis/",
};
const FETCH_METADATA: Source = Other {
    name: "Fetch Metadata Request Headers, W3C",
    address: "https://www.w3.org/TR/fetch-metadata/",
};

const fn term(anchor: &'static str, name: &'static str, says: &'static str, sources: &'static [Source]) -> Term {
    Term {
        anchor,
        name,
        also: None,
        says,
        sources,
    }
}

const fn also_called(also: &'static str, term: Term) -> Term {
    Term {
        also: Some(also),
        ..term
    }
}

/// All of them, in the order of the alphabet.
pub(crate) static TERMS: &[Term] = &[
    term(
        "access-token",
        "access token",
        "A signed JWT of the type at+jwt, presented with every request. Whoever holds it is let in until it expires or is \
         taken back. Here it lives for minutes.",
        &[Rfc(9068, "2"), Rfc(6749, "1.4")],
    ),
    term(
        "alg",
        "alg",
        "The member of a token’s header that names the algorithm of its signature. It was written by whoever wrote the \
         token, so it decides nothing: the algorithm belongs to the key, and a token that disagrees is refused.",
        &[Rfc(7515, "4.1.1"), Rfc(8725, "3.1")],
    ),
    term(
        "aud",
        "aud",
        "The audience claim: which service the token is for. A service that is not named refuses it, so that a token for \
         one is of no use at another.",
        &[Rfc(7519, "4.1.3"), Rfc(8725, "3.9")],
    ),
    term(
        "base64url",
        "base64url",
        "A way to write bytes with letters that are safe in an address. It hides nothing: whoever has a token can read \
         it.",
        &[Rfc(4648, "5")],
    ),
    term(
        "bearer",
        "bearer token",
        "A token that works for whoever holds it, like cash. Nothing ties it to the browser that it was given to.",
        &[Rfc(6750, "1.2")],
    ),
    also_called(
        "denylist",
        term(
            "blacklist",
            "blacklist",
            "The database in memory of revocations, asked on every request. It is a copy, which can always be made again \
             from the revocation log; while it is not whole nobody is let in.",
            &[],
        ),
    ),
    term(
        "claim",
        "claim",
        "One statement in a token, such as who it speaks for or when it ends. It is worth believing only after the \
         signature was checked.",
        &[Rfc(7519, "4")],
    ),
    term(
        "clock",
        "clock",
        "What tokens are judged by. The machine’s clock is read once, at the start, and held against the database’s; from then \
         on a counter goes on that nobody can set. So a token that is dead stays dead when somebody sets the clock back.",
        &[],
    ),
    term(
        "compare-and-swap",
        "compare-and-swap",
        "Change a value only if it still is what you believe, in one step that nobody can come between. Of any number of \
         callers that believe the same, exactly one wins.",
        &[],
    ),
    term(
        "cookie",
        "cookie",
        "A value that the browser keeps for a site and adds to every request to it by itself. That is why nobody has to \
         remember to send it, and why other sites’ requests have to be told from one’s own.",
        &[Rfc(6265, "4.1"), Rfc(6265, "8.2")],
    ),
    also_called(
        "content security policy",
        term(
            "csp",
            "CSP",
            "A header by which a page tells the browser what it may load and run. The pages here allow this site’s script \
             file and nothing inline, so that text which slips into a page stays text.",
            &[Other {
                name: "Content Security Policy Level 3, W3C",
                address: "https://www.w3.org/TR/CSP3/",
            }],
        ),
    ),
    also_called(
        "cross-site request forgery",
        term(
            "csrf",
            "CSRF",
            "Another site’s page makes the browser send a request here, and the browser adds the cookies. Every request \
             that may change something is therefore asked where it comes from.",
            &[Rfc(6749, "10.12"), Rfc(6265, "8.2")],
        ),
    ),
    term(
        "decoded",
        "decoded",
        "Made readable, and nothing more. Anybody can decode a token, or write one that decodes well; whether it is to be \
         believed is another question. See: verified.",
        &[Rfc(7519, "7.2")],
    ),
    term(
        "epoch",
        "epoch",
        "A number that a user has, raised whenever all of their sessions are closed. A login reads it before the password \
         and opens a session only if it is still the same, so no login slips through beside “log out everywhere”.",
        &[],
    ),
    term(
        "exp",
        "exp",
        "The expiry claim: the first instant at which the token must not be accepted any more, in seconds since 1970. It is \
         decided when the token is signed, and nothing changes it afterwards.",
        &[Rfc(7519, "4.1.4")],
    ),
    term(
        "fail-closed",
        "fail closed",
        "If a question that has to be asked cannot be answered, the answer is no. Here it is 503, within the store timeout, \
         and says when to try again; never 200.",
        &[Rfc(9110, "15.6.4")],
    ),
    term(
        "generation",
        "generation",
        "How many times a session’s refresh token has been rotated, counted from 0. It stands in the token and in the \
         session’s row, and comparing the two tells a current token from a spent one.",
        &[],
    ),
    also_called(
        "reuse interval",
        term(
            "grace",
            "grace",
            "The short time in which the previous generation still answers with the same successor, so that two tabs or a \
             lost reply log nobody out. Ten seconds, counted from the first rotation and never renewed.",
            &[],
        ),
    ),
    term(
        "hmac",
        "HMAC",
        "A tag over a text, made with a secret key; only who has the key can make it or check it. Refresh tokens carry one, \
         and access tokens do where they are signed with HS256.",
        &[Rfc(2104, "2"), Rfc(7518, "3.2")],
    ),
    term(
        "host-prefix",
        "__Host-",
        "What a cookie’s name begins with so that the browser takes it only from this very host, over https, for the whole \
         site. A neighbouring subdomain cannot plant one.",
        &[COOKIE_DRAFT],
    ),
    term(
        "httponly",
        "HttpOnly",
        "The attribute that hides a cookie from scripts. A script in the page can still send requests to which the browser \
         adds it: it can use the cookie there, and not take it away.",
        &[Rfc(6265, "4.1.2.6")],
    ),
    term(
        "iat",
        "iat",
        "The claim that says when the token was signed. Together with exp it tells how long a token was meant to live, and \
         one that was meant to live longer than is allowed now is refused.",
        &[Rfc(7519, "4.1.6")],
    ),
    term(
        "introspection",
        "introspection",
        "Asking whoever issued a token whether it is still active, over the network. The answer knows of revocations; the \
         price is a question with every request, or an answer that is a little old.",
        &[Rfc(7662, "2")],
    ),
    term(
        "iss",
        "iss",
        "The issuer claim: who made the token. Keys belong to an issuer, so a token of another one is refused, however \
         well it is signed.",
        &[Rfc(7519, "4.1.1"), Rfc(8725, "3.8")],
    ),
    term(
        "jti",
        "jti",
        "The claim that names this very token. It is random here, so no two share one, and a blacklist can refuse one \
         token by it.",
        &[Rfc(7519, "4.1.7")],
    ),
    also_called(
        "JWKS",
        term(
            "jwks",
            "JWK set",
            "A list of keys as JSON, each with its kid, for others to verify tokens with. Only public halves belong in \
             it; a symmetric key there would let every reader sign.",
            &[Rfc(7517, "5")],
        ),
    ),
    also_called(
        "JSON Web Signature",
        term(
            "jws",
            "JWS",
            "The envelope of a JWT: a header, a content and a signature over both, in base64url with dots between. A \
             signature proves where something comes from and that it was not changed; it hides nothing.",
            &[Rfc(7515, "3.1"), Rfc(7515, "7.1")],
        ),
    ),
    also_called(
        "JSON Web Token",
        term(
            "jwt",
            "JWT",
            "Claims as a JSON object, signed (and sometimes encrypted), short enough for a header. Whoever has the key can \
             check one without asking anybody, which is its strength and the reason for this course.",
            &[Rfc(7519, "3")],
        ),
    ),
    term(
        "key-ring",
        "key ring",
        "The keys of a service: one that signs, and older ones that still verify, until the last token they signed is \
         dead. So a key can be replaced and nobody is logged out.",
        &[],
    ),
    term(
        "kid",
        "kid",
        "The member of a token’s header that names the key. It only chooses among the keys that we have; a name that is \
         none of theirs is refused.",
        &[Rfc(7515, "4.1.4")],
    ),
    term(
        "leeway",
        "leeway",
        "How long after its expiry a token still counts, for clocks that differ. It lengthens the life of every stolen \
         token as well. Zero here unless somebody sets it.",
        &[Rfc(7519, "4.1.4")],
    ),
    term(
        "mark",
        "mark",
        "A key beside the blacklist’s entries. It says of which revocation log the copy is whole, and in which life of \
         which server; where it is missing or says something else, nobody is let in.",
        &[],
    ),
    term(
        "nbf",
        "nbf",
        "The claim that says from when on a token counts. None of ours has it; where it stands it is honoured.",
        &[Rfc(7519, "4.1.5")],
    ),
    term(
        "node",
        "node",
        "One running copy of the program. Several share one database, one Redis and the same keys, and what one has logged \
         out, all refuse.",
        &[],
    ),
    term(
        "origin",
        "origin",
        "Scheme, host and port of a page: what browsers keep apart. Requests name it in Origin, and newer browsers say in \
         Sec-Fetch-Site whether a request came from the same one; no page can set either.",
        &[Rfc(6454, "4"), Rfc(6454, "7"), FETCH_METADATA],
    ),
    term(
        "plain-session",
        "plain session",
        "A random number in a cookie, and a row on the server that is looked up on every request. Logging out deletes the \
         row. No signature, no expiry to trust, no list: the sixth answer, and often the better one.",
        &[Rfc(6265, "8.4")],
    ),
    term(
        "policy",
        "policy",
        "How long tokens live, whether there is a refresh token, and what is asked on every request. The five answers of \
         the course are five settings of these three dials.",
        &[],
    ),
    term(
        "refresh-token",
        "refresh token",
        "An opaque string that buys the next access token, once. It is worth nothing without its session’s row, and none \
         is stored: the row and a key are enough to know it again.",
        &[Rfc(6749, "1.5"), Rfc(6749, "6")],
    ),
    term(
        "replay",
        "replay",
        "Sending again what was sent before. A bearer token is meant to be replayed by its owner, so a thief’s replay looks \
         the same; a refresh token is not, and so its replay is noticed.",
        &[],
    ),
    term(
        "reuse",
        "reuse",
        "A genuine refresh token of a generation that is no longer accepted: somebody has a copy. Which of the two is the \
         thief cannot be told, so the session is closed under both.",
        &[Rfc(6749, "10.4"), Rfc(9700, "4.14.2")],
    ),
    term(
        "revocation",
        "revocation",
        "The fact that a token or a session no longer counts. It is kept until nothing that it covers could still be \
         alive.",
        &[Rfc(7009, "2")],
    ),
    term(
        "revocation-log",
        "revocation log",
        "All revocations in the order of their commits, in the database, written in the same transaction that closes the \
         session. It is the truth of which the blacklist is a copy.",
        &[],
    ),
    term(
        "rotation",
        "rotation",
        "Exchanging generation n of a refresh token for generation n+1; the old one is spent. That is how a theft can be \
         noticed: of two holders one comes with a spent token.",
        &[Rfc(6749, "10.4"), Rfc(9700, "4.14.2")],
    ),
    term(
        "salt",
        "salt",
        "Random bytes in a session’s row, which go into the tags of its refresh tokens. They make the keys alone useless: \
         without the row nobody can make such a token.",
        &[],
    ),
    term(
        "samesite",
        "SameSite",
        "The attribute that says whether a cookie is sent with requests that another site began. Lax sends it when \
         somebody follows a link or sends a GET form, and not with another site’s POST. A site is coarser than an origin, so it is not enough \
         by itself.",
        &[COOKIE_DRAFT],
    ),
    term(
        "secure",
        "Secure",
        "The attribute that keeps a cookie off plain http. Without it a token crosses the network for everybody to read.",
        &[Rfc(6265, "4.1.2.5")],
    ),
    term(
        "session",
        "session",
        "One login on one device; what you see in “your devices”. Where the policy needs one it is one row in the database, \
         however often it is refreshed.",
        &[],
    ),
    term(
        "sid",
        "sid",
        "The claim that names the session a token belongs to. One entry in the blacklist by sid refuses every token of that \
         login.",
        &[Other {
            name: "OpenID Connect Front-Channel Logout 1.0, section 3",
            address: "https://openid.net/specs/openid-connect-frontchannel-1_0.html",
        }],
    ),
    term(
        "signature",
        "signature",
        "A seal over the header and the claims, made with a key. Change one letter and it no longer fits; but it says \
         nothing of what happened since.",
        &[Rfc(7515, "5.2")],
    ),
    term(
        "stateless",
        "stateless",
        "Deciding about a request from the request alone, without asking a store. A server that wants to take tokens back \
         cannot be; it can only choose how little it remembers and how seldom it asks.",
        &[],
    ),
    term(
        "store-timeout",
        "store timeout",
        "The longest that a request waits for its stores: half a second unless set. Then it is answered 503.",
        &[],
    ),
    term(
        "sub",
        "sub",
        "The subject claim: whom the token speaks for. Here it is the user’s number, not a name, which might change.",
        &[Rfc(7519, "4.1.2")],
    ),
    term(
        "thumbprint",
        "thumbprint",
        "A hash of a public key, which makes a good name for it: everybody computes the same one. For a shared secret it \
         would give the secret’s hash away, so those get random names.",
        &[Rfc(7638, "3"), Rfc(7638, "7")],
    ),
    term(
        "transaction",
        "transaction",
        "Several changes of a database that happen all together or not at all. A logout closes the session and writes its \
         revocation in one, so that neither is ever there without the other.",
        &[],
    ),
    term(
        "typ",
        "typ",
        "The member of a token’s header that says what kind it is. Ours are at+jwt, and other kinds, such as those that \
         tell a program who logged in, are refused as tickets.",
        &[Rfc(7515, "4.1.9"), Rfc(9068, "2.1"), Rfc(8725, "3.11")],
    ),
    term(
        "until",
        "until",
        "The instant from which a revocation may be removed: the last expiry that it covers, plus the leeway, plus five \
         minutes. It only permits removal; an entry that is there refuses, whatever its until.",
        &[],
    ),
    term(
        "verified",
        "verified",
        "Found genuine: the signature fits a key of ours, and the claims are for us and in time. Only then is a token \
         worth believing, and even then it may have been taken back. See: decoded.",
        &[Rfc(7515, "5.2"), Rfc(8725, "3.3")],
    ),
    also_called(
        "cross-site scripting",
        term(
            "xss",
            "XSS",
            "A stranger’s script that runs in your page, because text was taken for markup or because a script that you \
             include turned bad. To the browser it is you.",
            &[Other {
                name: "Cross-site scripting, OWASP",
                address: "https://owasp.org/www-community/attacks/xss/",
            }],
        ),
    ),
];

#[derive(Template)]
#[template(path = "learn/glossary.html")]
struct Glossary {
    frame: Frame,
    terms: Vec<Drawn>,
}

/// A term, and the chapters that use it.
struct Drawn {
    term: &'static Term,
    chapters: Vec<Chapter>,
}

impl Drawn {
    fn all() -> askama::Result<Vec<Self>> {
        let prose: Vec<(Chapter, String)> = Chapter::ALL
            .into_iter()
            .map(|chapter| Ok((chapter, chapter.render()?)))
            .collect::<askama::Result<_>>()?;
        let using = |term: &Term| {
            let link = format!("\"/glossary#{}\"", term.anchor);
            let found = prose.iter().filter(|(_, prose)| prose.contains(&link));
            found.map(|(chapter, _)| *chapter).collect()
        };
        Ok(TERMS
            .iter()
            .map(|term| Self {
                term,
                chapters: using(term),
            })
            .collect())
    }
}

/// `GET /glossary`
pub(crate) async fn show(
    request: HttpRequest,
    visitor: Result<Visitor, Problem>,
    site: web::Data<Site>,
    rescind: Rescind,
) -> actix_web::Result<HttpResponse> {
    let page = Glossary {
        frame: site.frame(&request, "Glossary", site.who_if_known(&rescind, &visitor).await),
        terms: Drawn::all().map_err(actix_web::error::ErrorInternalServerError)?,
    };
    draw(StatusCode::OK, &page)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    };

    use super::*;

    #[test]
    fn terms_stand_in_the_order_of_the_alphabet_and_each_has_an_anchor_of_its_own() {
        let names: Vec<_> = TERMS
            .iter()
            .map(|term| term.name.trim_start_matches('_').to_lowercase())
            .collect();
        assert!(names.is_sorted(), "{names:?}");
        let anchors: BTreeSet<_> = TERMS.iter().map(|term| term.anchor).collect();
        assert_eq!(anchors.len(), TERMS.len());
    }

    #[test]
    fn a_term_is_explained_in_one_to_four_sentences() {
        for term in TERMS {
            let sentences = term
                .says
                .split(['.', ';'])
                .filter(|part| !part.trim().is_empty())
                .count();
            assert!((1..=5).contains(&sentences), "{}: {sentences}", term.name);
            assert!(term.says.ends_with('.'), "{}", term.name);
        }
    }

    fn templates(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                templates(&path, found);
            } else {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_link_into_the_glossary_in_any_template_has_its_anchor() {
        let mut files = Vec::new();
        templates(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut files);
        let anchors: BTreeSet<_> = TERMS.iter().map(|term| term.anchor).collect();
        let mut links = 0;
        for file in files {
            let html = fs::read_to_string(&file).unwrap();
            for link in html.split("/glossary#").skip(1) {
                let anchor = link.split(['"', '\'']).next().unwrap();
                // The glossary itself makes its links from the terms.
                if !anchor.starts_with("{{") {
                    assert!(anchors.contains(anchor), "{} leads to {anchor}", file.display());
                    links += 1;
                }
            }
        }
        assert!(links > 40, "{links} links: are they written as they are read?");
    }

    #[test]
    fn every_term_of_the_design_is_there() {
        for name in [
            "access token",
            "refresh token",
            "session",
            "generation",
            "rotation",
            "reuse",
            "grace",
            "revocation",
            "blacklist",
            "policy",
        ] {
            assert!(TERMS.iter().any(|term| term.name == name), "{name}");
        }
    }
}
