//! Run by `just exercise 6`: checks the learner's file and prints what fails.

use std::{process::ExitCode, sync::Arc};

use rescind_exercises::{IN_CODE, checks};

#[path = "../mend/blacklist.rs"]
mod blacklist;

fn main() -> ExitCode {
    checks::tell(&IN_CODE[0], || {
        checks::try_blacklist(|| Arc::new(blacklist::HomeMade::default()))
    })
}
