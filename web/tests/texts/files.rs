//! The files of the pages, and the sentences in them.

use std::path::{Path, PathBuf};

/// All files under a folder of this crate whose names end so, with their texts.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has no {ending}");
    found
}

/// Every sentence of the pages, with its file.
pub(crate) fn sentences() -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut add = |file: &str, html: &str| {
        let blocks = blocks(html);
        all.extend(
            blocks
                .iter()
                .flat_map(|block| split(block))
                .map(|sentence| (file.to_owned(), sentence)),
        );
    };
    for (file, text) in files("templates", ".html") {
        add(&file, &without_code(&text));
    }
    for (file, text) in files("content", ".md") {
        let (front, prose) = text.strip_prefix("+++\n").unwrap().split_once("\n+++\n").unwrap();
        texts(&toml::from_str(front).unwrap(), &mut |text| add(&file, &html(text)));
        add(&file, &html(prose));
    }
    for (file, text) in files("content", ".toml") {
        texts(&toml::from_str(&text).unwrap(), &mut |text| add(&file, &html(text)));
    }
    all
}

fn html(markdown: &str) -> String {
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, pulldown_cmark::Parser::new(markdown));
    html
}

/// The texts in a file of data; not the conditions under which one of them is shown.
fn texts(value: &toml::Value, add: &mut impl FnMut(&str)) {
    match value {
        toml::Value::String(text) if text.contains(' ') => add(text),
        toml::Value::Array(values) => values.iter().for_each(|value| texts(value, add)),
        toml::Value::Table(table) => {
            let values = table.iter().filter(|(name, _)| *name != "when");
            values.for_each(|(_, value)| texts(value, add));
        }
        _ => {}
    }
}

/// A template with each value as one word, and without comments and conditions.
fn without_code(template: &str) -> String {
    let mut text = template.to_owned();
    for (open, close, word) in [
        ("{#", "#}", ""),
        ("{%", "%}", " "),
        ("{{", "}}", "x"),
        ("<svg", "</svg>", ""),
        ("<pre", "</pre>", ""),
    ] {
        while let Some(start) = text.find(open) {
            let end = text[start..]
                .find(close)
                .map_or(text.len(), |end| start + end + close.len());
            text.replace_range(start..end, word);
        }
    }
    text
}

/// The text of each block of a page.
fn blocks(html: &str) -> Vec<String> {
    const INLINE: [&str; 8] = ["a", "code", "strong", "em", "span", "time", "br", "mark"];
    let mut blocks = vec![String::new()];
    let mut rest = html;
    while let Some((text, tag)) = rest.split_once('<') {
        blocks.last_mut().unwrap().push_str(text);
        let (tag, after) = tag.split_once('>').unwrap_or((tag, ""));
        let name = tag.trim_start_matches('/').split(|c: char| !c.is_alphanumeric()).next();
        if !INLINE.contains(&name.unwrap_or_default()) {
            blocks.push(String::new());
        }
        rest = after;
    }
    blocks.last_mut().unwrap().push_str(rest);
    blocks
}

/// The sentences of a block: what ends with a full stop, a question mark or an exclamation mark.
fn split(block: &str) -> Vec<String> {
    let words: Vec<_> = block.split_whitespace().collect();
    let mut sentences = Vec::new();
    let mut sentence: Vec<&str> = Vec::new();
    for (n, word) in words.iter().enumerate() {
        sentence.push(word);
        let next = words.get(n + 1).and_then(|word| word.chars().next());
        let ends = word.trim_end_matches(['”', '"', '’', ')']).ends_with(['.', '?', '!']);
        if ends && next.is_none_or(|next| !next.is_lowercase()) {
            sentences.push(std::mem::take(&mut sentence).join(" "));
        }
    }
    sentences
}
