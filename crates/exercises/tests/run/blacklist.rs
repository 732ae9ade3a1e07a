use std::sync::Arc;

use rescind_exercises::{blacklist_stories, in_code};
use rescind_session::ports::Blacklist;

use crate::run::Report;

/// Checks a blacklist: `make` creates an empty one for each case.
pub(crate) fn try_blacklist(make: impl Fn() -> Arc<dyn Blacklist>) -> Report {
    let mut report = Report::of(&in_code()[0], blacklist_stories(&make));
    macro_rules! suite {
        (blacklist: $($case:ident)*;) => { $(report.suite(stringify!($case), rescind_conformance::blacklist::$case(make()));)* };
    }
    rescind_conformance::blacklist_cases! { suite }
    report
}
