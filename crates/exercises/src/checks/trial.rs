//! One case, tried where nothing that it does can harm the next.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// Longer than any case takes. A learner's loop may have no end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a case to its end, to its panic, or until patience ends. The error says what went wrong.
pub(super) fn attempt(case: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .map_err(|error| format!("the machine gives no threads to try it with: {error}"))?;
    // On the heap: a case is a large future, and a test's thread has a small stack.
    let bounded = async { tokio::time::timeout(PATIENCE, Box::pin(case)).await };
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(bounded)));
    // To drop it would be to wait for a thread that hangs.
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
    fn what_a_case_says_when_it_fails_is_told() {
        assert_eq!(attempt(async { Ok(()) }), Ok(()));
        assert_eq!(
            attempt(async { Err("a sentence".to_owned()) }),
            Err("a sentence".to_owned())
        );
        assert_eq!(attempt(async { panic!("a word") }), Err("a word".to_owned()));
        assert_eq!(attempt(async { panic!("{} words", 2) }), Err("2 words".to_owned()));
    }
}
