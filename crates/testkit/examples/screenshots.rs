//! Takes the pictures of `docs/screenshots` from a real run: `just screenshots`.
//!
//! ```sh
//! cargo run -p rescind-testkit --example screenshots -- <the binary rescind> <a directory>
//! ```
//!
//! Each scene is taken four times: desk and telephone width, light and dark. Pictures that are taken automatically can
//! be updated after each change. The stage is also recorded: one picture that moves, for the README, and one for previews
//! of links. `img2webp` puts the first one together (Debian: `apt install webp`).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "an error of this tool ends it with a message"
)]

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use rescind_testkit::{Browser, ColourScheme, JavaScript, PostgresServer, Program, RedisServer, Running, Tool, needs};
use serde_json::json;
use thirtyfour::By;

/// In CSS pixels: desk and telephone.
const WIDTHS: [u32; 2] = [1280, 390];
/// The largest size of a picture, so that the README loads fast, and the repository does not grow too much when all are
/// taken again. They are WebP for the same reason: a third of their size as PNG.
const MOST_BYTES: u64 = 120 * 1024;
const WHOLE: &[&str] = &[];
/// The stage, without its log.
const STAGE: &[&str] = &["header", ".stage"];
/// The answers of the nodes, in their tab.
const NODES: &[&str] = &["header", "#nodes ul"];
/// The address of the three nodes, which the commands on the page contain.
const ADDRESS: &str = "http://127.0.0.1:8080";
/// The account page, in two pictures: one would be too heavy.
const TOKEN: &[&str] = &["header", "#access-token"];
const DEVICES: &[&str] = &["#checks", "#your-devices"];
const LOG: &[&str] = &["#log"];
/// The question, and the picture that answers it, for the README.
const PICTURE: &[&str] = &["header", ".timelines"];
const EXERCISE: &[&str] = &["#exercise"];
/// The size of the recording, and how many steps it has. Each is shown for two and a half seconds.
const RECORDED: (u32, u32) = (1280, 760);
const RECORDED_STEPS: usize = 8;
const STEP_MILLISECONDS: &str = "2500";
/// The largest size of the recording.
const MOST_RECORDED_BYTES: u64 = 600 * 1024;
/// The picture for previews of links: its size, the step that it shows, and its file, which is a part of the program.
const PREVIEW: (u32, u32) = (1200, 630);
const PREVIEW_STEP: usize = 4;
const PREVIEW_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/static/stage.png");
/// The height of the beginning of a long page, for each width.
const BEGINNINGS: [u32; 2] = [1_100, 1_500];
const ANSWERS: [&str; 8] = [
    "stored",
    "client-delete",
    "short-lived",
    "rotation",
    "blacklist",
    "pushed-event",
    "status-list",
    "sessions",
];
/// Alice's other device, for the list of them.
const TELEPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                         Version/18.5 Mobile/15E148 Safari/604.1";
const ALICE: (&str, &str) = ("alice", "correct horse battery staple");

#[tokio::main]
async fn main() {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (Some(program), Some(directory)) = (arguments.next(), arguments.next()) else {
        panic!("usage: screenshots <the binary rescind> <a directory>");
    };
    let Some(_) = needs(Tool::Chromium) else { return };
    fs::create_dir_all(&directory).unwrap();
    let program = program.canonicalize().unwrap();
    record(&program, &directory.join("stage.webp")).await;
    for scheme in [ColourScheme::Light, ColourScheme::Dark] {
        let album = Album {
            program: program.clone(),
            directory: directory.clone(),
            scheme,
        };
        album.fill().await;
        album.fill_with_nodes().await;
        album.fill_with_lessons().await;
    }
}

/// Goes through the stage by its one large button, and takes a picture of each step. Without scripts, so that each button
/// leads to a page.
async fn record(program: &Path, file: &Path) {
    let running = Program::new(program).start().await.unwrap();
    running.ready().await.unwrap();
    let browser = running.browser(JavaScript::Off).await;
    browser.set_colour_scheme(ColourScheme::Light).await;
    let frames = tempfile::tempdir().unwrap();
    let mut together = Command::new("img2webp");
    together.args(["-loop", "0", "-lossy", "-q", "70", "-d", STEP_MILLISECONDS]);
    browser.open("/").await;
    for step in 1..=RECORDED_STEPS {
        let frame = frames.path().join(format!("{step}.png"));
        browser.screenshot_of_beginning(&frame, RECORDED.0, RECORDED.1).await;
        together.arg(&frame);
        if step == PREVIEW_STEP {
            let preview = Path::new(PREVIEW_FILE);
            browser.screenshot_of_beginning(preview, PREVIEW.0, PREVIEW.1).await;
            weigh(preview);
        }
        if step == RECORDED_STEPS {
            break;
        }
        let next = browser.driver().find(By::Id("next")).await.unwrap();
        let label = next.text().await.unwrap();
        match next.tag_name().await.unwrap().as_str() {
            "a" => browser.follow(&label).await,
            _ => browser.press(&label).await,
        }
    }
    let done = together.arg("-o").arg(file).status();
    let done = done.unwrap_or_else(|error| panic!("img2webp (Debian: webp) puts the recording together: {error}"));
    assert!(done.success(), "img2webp: {done}");
    let bytes = fs::metadata(file).unwrap().len();
    assert!(bytes <= MOST_RECORDED_BYTES, "{} weighs {bytes} bytes", file.display());
}

/// All pictures of one colour scheme.
struct Album {
    program: PathBuf,
    directory: PathBuf,
    scheme: ColourScheme,
}

impl Album {
    /// Goes through the demo once, and takes a picture of each scene.
    async fn fill(&self) {
        let running = Program::new(&self.program).start().await.unwrap();
        running.ready().await.unwrap();
        let browser = running.browser(JavaScript::On).await;
        browser.set_colour_scheme(self.scheme).await;

        browser.open("/login").await;
        self.take(&browser, "login", WHOLE).await;
        browser.open("/").await;
        self.take(&browser, "home", WHOLE).await;
        browser.press("Log in as alice, and be robbed").await;
        self.take(&browser, "robbed", STAGE).await;
        browser.press("Log out").await;
        browser.press("Let the thief try again").await;
        self.take(&browser, "logged-out", STAGE).await;
        self.take(&browser, "two-doors", STAGE).await;
        self.take(&browser, "log", LOG).await;

        browser.press("Second act: log in as alice again").await;
        browser.press("Let the thief take the refresh token too").await;
        browser.press("The thief refreshes").await;
        browser.press("The thief refreshes again").await;
        self.take(&browser, "both-refresh", STAGE).await;
        browser.press("You refresh").await;
        browser.press("Let the thief try").await;
        self.take(&browser, "reuse-noticed", STAGE).await;

        browser.open("/no-such-page").await;
        self.take(&browser, "not-found", WHOLE).await;
        browser.open("/login").await;
        self.take(&browser, "login-after-reuse", WHOLE).await;

        let elsewhere = json!({"username": ALICE.0, "password": ALICE.1});
        let api = running.api_client();
        let telephone = api.request("POST", "/api/login").header("User-Agent", TELEPHONE);
        api.send(telephone.json(&elsewhere)).await.expect_status(200);
        browser.open("/login").await;
        browser.fill("Username", ALICE.0).await;
        browser.fill("Password", ALICE.1).await;
        browser.press("Log in").await;
        self.take(&browser, "account", TOKEN).await;
        self.take(&browser, "devices", DEVICES).await;
    }

    /// Three nodes on one Redis and one Postgres, after a logout.
    async fn fill_with_nodes(&self) {
        let (Some(_), Some(_)) = (needs(Tool::Redis), needs(Tool::Postgres)) else {
            return;
        };
        let (redis, postgres) = (RedisServer::start().await, PostgresServer::shared().await);
        let database = postgres.fresh_database().await;
        let migrate = Program::new(&self.program).env("DATABASE_URL", &database);
        migrate.arg("migrate").arg("up").run_to_exit().await.unwrap();

        let first = Program::new(&self.program)
            .env("DATABASE_URL", &database)
            .env("REDIS_URL", redis.url())
            .env("RESCIND_PUBLIC_URL", ADDRESS)
            .env("RESCIND_NODE", "a");
        let first = first.start().await.unwrap();
        first.ready().await.unwrap();
        let second = first.second_node().env("RESCIND_NODE", "b").start().await.unwrap();
        let peers = format!("{},{}", first.base_url(), second.base_url());
        let third = first.second_node().env("RESCIND_NODE", "c");
        let third = third.env("RESCIND_DEMO_PEERS", peers).start().await.unwrap();
        second.ready().await.unwrap();
        third.ready().await.unwrap();

        let browser = third.browser(JavaScript::On).await;
        browser.set_colour_scheme(self.scheme).await;
        browser.open("/demo").await;
        browser.press("Log in as alice, and be robbed").await;
        browser.press("Log out").await;
        browser.press("Let the thief try again").await;
        let open = "document.querySelector('#nodes').open = true";
        browser.driver().execute(open, Vec::new()).await.unwrap();
        self.take(&browser, "cluster", NODES).await;
    }

    /// The lab, the inspector, the course and the glossary. Without scripts, so that every button leads to a page.
    async fn fill_with_lessons(&self) {
        let running = Program::new(&self.program).start().await.unwrap();
        running.ready().await.unwrap();
        let browser = running.browser(JavaScript::Off).await;
        browser.set_colour_scheme(self.scheme).await;

        browser.open("/lab").await;
        self.take_beginning(&browser, "lab-question").await;
        browser.open("/lab?show=1").await;
        self.take(&browser, "lab", PICTURE).await;
        browser.open("/lab?guess=stored&guess=rotation").await;
        self.take_beginning(&browser, "lab-prediction").await;
        for answer in ANSWERS {
            browser.open(&format!("/lab/{answer}")).await;
            for button in ["Log in", "Copy what you send", "Log out", "Replay the copy"] {
                browser.press(button).await;
            }
            self.take_beginning(&browser, &format!("lab-{answer}")).await;
        }
        browser.open("/lab/race").await;
        self.take_beginning(&browser, "lab-race").await;

        browser.open("/login").await;
        browser.fill("Username", ALICE.0).await;
        browser.fill("Password", ALICE.1).await;
        browser.press("Log in").await;
        browser.open("/inspector").await;
        self.take_beginning(&browser, "inspector-form").await;
        browser.press("Inspect").await;
        self.take_beginning(&browser, "inspector").await;

        browser.open("/learn").await;
        self.take_beginning(&browser, "learn").await;
        for chapter in chapters(&running).await {
            browser.open(&format!("/learn/{chapter}")).await;
            self.take_beginning(&browser, &format!("learn-{chapter}")).await;
        }
        browser.open("/learn/rotation").await;
        self.take(&browser, "learn-exercise", EXERCISE).await;
        browser.open("/glossary").await;
        self.take_beginning(&browser, "glossary").await;
    }

    /// The beginning of the page, up to the height for a picture of that width.
    async fn take_beginning(&self, browser: &Browser, scene: &str) {
        for (width, most) in WIDTHS.into_iter().zip(BEGINNINGS) {
            let file = self.file(scene, width);
            browser.screenshot_of_beginning(&file, width, most).await;
            weigh(&file);
        }
    }

    fn file(&self, scene: &str, width: u32) -> PathBuf {
        let scheme = match self.scheme {
            ColourScheme::Light => "light",
            ColourScheme::Dark => "dark",
        };
        self.directory.join(format!("{scene}-{width}-{scheme}.webp"))
    }

    /// The current page, or the strip of it with these elements.
    async fn take(&self, browser: &Browser, scene: &str, elements: &[&str]) {
        for width in WIDTHS {
            let file = self.file(scene, width);
            if elements.is_empty() {
                browser.screenshot(&file, width).await;
            } else {
                browser.screenshot_of(&file, width, elements).await;
            }
            weigh(&file);
        }
    }
}

/// Every chapter, by its place beneath `/learn`, as the contents link to it.
async fn chapters(running: &Running) -> BTreeSet<String> {
    let contents = running.cookie_client().open("/learn").await.expect_status(200).text;
    let links = contents.split("href=\"/learn/").skip(1);
    links
        .filter_map(|link| link.split(['"', '#', '?']).next().map(str::to_owned))
        .collect()
}

fn weigh(file: &Path) {
    let bytes = fs::metadata(file).unwrap().len();
    assert!(bytes <= MOST_BYTES, "{} weighs {bytes} bytes", file.display());
}
