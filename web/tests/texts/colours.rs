//! The law of colours. Red: a thief is in. Green: a thief is kept out. Blue: you. A status has no colour. Beside each
//! colour there is a word and an icon.

use crate::files::files;

/// Each rule of a style sheet, without comments: its selector and its body.
fn rules(sheet: &str) -> Vec<(String, String)> {
    let mut text = sheet.to_owned();
    while let (Some(start), Some(end)) = (text.find("/*"), text.find("*/")) {
        text.replace_range(start..end + 2, "");
    }
    let mut rules = Vec::new();
    for part in text.split('}') {
        if let Some((before, body)) = part.rsplit_once('{') {
            let selector = before.rsplit('{').next().unwrap_or_default().trim();
            rules.push((selector.to_owned(), body.to_owned()));
        }
    }
    rules
}

#[test]
fn one_rule_gives_each_verdict_its_colour() {
    for (file, sheet) in files("static", ".css") {
        for (selector, body) in rules(&sheet) {
            for (colour, class) in [
                ("var(--in)", ".thief-in"),
                ("var(--out)", ".kept-out"),
                ("var(--you-back)", ".you"),
            ] {
                assert!(
                    !body.contains(colour) || selector == class,
                    "{file}: {selector} uses {colour}"
                );
            }
            let own_colour = ["light-dark(", "rgb(", "hsl(", "oklch("]
                .iter()
                .any(|colour| body.contains(colour))
                || body
                    .split(['#'])
                    .skip(1)
                    .any(|hex| hex.starts_with(|c: char| c.is_ascii_hexdigit()));
            assert!(
                !own_colour || selector == ":root",
                "{file}: {selector} has a colour of its own"
            );
        }
    }
}

#[test]
fn each_coloured_verdict_has_an_icon_and_a_word() {
    for (file, template) in files("templates", ".html") {
        // The icon follows from the same verdict as the class. A tag with a word, and a mark in a legend, need none.
        if template.contains("said.class()") || template.contains("colour().class()") {
            let parts = template.matches("icons/said.html").count() + template.matches("demo/door.html").count();
            // The frame of a request has its verdict in text beside it, and the log has a sign from the style sheet.
            let is_frame = ["templates/trace/wire.html", "templates/demo/log.html"].contains(&file.as_str());
            assert!(parts > 0 || is_frame, "{file} has a colour without an icon");
        }
        for class in ["accepted", "green", "red"] {
            let marked = template.split("class=\"").skip(1).any(|rest| {
                let classes = rest.split('"').next().unwrap_or_default();
                classes.split([' ', '}', '{', '%']).any(|found| found == class)
            });
            assert!(!marked, "{file} has a class {class}, which says nothing of a thief");
        }
    }
    let said = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/icons/said.html")).unwrap();
    let icons: Vec<_> = said
        .split("include \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let different: std::collections::BTreeSet<_> = icons.iter().collect();
    assert_eq!(
        (icons.len(), different.len()),
        (6, 6),
        "each verdict has an icon of its own"
    );
}

#[test]
fn drawings_take_their_colours_from_the_same_classes() {
    for (file, source) in files("src", ".rs") {
        for old in [
            "\"accepted\" =>",
            "try-accepted",
            "try-refused",
            "verdict-refused",
            "verdict-accepted",
        ] {
            assert!(!source.contains(old), "{file} has {old}");
        }
        let drawn = file.starts_with("src/trace/") || file.starts_with("src/lab/race.rs");
        let names = ["\"thief-in", "\"kept-out", " thief-in\"", " kept-out\""];
        assert!(
            drawn || names.iter().all(|name| !source.contains(name)),
            "{file} names a class of a verdict"
        );
    }
}
