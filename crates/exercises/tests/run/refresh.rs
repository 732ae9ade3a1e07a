use std::sync::Arc;

use rescind_exercises::{Refreshing, Rows, SessionsOf, in_code, refresh_stories};

use crate::run::Report;

/// Checks a refresh: `make` creates one for each case.
///
/// Of the suite, only the cases about rotation run: the rest of the port is the store in memory.
pub(crate) fn try_refresh(make: impl Fn() -> Arc<dyn Refreshing>) -> Report {
    let mut report = Report::of(&in_code()[1], refresh_stories(&make));
    macro_rules! suite {
        (rotating: $($case:ident)*;) => { $({
            let store = SessionsOf { refreshing: make(), rows: Rows::default() };
            report.suite(stringify!($case), rescind_conformance::rotating::$case(Arc::new(store)));
        })* };
    }
    rescind_conformance::rotating_cases! { suite }
    report
}
