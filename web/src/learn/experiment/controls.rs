//! What the reader may set. Each control is a list of choices, so that nothing can be typed that has to be refused.

use std::time::Duration;

use serde::Deserialize;
use url::form_urlencoded;

use crate::content::Facts;

/// A list of choices.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Control {
    /// Its name in the address.
    pub(crate) name: String,
    pub(crate) label: String,
    /// The value in the address, and what the reader sees.
    pub(crate) options: Vec<(String, String)>,
    /// What is chosen when the address says nothing.
    usual: String,
}

/// What was chosen: a value for each control.
#[derive(Debug)]
pub(crate) struct Choices(Vec<(&'static str, &'static str)>);

impl Choices {
    /// What a query chooses. What it does not say, or says wrongly, is as usual.
    pub(super) fn read(controls: &'static [Control], query: &str) -> Self {
        let chosen = |control: &'static Control| {
            let asked = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| *name == control.name);
            let offered = |value: &str| control.options.iter().find(|(offered, _)| *offered == value);
            let found = asked.and_then(|(_, value)| offered(&value));
            let value = found.map_or(&control.usual, |(value, _)| value);
            (control.name.as_str(), value.as_str())
        };
        Self(controls.iter().map(chosen).collect())
    }

    /// What was chosen there.
    pub(crate) fn of(&self, name: &str) -> Option<&'static str> {
        self.0
            .iter()
            .find_map(|(found, value)| (*found == name).then_some(*value))
    }

    /// A choice that is a length of time.
    pub(super) fn time(&self, name: &str) -> Option<Duration> {
        humantime::parse_duration(self.of(name)?).ok()
    }

    pub(super) fn facts(&self) -> Facts {
        let set = |facts: Facts, (name, value): &(&'static str, &'static str)| facts.with(name, *value);
        self.0.iter().fold(Facts::default(), set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::chapters::Chapter;

    #[test]
    fn each_control_has_a_usual_choice_that_it_offers() {
        for chapter in Chapter::all() {
            assert!((1..=3).contains(&chapter.controls.len()), "{chapter:?}");
            for control in &chapter.controls {
                let mut offered = control.options.iter().map(|(value, _)| value);
                assert!(
                    offered.any(|value| *value == control.usual),
                    "{chapter:?}: {}",
                    control.name
                );
                assert!(control.options.len() > 1, "{chapter:?}: {}", control.name);
            }
        }
    }

    #[test]
    fn what_is_not_offered_is_as_usual() {
        let controls = &Chapter::of_slug("races").unwrap().text().controls;
        let choices = Choices::read(controls, "grace=1m&later=never&other=1&second=thief&second=retry");
        let chosen = ["grace", "later", "second", "other"].map(|name| choices.of(name));
        assert_eq!(chosen, [Some("1m"), Some("0s"), Some("thief"), None]);
        assert_eq!(choices.time("grace"), Some(Duration::from_secs(60)));
        assert_eq!(Choices::read(controls, "%ff=%ff&&=").of("grace"), Some("10s"));
    }
}
