//! The modules of the script. The program joins them into one, without their imports.

use std::collections::BTreeSet;

use crate::files::files;

/// The modules in the order in which they are joined.
fn modules() -> Vec<String> {
    let [(_, assets)] = files("src/pages", "assets.rs").try_into().unwrap();
    let named = assets.split("include_str!(\"../../static/js/").skip(1);
    let named: Vec<_> = named.filter_map(|rest| rest.split('"').next()).collect();
    let all = files("static/js", ".js");
    assert_eq!(named.len(), all.len(), "each file is joined");
    let text = |name: &&str| {
        all.iter()
            .find(|(file, _)| file.ends_with(&format!("/{name}")))
            .unwrap()
            .1
            .clone()
    };
    named.iter().map(text).collect()
}

/// Joined, they share one scope, where a name declared twice would be a syntax error in every page.
#[test]
fn modules_declare_distinct_names_and_import_only_earlier_modules() {
    let mut declared = BTreeSet::new();
    let modules = modules();
    for line in modules.iter().flat_map(|module| module.lines()) {
        if let Some(imported) = line.strip_prefix("import { ") {
            let (names, _) = imported.split_once(" }").unwrap();
            for name in names.split(", ") {
                assert!(declared.contains(name), "{name} is imported before it is there");
            }
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let line = line.strip_prefix("async ").unwrap_or(line);
        let declares = ["const ", "let ", "function ", "class "]
            .iter()
            .find_map(|kind| line.strip_prefix(kind));
        if let Some(rest) = declares {
            let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            assert!(declared.insert(name), "{name} is declared twice");
        }
    }
    assert!(declared.contains("Renewal") && declared.len() > 20, "{declared:?}");
}
