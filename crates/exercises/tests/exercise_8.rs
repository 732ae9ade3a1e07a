//! Run by `just exercise 8`: checks the learner's file and prints what fails.

use std::{process::ExitCode, sync::Arc};

use rescind_exercises::{IN_CODE, checks};

#[path = "../mend/rotation.rs"]
mod rotation;

fn main() -> ExitCode {
    checks::tell(&IN_CODE[1], || checks::try_refreshing(|| Arc::new(rotation::HomeMade)))
}
