//! Run by `just exercise 8`: checks the learner's file and prints what fails.

use std::{process::ExitCode, sync::Arc};

use rescind_exercises::{checks, in_code};

#[path = "../mend/rotation.rs"]
mod rotation;

fn main() -> ExitCode {
    checks::tell(&in_code()[1], || {
        checks::try_refreshing(|| Arc::new(rotation::HomeMade))
    })
}
