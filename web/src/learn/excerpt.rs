//! Pieces of this repository's own source, for the chapters to show.
//!
//! They are taken when the program is built, and cut by the names of items. So what a chapter shows is what runs, and a
//! function that is renamed or moved to another file does not compile here until the chapter is looked at again.
//!
//! Rejected: line numbers in the chapters, or markers in comments. The first drift with every edit above them, unnoticed;
//! the second are noise in code that has better readers.
//!
//! Where an item ends is told by its indentation. The sources are formatted by rustfmt, so the first line that closes
//! something at the depth at which the item began closes the item. A parser would know it better and cost a dependency.

use std::fmt;

/// Which items of which file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Excerpt {
    /// Seen from the root of the repository.
    pub(super) path: &'static str,
    pub(super) source: &'static str,
    pub(super) items: &'static [Item],
}

/// One item of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// How the line of the block begins that holds it; nothing for an item that stands by itself.
    pub(super) inside: &'static str,
    /// How it begins after `pub`, `async` and the like, up to where its name ends: `fn check(`.
    pub(super) begins: &'static str,
}

/// An [`Excerpt`] of a file below `crates`. A name that is not in it does not compile.
macro_rules! excerpt {
    ($path:literal: $($inside:literal / $begins:literal),+ $(,)?) => {{
        const SOURCE: &str = include_str!(concat!("../../../crates/", $path));
        $(const _: () = assert!(holds(SOURCE, $inside) && holds(SOURCE, $begins), "no such item in this file");)+
        Excerpt {
            path: concat!("crates/", $path),
            source: SOURCE,
            items: &[$(Item { inside: $inside, begins: $begins }),+],
        }
    }};
}
pub(super) use excerpt;

/// Whether a text holds another, for constants: `str::contains` is not to be had there.
pub(super) const fn holds(text: &str, sought: &str) -> bool {
    let (text, sought) = (text.as_bytes(), sought.as_bytes());
    let mut from = 0;
    while from + sought.len() <= text.len() {
        let mut same = 0;
        while same < sought.len() && text[from + same] == sought[same] {
            same += 1;
        }
        if same == sought.len() {
            return true;
        }
        from += 1;
    }
    false
}

/// What is shown of an [`Excerpt`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) path: &'static str,
    pub(super) pieces: Vec<Piece>,
}

/// The lines of one item, its documentation and its attributes among them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) lines: Vec<Line>,
}

/// A line of source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    /// Without the indentation that all of its piece have.
    pub(super) text: &'static str,
}

impl Excerpt {
    /// Cuts the items out; nothing, if one of them is not there.
    pub(super) fn cut(&self) -> Option<Listing> {
        let lines: Vec<&'static str> = self.source.lines().collect();
        let pieces = self.items.iter().map(|item| item.cut(&lines)).collect::<Option<_>>()?;
        Some(Listing {
            path: self.path,
            pieces,
        })
    }
}

impl Item {
    fn cut(&self, lines: &[&'static str]) -> Option<Piece> {
        let block = if self.inside.is_empty() {
            0
        } else {
            lines.iter().position(|line| line.starts_with(self.inside))?
        };
        let name = block + lines.get(block..)?.iter().position(|line| begins(line, self.begins))?;
        let depth = indentation(lines.get(name)?);
        let last = name + lines.get(name..)?.iter().position(|line| ends(line, depth))?;
        let above = lines
            .get(..name)?
            .iter()
            .rposition(|line| !belongs_to_what_follows(line));
        let first = above.map_or(0, |above| above + 1);
        let shown = lines.get(first..=last)?.iter().zip(first + 1..);
        Some(Piece {
            lines: shown
                .map(|(line, number)| Line {
                    number,
                    text: line.get(depth..).unwrap_or_default(),
                })
                .collect(),
        })
    }
}

/// Whether an item of that name begins on this line, be it public, asynchronous or constant.
fn begins(line: &str, name: &str) -> bool {
    let mut rest = line.trim_start();
    loop {
        if rest.starts_with(name) {
            return true;
        }
        let words = ["pub ", "pub(crate) ", "pub(super) ", "async ", "const "];
        match words.iter().find_map(|word| rest.strip_prefix(word)) {
            Some(shorter) => rest = shorter,
            None => return false,
        }
    }
}

/// Whether an item that began at that depth ends on this line. (`) -> T {` closes a list of parameters and ends nothing.)
fn ends(line: &str, depth: usize) -> bool {
    let closes = matches!(line.trim_start(), "}" | "};" | "];" | ");" | "});");
    let in_one_line = [";", " }", "{}"].iter().any(|end| line.ends_with(end));
    indentation(line) == depth && (closes || in_one_line)
}

fn belongs_to_what_follows(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("///") || line.starts_with("#[")
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

impl Line {
    /// Whether it says something to people only.
    pub(super) fn is_comment(&self) -> bool {
        self.text.trim_start().starts_with("//")
    }
}

/// Where the lines stand: `lines 3 to 9`, and where there is a gap, `lines 3 to 9 and 20 to 31`.
impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut so_far = "lines";
        for piece in &self.pieces {
            if let (Some(first), Some(last)) = (piece.lines.first(), piece.lines.last()) {
                write!(f, "{so_far} {} to {}", first.number, last.number)?;
                so_far = " and";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::chapters::Chapter;

    const SOURCE: &str = "\
use std::fmt;

/// What it is.
#[derive(Debug)]
pub(crate) struct First {
    field: u8,
}

impl First {
    /// Says it.
    pub(crate) async fn say(
        &self,
        to: &str,
    ) -> bool {
        // To whom?
        if to.is_empty() {
            return false;
        }
        true
    }

    fn other(&self) {}
}

impl Second {
    fn say(&self) -> &str {
        \"}\"
    }
}
";

    fn cut(inside: &'static str, begins: &'static str) -> Option<Listing> {
        let excerpt = Excerpt {
            path: "crates/a.rs",
            source: SOURCE,
            items: &[Item { inside: "", begins: "" }],
        };
        let item = Item { inside, begins };
        let piece = item.cut(&excerpt.source.lines().collect::<Vec<_>>())?;
        Some(Listing {
            path: excerpt.path,
            pieces: vec![piece],
        })
    }

    fn text(listing: &Listing) -> String {
        let lines = listing.pieces.iter().flat_map(|piece| &piece.lines);
        lines.map(|line| format!("{}\n", line.text)).collect()
    }

    #[test]
    fn an_item_is_cut_out_whole_with_its_documentation() {
        let listing = cut("", "struct First").unwrap();
        assert_eq!(
            text(&listing),
            "/// What it is.\n#[derive(Debug)]\npub(crate) struct First {\n    field: u8,\n}\n"
        );
        assert_eq!(listing.to_string(), "lines 3 to 7");
        let listing = cut("impl First", "fn say(").unwrap();
        assert_eq!(listing.to_string(), "lines 10 to 20");
        assert!(text(&listing).starts_with("/// Says it.\npub(crate) async fn say(\n    &self,"));
        assert!(text(&listing).ends_with("    true\n}\n"));
    }

    #[test]
    fn of_two_items_of_one_name_the_block_tells_which() {
        assert_eq!(
            text(&cut("impl Second", "fn say(").unwrap()),
            "fn say(&self) -> &str {\n    \"}\"\n}\n"
        );
        assert_eq!(text(&cut("", "fn other(").unwrap()), "fn other(&self) {}\n");
    }

    #[test]
    fn what_is_not_there_is_not_cut() {
        assert_eq!(cut("", "fn nowhere("), None);
        assert_eq!(cut("impl Third", "fn say("), None);
        assert!(holds(SOURCE, "fn say(") && !holds(SOURCE, "fn nowhere("));
    }

    /// Braces and the like outside of strings, characters and comments.
    fn open_brackets(source: &str) -> Vec<char> {
        let mut open = Vec::new();
        for line in source.lines() {
            let mut in_string = false;
            let mut letters = line.chars().peekable();
            while let Some(letter) = letters.next() {
                match letter {
                    '\\' if in_string => drop(letters.next()),
                    '"' => in_string = !in_string,
                    _ if in_string => {}
                    '/' if letters.peek() == Some(&'/') => break,
                    '(' | '[' | '{' => open.push(letter),
                    ')' | ']' | '}' => {
                        let pair = (open.pop(), letter);
                        assert!(
                            matches!(pair, (Some('('), ')') | (Some('['), ']') | (Some('{'), '}')),
                            "{pair:?} in {line}"
                        );
                    }
                    _ => {}
                }
            }
        }
        open
    }

    #[test]
    fn every_chapter_shows_a_whole_piece_of_source_that_fits_on_a_screen() {
        for chapter in Chapter::ALL {
            let listing = chapter
                .excerpt()
                .cut()
                .unwrap_or_else(|| panic!("{chapter:?}: nothing to show"));
            let shown: usize = listing.pieces.iter().map(|piece| piece.lines.len()).sum();
            assert!((8..=30).contains(&shown), "{chapter:?} shows {shown} lines: {listing}");
            for piece in &listing.pieces {
                let text: String = piece.lines.iter().map(|line| format!("{}\n", line.text)).collect();
                assert!(open_brackets(&text).is_empty(), "{chapter:?}: not whole:\n{text}");
                assert!(
                    piece.lines.iter().any(|line| !line.is_comment()),
                    "{chapter:?}: nothing but comments:\n{text}"
                );
            }
        }
    }

    #[test]
    fn no_two_chapters_show_the_same() {
        let mut shown = std::collections::BTreeSet::new();
        for chapter in Chapter::ALL {
            let listing = chapter.excerpt().cut().unwrap();
            assert!(shown.insert(format!("{} {listing}", listing.path)), "{chapter:?}");
        }
    }

    #[test]
    fn the_numbers_of_the_lines_are_those_of_the_file() {
        for chapter in Chapter::ALL {
            let listing = chapter.excerpt().cut().unwrap();
            let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("..")
                .join(listing.path);
            let file = std::fs::read_to_string(file).unwrap();
            let lines: Vec<&str> = file.lines().collect();
            for line in listing.pieces.iter().flat_map(|piece| &piece.lines) {
                assert_eq!(lines[line.number - 1].trim(), line.text.trim(), "{chapter:?}");
            }
        }
    }
}
