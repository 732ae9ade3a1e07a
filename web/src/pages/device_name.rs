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
