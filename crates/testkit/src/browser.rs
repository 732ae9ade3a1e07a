//! A real browser: Chromium without a window, driven through chromedriver (W3C WebDriver).
//!
//! Each [`Browser`] has a chromedriver, a profile and a temporary directory of its own, and removes them when it is
//! dropped, also by a panic. thirtyfour could download and start drivers by itself; tests that fetch programs from the
//! network are neither repeatable nor safe, so the machine's own are used.
//!
//! Elements are found as people see them: fields by their label, buttons by their text. Pressing a button and following
//! a link return when the next page is there: WebDriver's own click sometimes returns earlier, and a test that read on
//! would read the old page.

use std::path::Path;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::error::{WebDriverErrorInner, WebDriverResult};
use thirtyfour::extensions::query::ElementQueryable;
use thirtyfour::{
    By, ChromeCapabilities, ChromiumLikeCapabilities, LoggingPrefsLogLevel, WebDriver, WebElement, WindowHandle,
};
use tokio::process::Command;
use tokio::time::{Instant, interval, timeout};
use url::Url;

use crate::cookie_client::plain_cookie_name;
use crate::process::Process;
use crate::{ConsoleEntry, tool};

/// How long chromedriver may take to start, and the browser to answer a command.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How long a page may take to show the expected text, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(50);
/// The quality of a lossy picture, in percent: above it letters look the same, and the file grows.
const QUALITY: u32 = 85;
/// The margin of a picture of some elements, in CSS pixels.
const MARGIN: f64 = 24.0;

const FLAGS: [&str; 12] = [
    "--headless=new",
    // Tests run as root in containers, where the sandbox does not work; the pages are our own.
    "--no-sandbox",
    "--disable-gpu",
    // Containers give /dev/shm 64 MB, and pages crash there.
    "--disable-dev-shm-usage",
    // Only the test's own requests may go to the network.
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--lang=en-GB",
];

/// Whether pages may run scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JavaScript {
    /// Scripts run.
    On,
    /// Scripts do not run: the site setting is "blocked", so `<noscript>` shows. WebDriver itself still works.
    Off,
}

/// The value of `prefers-color-scheme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColourScheme {
    /// `light`.
    Light,
    /// `dark`.
    Dark,
}

/// A browser with one tab or several. Methods act on the current tab. If the page does not show what they need, they
/// panic with what it shows instead.
#[derive(Debug)]
pub struct Browser {
    driver: WebDriver,
    chromedriver: Process,
    directory: TempDir,
    base_url: Url,
}

impl Browser {
    /// Starts a browser. Call [`needs`](crate::needs)`(Tool::Chromium)` before.
    ///
    /// # Panics
    /// If there is no Chromium, or it does not start, with chromedriver's log.
    pub async fn start(base_url: &str, javascript: JavaScript) -> Self {
        let (Some(chromium), Some(chromedriver)) = (tool::chromium(), tool::chromedriver()) else {
            panic!("no Chromium here; a test asks `needs(Tool::Chromium)` first");
        };
        let base_url = Url::parse(base_url).unwrap_or_else(|e| panic!("{base_url:?} is no URL: {e}"));
        let directory = TempDir::with_prefix("chrome-").unwrap_or_else(|e| panic!("no temporary directory: {e}"));
        let mut tries = 3;
        let (process, port) = loop {
            let mut command = Command::new(&chromedriver);
            // With port 0 it takes a free one and prints it, so no two tests race for one.
            command
                .arg("--port=0")
                .env("TMPDIR", directory.path())
                .env("HOME", directory.path());
            let process = Process::spawn(command).unwrap_or_else(|e| panic!("chromedriver: {e}"));
            let started = timeout(START_DEADLINE, process.line(|line| port(line).is_some())).await;
            if let Some(port) = started.ok().flatten().as_deref().and_then(port) {
                break (process, port);
            }
            // It takes the same port for IPv4 and IPv6, and that of one may be in use.
            let told = process.output().both;
            tries -= 1;
            assert!(
                tries > 0 && told.contains("Address already in use"),
                "chromedriver did not start:\n{told}"
            );
        };
        let driver = WebDriver::builder(
            format!("http://127.0.0.1:{port}"),
            capabilities(&chromium, &directory.path().join("profile"), javascript),
        )
        .request_timeout(START_DEADLINE)
        .await
        .unwrap_or_else(|e| panic!("Chromium did not start: {e}\n{}", process.output().both));
        Self {
            driver,
            chromedriver: process,
            directory,
            base_url,
        }
    }

    /// Opens a path of the site, or any URL, and waits until it has loaded.
    pub async fn open(&self, path: &str) {
        let url = self
            .base_url
            .join(path)
            .unwrap_or_else(|e| panic!("{path:?} leads nowhere: {e}"));
        if let Err(error) = self.driver.goto(url.as_str()).await {
            panic!("cannot open {url}: {error}");
        }
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        done(self.driver.refresh().await);
    }

    /// Presses the browser's back button.
    pub async fn back(&self) {
        done(self.driver.back().await);
    }

    /// Writes into the field with this label or this `name`, replacing its value.
    pub async fn fill(&self, label_or_name: &str, text: &str) {
        let wanted = literal(label_or_name);
        let field = self
            .one(
                &format!("field {label_or_name:?}"),
                &format!(
                    "//*[self::input or self::textarea][@name={wanted} \
                     or @id=//label[normalize-space()={wanted}]/@for or ancestor::label[normalize-space()={wanted}]]"
                ),
            )
            .await;
        done(field.clear().await);
        done(field.send_keys(text).await);
    }

    /// Presses the one button with this text, and waits for the next page.
    pub async fn press(&self, text: &str) {
        let button = self.one(&format!("button {text:?}"), &button(text)).await;
        self.leave_by(&button).await;
    }

    /// Presses the button with this text in the list item or table row that contains `row`, and waits for the next page.
    pub async fn press_in_row(&self, row: &str, text: &str) {
        let xpath = format!(
            "//*[self::li or self::tr][contains(normalize-space(), {})]{}",
            literal(row),
            button(text)
        );
        let button = self.one(&format!("button {text:?} beside {row:?}"), &xpath).await;
        self.leave_by(&button).await;
    }

    /// Presses the one button with this text, which a script handles without leaving the page.
    pub async fn press_in_place(&self, text: &str) {
        done(self.one(&format!("button {text:?}"), &button(text)).await.click().await);
    }

    /// Follows the one link with this text, and waits for the next page.
    pub async fn follow(&self, text: &str) {
        let link = self
            .one(
                &format!("link {text:?}"),
                &format!("//a[normalize-space()={}]", literal(text)),
            )
            .await;
        self.leave_by(&link).await;
    }

    /// The visible text of the page.
    pub async fn text(&self) -> String {
        done(asked_again(|| async { self.driver.find(By::Tag("body")).await?.text().await }).await)
    }

    /// The page's title.
    pub async fn title(&self) -> String {
        done(self.driver.title().await)
    }

    /// The address of the page, without the origin: `/account?x=1`.
    pub async fn path(&self) -> String {
        let url = done(self.driver.current_url().await);
        match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        }
    }

    /// Waits until the page shows `text`.
    pub async fn wait_for_text(&self, text: &str) {
        self.one_of(
            &format!("text {text:?}"),
            &format!("//body[contains(normalize-space(), {})]", literal(text)),
        )
        .await;
    }

    /// The value of a cookie, HTTP-only ones included; the name may be given with or without the prefix `__Host-` and
    /// the port.
    pub async fn cookie(&self, name: &str) -> Option<SecretString> {
        let cookies = done(self.driver.get_all_cookies().await);
        cookies
            .into_iter()
            .find(|cookie| plain_cookie_name(&cookie.name) == name)
            .map(|cookie| cookie.value.into())
    }

    /// The console's new entries since the last call, violations of the content security policy included.
    pub async fn console(&self) -> Vec<ConsoleEntry> {
        done(self.driver.browser_log().await)
    }

    /// Opens another tab, empty, and makes it the current one.
    pub async fn new_tab(&self) -> WindowHandle {
        let tab = done(self.driver.new_tab().await);
        self.switch_to(&tab).await;
        tab
    }

    /// The current tab.
    pub async fn tab(&self) -> WindowHandle {
        done(self.driver.window().await)
    }

    /// Makes another tab the current one.
    pub async fn switch_to(&self, tab: &WindowHandle) {
        done(self.driver.switch_to_window(tab.clone()).await);
    }

    /// Sets the viewport of the current tab, in CSS pixels. A window cannot be narrower than 500; a telephone is.
    pub async fn set_viewport(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Sets the colour scheme of the current tab.
    pub async fn set_colour_scheme(&self, scheme: ColourScheme) {
        let value = match scheme {
            ColourScheme::Light => "light",
            ColourScheme::Dark => "dark",
        };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Width and height of the page's content, in CSS pixels: wider than the viewport means that it scrolls sideways.
    pub async fn content_size(&self) -> (u32, u32) {
        let metrics = self.devtools("Page.getLayoutMetrics", json!({})).await;
        let side = |name: &str| {
            let pixels = metrics
                .pointer(&format!("/cssContentSize/{name}"))
                .and_then(Value::as_f64);
            pixels
                .and_then(|pixels| format!("{pixels:.0}").parse().ok())
                .unwrap_or_else(|| panic!("no {name} in {metrics}"))
        };
        (side("width"), side("height"))
    }

    /// Writes a picture (WebP if the file has that extension, else PNG) of the whole page at this viewport width.
    pub async fn screenshot(&self, file: &Path, width: u32) {
        self.set_viewport(width, 900).await;
        let (_, height) = self.content_size().await;
        self.picture(file, width, 0.0, height.into()).await;
    }

    /// The same for the beginning of the page, with a maximum height: for a page that is too long for one picture.
    pub async fn screenshot_of_beginning(&self, file: &Path, width: u32, most: u32) {
        self.set_viewport(width, 900).await;
        let (_, height) = self.content_size().await;
        self.picture(file, width, 0.0, height.min(most).into()).await;
    }

    /// The same for the strip of the page, as wide as the viewport, with the elements that these CSS selectors find.
    pub async fn screenshot_of(&self, file: &Path, width: u32, selectors: &[&str]) {
        self.set_viewport(width, 900).await;
        let (_, end) = self.content_size().await;
        let (mut top, mut bottom) = (f64::from(end), 0.0_f64);
        for selector in selectors {
            let element = done(self.driver.find(By::Css(*selector)).await);
            let place = done(element.rect().await);
            top = top.min(place.y - MARGIN);
            bottom = bottom.max(place.y + place.height + MARGIN);
        }
        let (top, bottom) = (top.max(0.0), bottom.min(end.into()));
        self.picture(file, width, top, bottom - top).await;
    }

    async fn picture(&self, file: &Path, width: u32, top: f64, height: f64) {
        let format = match file.extension().and_then(|extension| extension.to_str()) {
            Some("webp") => "webp",
            _ => "png",
        };
        let picture = self
            .devtools(
                "Page.captureScreenshot",
                json!({
                    "format": format,
                    "quality": QUALITY,
                    "captureBeyondViewport": true,
                    "clip": {"x": 0, "y": top, "width": width, "height": height, "scale": 1},
                }),
            )
            .await;
        let picture = picture
            .get("data")
            .and_then(Value::as_str)
            .and_then(|data| STANDARD.decode(data).ok());
        let picture = picture.unwrap_or_else(|| panic!("no picture from the browser"));
        tokio::fs::write(file, picture)
            .await
            .unwrap_or_else(|e| panic!("cannot write {}: {e}", file.display()));
    }

    /// The WebDriver session, for other commands.
    #[must_use]
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// Waits for the one visible element.
    async fn one(&self, what: &str, xpath: &str) -> WebElement {
        let found = asked_again(|| async {
            let query = self.driver.query(By::XPath(xpath)).wait(PATIENCE, GLANCE);
            query.and_displayed().single().await
        });
        match found.await {
            Ok(element) => element,
            Err(error) => self.missing(what, &error).await,
        }
    }

    /// Clicks, and waits until the next document has replaced this one.
    async fn leave_by(&self, element: &WebElement) {
        let document = done(self.driver.find(By::Tag("html")).await);
        done(element.click().await);
        let mut tick = interval(GLANCE);
        let gone = async {
            while document.is_present().await.unwrap_or(true) {
                tick.tick().await;
            }
        };
        if timeout(PATIENCE, gone).await.is_err() {
            panic!(
                "the click led nowhere; {} still reads:\n{}",
                self.path().await,
                self.text().await
            );
        }
    }

    /// Waits for one or more elements.
    async fn one_of(&self, what: &str, xpath: &str) -> WebElement {
        let found = asked_again(|| async {
            let query = self.driver.query(By::XPath(xpath)).wait(PATIENCE, GLANCE);
            query.first().await
        });
        match found.await {
            Ok(element) => element,
            Err(error) => self.missing(what, &error).await,
        }
    }

    async fn missing(&self, what: &str, error: &thirtyfour::error::WebDriverError) -> ! {
        panic!(
            "not exactly one {what} on {}: {error}\nthe page reads:\n{}",
            self.path().await,
            self.text().await
        )
    }

    /// A command of the DevTools protocol for the current tab.
    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        match self.driver.cdp().send_raw(command, parameters).await {
            Ok(answer) => answer,
            Err(error) => panic!("{command}: {error}"),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // thirtyfour would end the session in order, and block this thread for it. The profile is not needed any more:
        // kill all.
        let _ = self.driver.clone().leak();
        let _ = self.chromedriver.kill();
        // A process that is being killed may still hold a file, and there is no event for when the last one has
        // released it.
        for _ in 0..50 {
            match std::fs::remove_dir_all(self.directory.path()) {
                Ok(()) => return,
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// Repeats until there is an answer. A page that is about to be replaced returns an error.
async fn asked_again<T, F: Future<Output = WebDriverResult<T>>>(ask: impl Fn() -> F) -> WebDriverResult<T> {
    let (began, mut tick) = (Instant::now(), interval(GLANCE));
    loop {
        match ask().await {
            Err(error) if began.elapsed() < PATIENCE && !matches!(*error, WebDriverErrorInner::NoSuchElement(_)) => {
                tick.tick().await;
            }
            answer => return answer,
        }
    }
}

fn done<T>(result: WebDriverResult<T>) -> T {
    result.unwrap_or_else(|e| panic!("the browser would not: {e}"))
}

fn capabilities(chromium: &Path, profile: &Path, javascript: JavaScript) -> ChromeCapabilities {
    let mut preferences = json!({
        // A window that offers to save the password would cover the page.
        "credentials_enable_service": false,
        "profile.password_manager_enabled": false,
        "profile.password_manager_leak_detection": false,
    });
    if javascript == JavaScript::Off {
        preferences["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    let mut capabilities = ChromeCapabilities::new();
    let profile = format!("--user-data-dir={}", profile.display());
    for flag in FLAGS.into_iter().chain([profile.as_str()]) {
        done(capabilities.add_arg(flag));
    }
    done(capabilities.set_binary(&chromium.to_string_lossy()));
    done(capabilities.add_experimental_option("prefs", preferences));
    done(capabilities.set_browser_log_level(LoggingPrefsLogLevel::All));
    capabilities
}

/// The port in chromedriver's "… was started successfully on port 40123."
fn port(line: &str) -> Option<u16> {
    line.split_once("started successfully on port ")?
        .1
        .trim_end_matches('.')
        .parse()
        .ok()
}

fn button(text: &str) -> String {
    let text = literal(text);
    format!("//*[self::button[normalize-space()={text}] or self::input[@type='submit'][@value={text}]]")
}

/// `text` as a string of XPath 1.0, which has no escapes: quotes of both kinds need `concat`.
fn literal(text: &str) -> String {
    if !text.contains('"') {
        return format!("\"{text}\"");
    }
    let parts: Vec<_> = text.split('"').map(|part| format!("\"{part}\"")).collect();
    format!("concat({})", parts.join(", '\"', "))
}

#[cfg(test)]
mod tests {
    use super::{literal, port};

    #[test]
    fn an_xpath_literal_can_contain_both_kinds_of_quotes() {
        assert_eq!(literal("it's"), r#""it's""#);
        assert_eq!(literal(r#"it's "this""#), r#"concat("it's ", '"', "this", '"', "")"#);
    }

    #[test]
    fn the_port_is_read_from_the_announcing_line_only() {
        assert_eq!(
            port("ChromeDriver was started successfully on port 40123."),
            Some(40123)
        );
        assert_eq!(port("Starting ChromeDriver 156.0.8078.79 (a21ce95) on port 0"), None);
    }
}
