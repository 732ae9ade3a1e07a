//! What the reader may set. Each control is a list of choices, so that nothing can be typed that has to be refused.

use std::time::Duration;

use url::form_urlencoded;

use crate::learn::chapters::Chapter;

/// A list of choices.
#[derive(Debug)]
pub(crate) struct Control {
    /// Its name in the address.
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    /// The value in the address, and what the reader sees.
    pub(crate) options: &'static [(&'static str, &'static str)],
    /// What is chosen when the address says nothing.
    usual: &'static str,
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
            (control.name, found.map_or(control.usual, |(value, _)| *value))
        };
        Self(controls.iter().map(chosen).collect())
    }

    /// What was chosen there.
    pub(crate) fn of(&self, name: &str) -> &'static str {
        self.0
            .iter()
            .find_map(|(found, value)| (*found == name).then_some(*value))
            .unwrap_or_default()
    }

    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.of(name) == value
    }

    /// A choice that is a length of time.
    pub(super) fn time(&self, name: &str) -> Duration {
        humantime::parse_duration(self.of(name)).unwrap_or_default()
    }
}

const fn life(options: &'static [(&'static str, &'static str)], usual: &'static str) -> Control {
    Control {
        name: "life",
        label: "An access token lives",
        options,
        usual,
    }
}

const MINUTES: &[(&str, &str)] = &[("1m", "1 minute"), ("5m", "5 minutes"), ("15m", "15 minutes")];

/// The controls of a chapter's experiment.
pub(super) fn of(chapter: Chapter) -> &'static [Control] {
    match chapter {
        Chapter::Unissued => {
            const {
                &[life(
                    &[
                        ("1m", "1 minute"),
                        ("5m", "5 minutes"),
                        ("1h", "1 hour"),
                        ("12h", "12 hours"),
                    ],
                    "5m",
                )]
            }
        }
        Chapter::Stored => {
            const {
                &[
                    Control {
                        name: "asked",
                        label: "Asked on every request",
                        options: &[("row", "the session’s row"), ("nothing", "nothing")],
                        usual: "row",
                    },
                    life(&[("5m", "5 minutes"), ("1h", "1 hour"), ("12h", "12 hours")], "12h"),
                ]
            }
        }
        Chapter::ClientDelete => {
            const {
                &[
                    life(&[("15m", "15 minutes"), ("1h", "1 hour"), ("12h", "12 hours")], "12h"),
                    Control {
                        name: "theft",
                        label: "The theft comes",
                        options: &[
                            ("0s", "with the login"),
                            ("30s", "30 s after it"),
                            ("5m", "5 min after it"),
                        ],
                        usual: "30s",
                    },
                    Control {
                        name: "logout",
                        label: "You log out",
                        options: &[
                            ("30s", "30 s after the theft"),
                            ("5m", "5 min after it"),
                            ("9m", "9 min after it"),
                        ],
                        usual: "5m",
                    },
                ]
            }
        }
        Chapter::ShortLived => {
            const {
                &[
                    life(
                        &[
                            ("1m", "1 minute"),
                            ("5m", "5 minutes"),
                            ("15m", "15 minutes"),
                            ("1h", "1 hour"),
                        ],
                        "5m",
                    ),
                    Control {
                        name: "work",
                        label: "You work for",
                        options: &[("10m", "10 minutes"), ("20m", "20 minutes"), ("40m", "40 minutes")],
                        usual: "20m",
                    },
                ]
            }
        }
        Chapter::Rotation => {
            const {
                &[
                    Control {
                        name: "loot",
                        label: "The thief copies",
                        options: &[("access", "the access token"), ("refresh", "the refresh token too")],
                        usual: "refresh",
                    },
                    Control {
                        name: "then",
                        label: "Afterwards you",
                        options: &[("work", "go on working"), ("logout", "log out")],
                        usual: "work",
                    },
                ]
            }
        }
        Chapter::Blacklist => {
            const {
                &[
                    Control {
                        name: "asked",
                        label: "Asked on every request",
                        options: &[("blacklist", "the blacklist"), ("nothing", "nothing")],
                        usual: "blacklist",
                    },
                    life(MINUTES, "5m"),
                ]
            }
        }
        Chapter::Sessions => {
            const {
                &[Control {
                    name: "answer",
                    label: "The answer",
                    options: &[
                        ("sessions", "plain sessions"),
                        ("stored", "stored tokens"),
                        ("blacklist", "the blacklist"),
                    ],
                    usual: "sessions",
                }]
            }
        }
        Chapter::Races => {
            const {
                &[
                    Control {
                        name: "grace",
                        label: "The grace",
                        options: &[("0s", "none"), ("10s", "10 s"), ("1m", "1 min")],
                        usual: "10s",
                    },
                    Control {
                        name: "second",
                        label: "The same token comes again from",
                        options: &[
                            ("retry", "your browser: the reply was lost"),
                            ("thief", "a thief with a copy"),
                        ],
                        usual: "retry",
                    },
                    Control {
                        name: "later",
                        label: "It comes",
                        options: &[("0s", "at once"), ("30s", "30 s later")],
                        usual: "0s",
                    },
                ]
            }
        }
        Chapter::Amnesia => {
            const {
                &[Control {
                    name: "fault",
                    label: "After your logout the blacklist",
                    options: &[
                        ("forgets", "forgets everything"),
                        ("stops", "does not answer"),
                        ("slow", "answers late"),
                        ("restart", "is restarted with the server"),
                    ],
                    usual: "forgets",
                }]
            }
        }
        Chapter::Nodes => {
            const {
                &[
                    Control {
                        name: "blacklist",
                        label: "While you log out, the blacklist",
                        options: &[("stopped", "does not answer"), ("well", "answers")],
                        usual: "stopped",
                    },
                    Control {
                        name: "server",
                        label: "After that the server",
                        options: &[("killed", "is killed, and another one starts"), ("runs", "runs on")],
                        usual: "killed",
                    },
                ]
            }
        }
        Chapter::Keys => {
            const {
                &[Control {
                    name: "change",
                    label: "Before it is checked, somebody",
                    options: &[
                        ("nothing", "leaves the token alone"),
                        ("sub", "makes it another user’s"),
                        ("exp", "makes it live for a year"),
                        ("none", "says that it needs no signature"),
                        ("kid", "signs it with a key of their own"),
                    ],
                    usual: "exp",
                }]
            }
        }
        Chapter::Xss => {
            const {
                &[
                    Control {
                        name: "kept",
                        label: "Your page keeps the token in",
                        options: &[("storage", "localStorage"), ("cookie", "an HttpOnly cookie")],
                        usual: "storage",
                    },
                    Control {
                        name: "asked",
                        label: "Asked on every request",
                        options: &[("nothing", "nothing"), ("blacklist", "the blacklist")],
                        usual: "nothing",
                    },
                ]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_control_has_a_usual_choice_that_it_offers() {
        for chapter in Chapter::ALL {
            let controls = of(chapter);
            assert!((1..=3).contains(&controls.len()), "{chapter:?}");
            for control in controls {
                let offered: Vec<_> = control.options.iter().map(|(value, _)| *value).collect();
                assert!(offered.contains(&control.usual), "{chapter:?}: {}", control.name);
                assert!(offered.len() > 1, "{chapter:?}: {}", control.name);
            }
        }
    }

    #[test]
    fn what_is_not_offered_is_as_usual() {
        let controls = of(Chapter::Races);
        let choices = Choices::read(controls, "grace=1m&later=never&other=1&second=thief&second=retry");
        assert_eq!(
            (choices.of("grace"), choices.of("later"), choices.of("second")),
            ("1m", "0s", "thief")
        );
        assert_eq!(choices.time("grace"), Duration::from_secs(60));
        assert_eq!(Choices::read(controls, "%ff=%ff&&=").of("grace"), "10s");
    }
}
