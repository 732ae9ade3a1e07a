//! No circle of imports between the files of a crate: each can be read after those that it imports.
//!
//! An import is a `use` that is not public, of an item of the same crate. What a file only passes on (`pub use`) is followed
//! to the file that has it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use cargo_metadata::MetadataCommand;
use syn::{Item, UseTree, Visibility};

/// A file, by its place in the tree of modules; the crate's root has none.
type File = Vec<String>;
/// The names in a path, from left to right.
type Names = Vec<String>;

#[derive(Default)]
struct Imports {
    own: Vec<Names>,
    /// What it passes on, by the name under which it does.
    passed_on: BTreeMap<String, Names>,
}

#[test]
fn no_crate_has_an_import_circle() {
    let workspace = MetadataCommand::new().no_deps().exec().unwrap();
    let mut circles = Vec::new();
    for package in workspace.workspace_packages() {
        let source = package.manifest_path.parent().unwrap().join("src");
        let found = circle(&arrows(&files(source.as_std_path())));
        circles.extend(found.map(|files| format!("{}: {}", package.name, files.join(" -> "))));
    }
    assert_eq!(circles, Vec::<String>::new());
}

#[test]
fn an_import_circle_through_a_re_export_is_found() {
    let file = |source: &str| imports(&syn::parse_file(source).unwrap());
    let mut files = BTreeMap::from([
        (vec![], file("pub use low::Low; pub use high::High;")),
        (vec!["low".to_owned()], file("use std::fmt;")),
        (vec!["high".to_owned()], file("use crate::{Low, other::{A, B}};")),
        (vec!["other".to_owned()], file("use super::low::Low;")),
    ]);
    assert_eq!(circle(&arrows(&files)), None);
    files.insert(vec!["low".to_owned()], file("use super::High as Upper;"));
    assert_eq!(circle(&arrows(&files)).unwrap(), ["high", "low", "other"]);
}

fn files(source: &Path) -> BTreeMap<File, Imports> {
    let mut files = BTreeMap::new();
    let mut paths = vec![source.to_owned()];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let place = path.strip_prefix(source).unwrap().with_extension("");
        let mut place: File = place.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if ["lib", "main", "mod"].contains(&place.last().unwrap().as_str()) {
            place.pop();
        }
        let code = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
        files.insert(place, imports(&code));
    }
    files
}

fn imports(code: &syn::File) -> Imports {
    let mut imports = Imports::default();
    for item in &code.items {
        let Item::Use(item) = item else { continue };
        let is_own = matches!(item.vis, Visibility::Inherited);
        leaves(&item.tree, &mut Vec::new(), &mut |names, name| {
            if is_own {
                imports.own.push(names.to_vec());
            } else {
                imports.passed_on.insert(name.to_owned(), names.to_vec());
            }
        });
    }
    imports
}

/// Calls `leaf` with each path of a tree, and the name that it has afterwards.
fn leaves(tree: &UseTree, names: &mut Names, leaf: &mut impl FnMut(&[String], &str)) {
    let (name, renamed) = match tree {
        UseTree::Path(path) => {
            names.push(path.ident.to_string());
            leaves(&path.tree, names, leaf);
            names.pop();
            return;
        }
        UseTree::Group(group) => return group.items.iter().for_each(|tree| leaves(tree, names, leaf)),
        UseTree::Glob(_) => return leaf(names, "*"),
        UseTree::Name(name) => (&name.ident, &name.ident),
        UseTree::Rename(rename) => (&rename.ident, &rename.rename),
    };
    if name == "self" {
        return leaf(names, &renamed.to_string());
    }
    names.push(name.to_string());
    leaf(names, &renamed.to_string());
    names.pop();
}

fn arrows(files: &BTreeMap<File, Imports>) -> BTreeMap<&File, BTreeSet<&File>> {
    let imported = |file, imports: &Imports| {
        let own = imports.own.iter().filter_map(|names| found_in(files, file, names));
        own.filter(|other| *other != file).collect()
    };
    files
        .iter()
        .map(|(file, imports)| (file, imported(file, imports)))
        .collect()
}

/// The file that has the item of the path `names`, seen from `file`; `None` if it is another crate's.
fn found_in<'a>(files: &'a BTreeMap<File, Imports>, file: &File, names: &[String]) -> Option<&'a File> {
    let mut place = file.clone();
    let mut rest = names;
    match rest.first()?.as_str() {
        "crate" => (place, rest) = (Vec::new(), &rest[1..]),
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|name| name == "super") {
                place.pop();
                rest = &rest[1..];
            }
        }
        child => {
            let mut inner = file.clone();
            inner.push(child.to_owned());
            files.get(&inner)?;
        }
    }
    while let Some(name) = rest.first() {
        place.push(name.clone());
        if !files.contains_key(&place) {
            place.pop();
            break;
        }
        rest = &rest[1..];
    }
    let (place, imports) = files.get_key_value(&place)?;
    match rest.first().and_then(|name| imports.passed_on.get(name)) {
        Some(further) => found_in(files, place, further),
        None => Some(place),
    }
}

/// The files of the circles: repeatedly removes files that import none of the rest, then files that none of the rest imports.
fn circle(arrows: &BTreeMap<&File, BTreeSet<&File>>) -> Option<Vec<String>> {
    let mut left: BTreeSet<&File> = arrows.keys().copied().collect();
    loop {
        let imports_left = |file: &File| arrows[file].iter().any(|other| left.contains(other));
        let imported: BTreeSet<_> = left.iter().flat_map(|file| &arrows[*file]).copied().collect();
        let stay: BTreeSet<_> = left
            .iter()
            .copied()
            .filter(|file| imports_left(file) && imported.contains(file))
            .collect();
        if stay.len() == left.len() {
            break;
        }
        left = stay;
    }
    let name = |file: &File| match file.is_empty() {
        true => "the root".to_owned(),
        false => file.join("/"),
    };
    (!left.is_empty()).then(|| left.into_iter().map(name).collect())
}
