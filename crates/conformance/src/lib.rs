#![doc = include_str!("../README.md")]
#![expect(clippy::panic, reason = "a case fails by panicking")]

pub mod blacklist;
pub mod closing;
mod fixture;
pub mod log;
pub mod opening;
pub mod pruning;
mod race;
pub mod rotating;
pub mod store_clock;
pub mod users;

/// What the macros need; no part of the interface.
#[doc(hidden)]
pub mod __private {
    use std::{sync::Arc, time::Duration};

    /// What a factory may return.
    pub trait Made {
        type Store;
        type Kept;
        fn made(self) -> Option<(Arc<Self::Store>, Self::Kept)>;
    }

    impl<Store, Kept> Made for (Arc<Store>, Kept) {
        type Store = Store;
        type Kept = Kept;
        fn made(self) -> Option<(Arc<Store>, Kept)> {
            Some(self)
        }
    }

    impl<Store, Kept> Made for Option<(Arc<Store>, Kept)> {
        type Store = Store;
        type Kept = Kept;
        fn made(self) -> Option<(Arc<Store>, Kept)> {
            self
        }
    }

    /// Longer than any case takes on a slow disk. A store that hangs is told from one that works.
    const PATIENCE: Duration = Duration::from_secs(120);

    /// Runs one case in a runtime of its own.
    pub fn run(case: impl Future<Output = ()>) {
        let runtime = match tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => panic!("no runtime for the case: {error}"),
        };
        // On the heap: a case is a large future, and a test's thread has a small stack.
        let outcome = runtime.block_on(async { tokio::time::timeout(PATIENCE, Box::pin(case)).await });
        if outcome.is_err() {
            // Dropping the runtime would wait for the very thread that hangs.
            runtime.shutdown_background();
            panic!("the case hangs: not done in {PATIENCE:?}");
        }
    }
}

/// One test for each case of a module.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($make:expr; $($module:ident: $($case:ident)*;)*) => {
        $($(
            #[test]
            fn $case() {
                $crate::__private::run(async {
                    let made = $crate::__private::Made::made(($make)().await);
                    let Some((store, _kept_alive)) = made else { return };
                    $crate::$module::$case(store).await;
                });
            }
        )*)*
    };
}

/// One test for each case that a [`UserStore`](rescind_session::ports::UserStore) must pass. Takes an
/// `async fn() -> (Arc<impl UserStore>, impl Sized)` that makes an empty one; see the [crate](crate).
#[macro_export]
macro_rules! user_store_conformance {
    ($make:expr) => {
        $crate::__conformance_tests! { $make;
            users:
                a_new_user_is_found_by_id_and_by_name
                an_unknown_user_is_none
                the_kind_of_an_account_is_kept
                a_taken_name_is_refused_and_nothing_is_written
                a_taken_id_is_never_written_over
                of_fifty_inserts_of_one_name_exactly_one_is_created
                a_new_password_replaces_the_old_one
                a_password_for_nobody_is_no_such_user;
        }
    };
}

/// One test for each case that a [`SessionStore`](rescind_session::ports::SessionStore) must pass. Takes an
/// `async fn() -> (Arc<impl SessionStore>, impl Sized)` that makes an empty one; see the [crate](crate).
#[macro_export]
macro_rules! session_store_conformance {
    ($make:expr) => {
        $crate::__conformance_tests! { $make;
            opening:
                a_session_is_found_as_it_was_opened
                an_unknown_session_is_none
                an_id_that_is_taken_is_an_error_and_changes_nothing
                an_epoch_starts_first
                a_superseded_login_writes_nothing
                a_login_with_the_present_epoch_opens
                closing_all_of_one_user_supersedes_no_login_of_another
                a_login_racing_close_all_never_survives_it
                only_open_sessions_of_the_user_are_listed_oldest_first;
            rotating:
                a_rotation_writes_what_it_carries_and_nothing_else
                a_rotation_keeps_the_later_end_of_access
                one_rotation_follows_another
                of_a_hundred_rotations_of_one_generation_exactly_one_wins
                a_generation_that_is_not_the_rows_loses_and_changes_nothing
                a_session_without_a_refresh_token_does_not_rotate
                a_session_that_is_not_there_does_not_rotate
                a_closed_session_does_not_rotate_and_stays_closed
                a_revocation_outlives_the_tokens_of_rotations_that_race_it
                a_rotation_that_races_close_all_reopens_nothing;
            closing:
                closing_closes_the_row_and_logs_its_revocation
                every_cause_is_kept
                until_comes_from_the_row_and_not_from_the_revokers_clock
                until_follows_the_latest_rotation
                closing_again_returns_the_first_revocation_and_keeps_the_first_cause
                closing_again_after_the_log_was_pruned_returns_no_revocation
                closing_what_is_not_there_is_told_and_logs_nothing
                of_fifty_closings_exactly_one_closes
                reuse_of_an_open_session_closes_it_and_is_noted
                reuse_of_a_closed_session_is_noted_once_and_its_cause_stays
                no_other_cause_notes_reuse
                close_all_closes_every_open_session_but_the_exception
                close_all_takes_until_from_each_row
                close_all_returns_the_revocations_of_earlier_closings_too
                close_all_returns_no_revocation_that_was_pruned
                close_all_raises_the_epoch_even_without_sessions
                close_all_leaves_other_users_alone
                closings_of_all_and_of_one_at_once_log_each_session_once;
            log:
                a_new_log_is_empty
                a_log_keeps_its_identity
                positions_rise_in_the_order_of_the_revocations
                the_log_is_paged_without_a_gap
                a_reader_beside_eight_writers_sees_every_revocation_once_and_in_order
                a_position_beyond_the_end_starts_over
                a_token_is_revoked_as_it_was_told
                revoking_a_token_twice_returns_the_entry_that_is_there
                of_fifty_revocations_of_one_token_exactly_one_is_logged
                a_token_and_a_session_of_one_number_are_two_entries
                revoking_a_token_leaves_its_session_open;
            pruning:
                a_revocation_goes_at_its_until_and_not_before
                a_session_goes_after_its_absolute_end_and_not_before
                a_closed_session_stays_until_its_absolute_end
                a_rotation_does_not_change_when_a_session_goes
                a_pruned_session_leaves_its_revocation
                a_batch_is_bounded
                pruning_an_empty_store_removes_nothing
                a_reader_below_what_was_pruned_starts_over
                what_is_left_is_read_from_the_start
                a_log_with_holes_is_read_to_its_end_page_by_page
                positions_are_not_reused_after_everything_was_pruned
                a_token_revoked_again_after_pruning_is_a_new_entry
                epochs_survive_pruning;
            store_clock:
                an_empty_store_has_recorded_nothing
                a_login_is_recorded
                a_rotation_is_recorded
                a_closing_is_recorded
                a_revoked_token_is_recorded
                the_newest_instant_is_the_latest_and_not_the_last_written
                pruning_records_the_time_by_which_something_went
                an_issue_floor_is_kept_and_never_lowered;
        }
    };
}

/// One test for each case that a [`Blacklist`](rescind_session::ports::Blacklist) must pass. Takes an
/// `async fn() -> (Arc<impl Blacklist>, impl Sized)` that makes an empty one; see the [crate](crate).
#[macro_export]
macro_rules! blacklist_conformance {
    ($make:expr) => {
        $crate::__conformance_tests! { $make;
            blacklist:
                an_empty_blacklist_refuses_nothing
                inserting_nothing_is_harmless
                a_session_entry_refuses_every_token_of_it
                a_token_entry_refuses_that_token_alone
                a_token_and_a_session_of_one_number_are_not_mixed_up
                a_token_revoked_by_both_scopes_is_refused
                one_insert_takes_many_entries
                an_entry_goes_at_its_until_and_not_before
                an_entry_inserted_twice_is_one_entry
                the_later_until_stays
                an_entry_whose_until_has_passed_refuses_until_it_is_removed
                one_scope_stays_when_the_other_is_removed
                a_pruned_batch_is_bounded
                what_was_inserted_is_seen_by_every_later_check
                a_new_blacklist_is_not_whole
                an_insert_makes_nothing_whole
                an_entry_refuses_before_the_blacklist_is_whole
                a_blacklist_is_whole_when_it_was_filled_to_the_end
                a_whole_blacklist_is_not_claimed
                a_claim_that_was_not_granted_completes_nothing
                a_blacklist_that_is_whole_of_one_log_is_not_of_another;
        }
    };
}

#[cfg(test)]
mod tests {
    /// A case that no macro names would never run, and nobody would notice.
    #[test]
    fn every_case_is_in_a_macro() {
        let macros = include_str!("lib.rs");
        let modules = [
            include_str!("blacklist.rs"),
            include_str!("closing.rs"),
            include_str!("store_clock.rs"),
            include_str!("log.rs"),
            include_str!("opening.rs"),
            include_str!("pruning.rs"),
            include_str!("rotating.rs"),
            include_str!("users.rs"),
        ];
        let cases = modules.iter().flat_map(|source| source.lines()).filter_map(|line| {
            line.strip_prefix("pub async fn ")
                .and_then(|rest| rest.split('(').next())
        });
        let listed: Vec<_> = macros.lines().map(|line| line.trim().trim_end_matches(';')).collect();
        let forgotten: Vec<_> = cases.filter(|case| !listed.contains(case)).collect();
        assert!(forgotten.is_empty(), "no macro names {forgotten:?}");
    }
}
