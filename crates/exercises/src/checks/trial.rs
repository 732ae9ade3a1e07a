//! Runs one case, isolated from the next.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// Longer than any case takes. A learner's loop may be endless.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a case until it ends, panics or times out. The error states what went wrong.
pub(super) fn attempt(case: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .map_err(|error| format!("the machine gives no threads to try it with: {error}"))?;
    // On the heap: a case is a large future, and a test's thread has a small stack.
    let bounded = async { tokio::time::timeout(PATIENCE, Box::pin(case)).await };
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(bounded)));
    // Dropping it would wait for a thread that hangs.
    runtime.shutdown_background();
    match outcome {
        Ok(Ok(told)) => told,
        Ok(Err(_)) => Err(format!("it hangs: not done in {} seconds", PATIENCE.as_secs())),
        Err(panic) => Err(what_it_said(&*panic)),
    }
}

fn what_it_said(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()))
        .unwrap_or_else(|| "it panicked and said nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempt_returns_the_message_of_a_failing_case() {
        assert_eq!(attempt(async { Ok(()) }), Ok(()));
        assert_eq!(
            attempt(async { Err("a sentence".to_owned()) }),
            Err("a sentence".to_owned())
        );
        assert_eq!(attempt(async { panic!("a word") }), Err("a word".to_owned()));
        assert_eq!(attempt(async { panic!("{} words", 2) }), Err("2 words".to_owned()));
    }
}
