//! What is wrong with the settings, all of it at once.

use std::{ffi::OsStr, fmt, str::FromStr};

use super::Given;

/// One setting: its name for messages, and what was given for it.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) variable: &'static str,
    pub(crate) given: Option<&'a OsStr>,
}

impl<'a> Setting<'a> {
    /// An empty value counts as none: that is what `VARIABLE=` in a `.env` file, or a variable that a compose file passes
    /// on, means to people.
    pub(crate) fn new(variable: &'static str, given: &'a Option<std::ffi::OsString>) -> Self {
        Self {
            variable,
            given: given.as_deref().filter(|value| !value.is_empty()),
        }
    }

    pub(crate) fn is_given(&self) -> bool {
        self.given.is_some()
    }
}

/// A setting that is wrong, or contradicts another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    variable: &'static str,
    must: String,
}

/// Settings that stop the start. Each line names one and says what it must be; values are not repeated, since one may be
/// a URL with a password in it.
#[derive(Debug, Default, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Faults(Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, Fault { variable, must }) in self.0.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{variable}")?;
            if Given::VARIABLES.contains(variable) {
                write!(f, " (or --{})", flag(variable))?;
            }
            write!(f, " {must}")?;
        }
        Ok(())
    }
}

fn flag(variable: &str) -> String {
    variable.trim_start_matches("RESCIND_").to_lowercase().replace('_', "-")
}

impl Faults {
    /// One fault alone.
    pub(crate) fn one(variable: &'static str, must: impl Into<String>) -> Self {
        Self(vec![Fault {
            variable,
            must: must.into(),
        }])
    }

    pub(crate) fn add(&mut self, variable: &'static str, must: impl Into<String>) {
        self.0.push(Fault {
            variable,
            must: must.into(),
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was given, as text.
    pub(crate) fn text<'a>(&mut self, setting: Setting<'a>) -> Option<&'a str> {
        let given = setting.given?;
        let text = given.to_str();
        if text.is_none() {
            self.add(setting.variable, "must be UTF-8");
        }
        text.map(str::trim)
    }

    /// What was given, parsed by `parse`; nothing if nothing was given or it is wrong. `must` ends the sentence "it …".
    pub(crate) fn parsed_by<T, E>(
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

    /// The same for what parses by itself.
    pub(crate) fn parsed<T: FromStr>(&mut self, setting: Setting<'_>, must: &str) -> Option<T> {
        self.parsed_by(setting, must, str::parse)
    }
}
