//! The contents of a chapter.

use std::{collections::BTreeSet, fs, path::Path};

use crate::reader::{Page, chapters, open, pages, program};

/// The largest size of a page.
const MOST_BYTES: usize = 100 * 1024;

#[tokio::test]
async fn every_page_of_the_course_has_one_heading_and_is_light() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let mut headings = BTreeSet::new();
    for address in pages(&reader).await {
        let page = Page::open(&reader, &address).await;
        let [heading] = page
            .words("h1")
            .try_into()
            .unwrap_or_else(|found| panic!("{address}: {found:?}"));
        assert!(headings.insert(heading.clone()), "{address}: {heading} once more");
        assert!(page.html.len() < MOST_BYTES, "{address} has {} bytes", page.html.len());
        assert!(
            page.attributes("[style], [onclick]", "class").is_empty() && page.words("style").is_empty(),
            "{address} has styles or scripts in it"
        );
        let ids = page.attributes("[id]", "id");
        assert_eq!(
            ids.len(),
            ids.iter().collect::<BTreeSet<_>>().len(),
            "{address}: {ids:?}"
        );
    }
    assert_eq!(headings.len(), 18);
}

#[tokio::test]
async fn chapters_link_to_their_neighbours_and_show_their_number() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let addresses = chapters(&reader).await;
    for (n, address) in addresses.iter().enumerate() {
        let page = Page::open(&reader, address).await;
        let [place] = page.words(".place-in-course").try_into().unwrap();
        assert!(
            place.contains(&format!("chapter {} of 13", n + 1)),
            "{address}: {place}"
        );
        let before = n.checked_sub(1).and_then(|n| addresses.get(n)).cloned();
        assert_eq!(
            page.attributes("[rel=prev]", "href"),
            Vec::from_iter(before),
            "{address}"
        );
        let after = addresses.get(n + 1).map_or("/learn/summary", String::as_str);
        assert_eq!(page.attributes("[rel=next]", "href"), [after], "{address}");
        let credited = page.html.contains("Indrek Ots");
        assert_eq!(credited, n < 7, "{address}: the article is credited in the first part");
        let current = page.attributes("nav a[aria-current]", "href");
        assert_eq!(current, ["/learn"], "{address}");
    }
    assert!(Page::open(&reader, "/learn").await.html.contains("Indrek Ots"));
}

/// The excerpt, against the file itself: text, escapes and line numbers.
#[tokio::test]
async fn each_chapter_shows_our_own_source_unchanged() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let mut seen = BTreeSet::new();
    for address in chapters(&reader).await {
        let page = Page::open(&reader, &address).await;
        let [file] = page.words(".listing figcaption code").try_into().unwrap();
        let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&file)).unwrap();
        let [shown] = page
            .each(".listing pre", |pre| pre.text().collect::<String>())
            .try_into()
            .unwrap();
        let (mut lines, mut code) = (0, 0);
        let mut whole = String::new();
        for line in shown.lines().filter(|line| line.trim() != "…") {
            let digits = line.bytes().take_while(u8::is_ascii_digit).count();
            let (number, text) = line.split_at(digits);
            let number: usize = number.parse().unwrap_or_else(|e| panic!("{address}: {line:?}: {e}"));
            assert_eq!(source.lines().nth(number - 1).unwrap().trim(), text.trim(), "{address}");
            lines += 1;
            code += usize::from(!text.trim_start().starts_with("//"));
            whole.push_str(text);
            whole.push('\n');
        }
        assert!((8..=30).contains(&lines), "{address} shows {lines} lines");
        assert!(code > 0, "{address} shows nothing but comments");
        assert!(open_brackets(&whole).is_empty(), "{address}: not whole:\n{whole}");
        assert!(seen.insert((file, shown)), "{address} shows what another chapter shows");
    }
}

/// Braces and the like outside of strings and comments.
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

/// Predict, play, read, solve, and only then what goes deeper.
#[tokio::test]
async fn each_chapter_has_one_order_and_at_most_150_words() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for address in chapters(&reader).await {
        let page = Page::open(&reader, &format!("{address}?play=1")).await;
        let mut order: Vec<_> = page.each("article > section, article > details", |part| {
            part.attr("class").unwrap_or_default().to_owned()
        });
        order.retain(|part| part != "decide");
        assert_eq!(
            order,
            ["predict", "experiment", "short", "exercise", "deeper"],
            "{address}"
        );
        assert!(
            !page.html.contains("<details class=\"deeper\" id=\"deeper\" open"),
            "{address}"
        );

        let text = page
            .words(".short > p, .short > ul, .short > ol, .short > blockquote")
            .join(" ");
        let cards = page.words(".short .card").join(" ");
        let count = |text: &str| {
            text.split(' ')
                .filter(|word| word.contains(char::is_alphanumeric))
                .count()
        };
        let words = count(&text) - count(&cards);
        assert!((60..=150).contains(&words), "{address} has {words} words");

        let parts = page.words(".deeper h3").concat();
        for part in ["What others do", "Our own source", "The specifications"] {
            assert!(parts.contains(part), "{address} has no {part}");
        }
        // The list of contents has each part.
        let anchors = page.attributes(".toc a", "href");
        let parts = page.attributes(".deeper h3[id]", "id");
        assert_eq!(
            anchors,
            parts.iter().map(|id| format!("#{id}")).collect::<Vec<_>>(),
            "{address}"
        );
    }
}

#[tokio::test]
async fn an_unknown_chapter_is_404() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for address in ["/learn/nowhere", "/learn/%00", "/learn/"] {
        reader.open(address).await.expect_status(404);
    }
}

/// A reader is not redirected to refresh or to log in.
#[tokio::test]
async fn a_reader_with_refused_tokens_stays_on_the_page() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    reader.plant_cookie("rescind_access=nonsense");
    reader.plant_cookie("rescind_refresh=nonsense");
    for address in ["/learn", "/learn/rotation", "/learn/summary", "/glossary"] {
        reader.open(address).await.expect_status(200);
    }
    assert_eq!(reader.open("/account").await.status, 303, "elsewhere they are");
}

#[tokio::test]
async fn each_chapters_experiment_is_played_on_its_page_and_can_be_set_there() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for address in chapters(&reader).await {
        let page = Page::open(&reader, &format!("{address}?play=1")).await;
        assert_eq!(page.words("#finding").len(), 1, "{address}");
        let played = page.words("#try .scrub a, #try .played li").len();
        assert!(played > 3, "{address}");
        let labelled = page.attributes("#try label", "for");
        assert_eq!(labelled, page.attributes("#try select", "id"), "{address}");

        // The last choice of each control, which is shown as chosen afterwards.
        let choices: Vec<(String, String)> = page.each("#try select", |select| {
            let options = select.child_elements().filter_map(|option| option.attr("value"));
            (
                select.attr("name").unwrap().to_owned(),
                options.last().unwrap().to_owned(),
            )
        });
        let query: Vec<String> = choices.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let set = Page::open(&reader, &format!("{address}?{}", query.join("&"))).await;
        let chosen = set.attributes("#try option[selected]", "value");
        assert_eq!(
            chosen,
            choices.into_iter().map(|(_, value)| value).collect::<Vec<_>>(),
            "{address}"
        );
        assert_eq!(set.words("#finding").len(), 1, "{address}");

        // A mistyped or made-up address.
        for query in ["life=%00", "life=99999999999999999999y&grace=-1", "%", "=&=&&"] {
            let page = Page::open(&reader, &format!("{address}?{query}")).await;
            assert_eq!(page.words("#finding").len(), 1, "{address}?{query}");
        }
    }
}
