//! All errors in the settings, reported at once.

use std::{ffi::OsStr, fmt, str::FromStr};

/// The log level: the one variable without a flag.
pub(crate) const LOG: &str = "RUST_LOG";

/// One setting: its name for messages, and its value.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// Its name.
    pub variable: &'static str,
    pub(crate) given: Option<&'a OsStr>,
}

impl<'a> Setting<'a> {
    /// An empty value counts as not set: people mean that by `VARIABLE=` in a `.env` file, or by a variable that a compose
    /// file passes on.
    pub fn new(variable: &'static str, given: &'a Option<std::ffi::OsString>) -> Self {
        Self {
            variable,
            given: given.as_deref().filter(|value| !value.is_empty()),
        }
    }

    /// Whether it has a value.
    pub fn is_given(&self) -> bool {
        self.given.is_some()
    }
}

/// Settings that stop the start. Each line names one and what it must be. Values are not repeated: one may be a URL with a
/// password.
#[derive(Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Faults(Vec<(&'static str, String)>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (variable, must)) in self.0.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{variable}")?;
            if *variable != LOG {
                let flag = variable.trim_start_matches("RESCIND_").to_lowercase().replace('_', "-");
                write!(f, " (or --{flag})")?;
            }
            write!(f, " {must}")?;
        }
        Ok(())
    }
}

impl Faults {
    /// A single fault.
    pub fn one(variable: &'static str, must: impl Into<String>) -> Self {
        Self(vec![(variable, must.into())])
    }

    /// Adds a fault; `must` completes the sentence "`variable` …".
    pub fn add(&mut self, variable: &'static str, must: impl Into<String>) {
        self.0.push((variable, must.into()));
    }

    /// Adds a fault unless `holds`.
    pub fn require(&mut self, holds: bool, variable: &'static str, must: &str) {
        if !holds {
            self.add(variable, must);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value as text.
    pub fn text<'a>(&mut self, setting: Setting<'a>) -> Option<&'a str> {
        let given = setting.given?;
        let text = given.to_str();
        if text.is_none() {
            self.add(setting.variable, "must be UTF-8");
        }
        text.map(str::trim)
    }

    /// The value, parsed by `parse`; `None` if it is missing or wrong. `must` completes the sentence "`variable` …".
    pub fn parsed_by<T, E>(
        &mut self,
        setting: Setting<'_>,
        must: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let parsed = parse(self.text(setting)?);
        if parsed.is_err() {
            self.add(setting.variable, must);
        }
        parsed.ok()
    }

    /// The same for a type with `FromStr`.
    pub fn parsed<T: FromStr>(&mut self, setting: Setting<'_>, must: &str) -> Option<T> {
        self.parsed_by(setting, must, str::parse)
    }

    /// Whether the setting has the second of two values; the first is the default.
    pub(crate) fn is_second(&mut self, setting: Setting<'_>, [first, second]: [&str; 2], must: &str) -> bool {
        let is_second = self.parsed_by(setting, must, |text| match text {
            text if text == first => Ok(false),
            text if text == second => Ok(true),
            _ => Err(()),
        });
        is_second.unwrap_or(false)
    }
}
