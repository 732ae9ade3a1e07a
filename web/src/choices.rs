//! What the reader may set. Each control is a list of choices, so that no typed value has to be refused.

use std::time::Duration;

use serde::Deserialize;
use url::form_urlencoded;

use crate::content::Facts;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Control {
    pub(crate) name: String,
    pub(crate) label: String,
    /// The value in the address, and its label.
    pub(crate) options: Vec<(String, String)>,
    /// The default; an exercise has none.
    #[serde(default)]
    usual: String,
}

/// A value for each control, unless it has no default.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Choices {
    chosen: Vec<(&'static str, &'static str)>,
    /// The controls whose value in the address is not offered.
    wrong: Vec<&'static str>,
}

impl Choices {
    /// Reads a query. A missing or wrong value gives the default.
    pub(crate) fn read(controls: &'static [Control], query: &str) -> Self {
        let (mut chosen, mut wrong) = (Vec::new(), Vec::new());
        for control in controls {
            let asked = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| *name == control.name);
            let offered = |value: &str| control.options.iter().find(|(offered, _)| *offered == value);
            let found = asked.as_ref().and_then(|(_, value)| offered(value));
            if asked.is_some() && found.is_none() {
                wrong.push(control.name.as_str());
            }
            let value = found.map_or(&control.usual, |(value, _)| value);
            if !value.is_empty() {
                chosen.push((control.name.as_str(), value.as_str()));
            }
        }
        Self { chosen, wrong }
    }

    pub(crate) fn is_wrong(&self, name: &str) -> bool {
        self.wrong.contains(&name)
    }

    pub(crate) fn any_wrong(&self) -> bool {
        !self.wrong.is_empty()
    }

    pub(crate) fn of(&self, name: &str) -> Option<&'static str> {
        self.chosen
            .iter()
            .find_map(|(found, value)| (*found == name).then_some(*value))
    }

    pub(crate) fn time(&self, name: &str) -> Option<Duration> {
        humantime::parse_duration(self.of(name)?).ok()
    }

    pub(crate) fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.chosen)
            .finish()
    }

    pub(crate) fn facts(&self) -> Facts {
        let set = |facts: Facts, (name, value): &(&'static str, &'static str)| facts.with(name, *value);
        self.chosen.iter().fold(Facts::default(), set)
    }
}
