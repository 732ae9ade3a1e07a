//! A device's name for people: "Chrome on Linux".

use woothee::{parser::Parser, woothee::VALUE_UNKNOWN};

/// Names a `User-Agent`. It is the client's own claim and no proof; people only have to recognise it.
pub(crate) fn device_name(user_agent: Option<&str>) -> String {
    let Some(user_agent) = user_agent.map(str::trim).filter(|name| !name.is_empty()) else {
        return "A program that gives no name".to_owned();
    };
    // A headless browser's name, which woothee does not know.
    let spoken = user_agent.replace("HeadlessChrome/", "Chrome/");
    let known = Parser::new().parse(&spoken);
    match known.as_ref().map(|known| (known.name, known.os)) {
        Some((name, system)) if is_browser(name) && system != VALUE_UNKNOWN => format!("{name} on {}", spelled(system)),
        Some((name, _)) if is_browser(name) => name.to_owned(),
        _ => program(user_agent),
    }
}

fn is_browser(name: &str) -> bool {
    name != VALUE_UNKNOWN && name != "HTTP Library"
}

fn spelled(system: &str) -> &str {
    match system {
        "Mac OSX" => "macOS",
        "iPhone" | "iPad" | "Android" | "Linux" => system,
        windows if windows.starts_with("Windows") => "Windows",
        other => other,
    }
}

/// The first word of the name, as "curl" of "curl/8.5.0".
fn program(user_agent: &str) -> String {
    const LONGEST: usize = 40;
    let first = user_agent.split(['/', ' ']).next().unwrap_or_default();
    let plain: String = first.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if plain.is_empty() {
        "A program without a name".to_owned()
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_agents_become_words() {
        let linux = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)";
        let mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)";
        let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)";
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
        for (user_agent, words) in [
            (format!("{linux} Chrome/130.0.0.0 Safari/537.36"), "Chrome on Linux"),
            (
                format!("{linux} HeadlessChrome/130.0.0.0 Safari/537.36"),
                "Chrome on Linux",
            ),
            (format!("{mac} Version/17.5 Safari/605.1.15"), "Safari on macOS"),
            (
                format!("{phone} Version/17.5 Mobile/15E148 Safari/604.1"),
                "Safari on iPhone",
            ),
            (
                format!("{windows} Gecko/20100101 Firefox/128.0").replace("x64)", "x64; rv:128.0)"),
                "Firefox on Windows",
            ),
            ("curl/8.5.0".to_owned(), "curl"),
            ("rescind-testkit (cookies)".to_owned(), "rescind-testkit"),
            (String::new(), "A program that gives no name"),
        ] {
            assert_eq!(device_name(Some(&user_agent)), words, "{user_agent}");
        }
        assert_eq!(device_name(None), "A program that gives no name");
    }

    #[test]
    fn a_made_up_name_is_cut() {
        assert_eq!(device_name(Some(&"x".repeat(256))).len(), 40);
    }
}
