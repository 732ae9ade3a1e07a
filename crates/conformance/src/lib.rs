#![doc = include_str!("../README.md")]
#![deny(missing_docs)]
#![expect(clippy::panic, reason = "a case fails by panicking")]

use std::time::Duration;

pub mod blacklist;
pub mod closing;
mod fixture;
pub mod log;
pub mod opening;
pub mod pruning;
mod race;
pub mod reauthenticating;
pub mod rotating;
pub mod status_list;
pub mod store_clock;
pub mod users;

/// Used by the macros; not part of the interface.
#[doc(hidden)]
pub mod __private {
    use std::sync::Arc;

    /// The return types that a factory may have.
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
}

/// Runs one case in its own runtime, for other harnesses than `#[test]`.
///
/// # Panics
/// If the case fails, or hangs.
pub fn run<T>(case: impl Future<Output = T>) -> T {
    /// Longer than any case takes on a slow disk. A store that hangs fails the case.
    const PATIENCE: Duration = Duration::from_secs(120);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime for the case: {error}"),
    };
    // On the heap: a case is a large future, and a test's thread has a small stack.
    match runtime.block_on(async { tokio::time::timeout(PATIENCE, Box::pin(case)).await }) {
        Ok(outcome) => outcome,
        Err(_) => {
            // Dropping the runtime would wait for the thread that hangs.
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
                $crate::run(async {
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
                a_taken_id_is_never_overwritten
                fifty_inserts_of_one_name_create_exactly_one_user
                a_new_password_replaces_the_old_one
                setting_the_password_of_an_unknown_user_is_no_such_user
                a_hash_is_replaced_only_while_it_is_the_stored_one
                a_disabled_user_is_not_found_and_keeps_name_and_password
                a_demo_account_is_not_disabled
                a_deleted_user_is_gone_and_the_name_is_free
                users_are_listed_by_name_in_parts;
        }
    };
}

/// One test for each case that a [`SessionStore`](rescind_session::ports::SessionStore) must pass. Takes an
/// `async fn() -> (Arc<impl SessionStore>, impl Sized)` that makes an empty one; see the [crate](crate).
#[macro_export]
macro_rules! session_store_conformance {
    ($make:expr) => {
        $crate::rotating_cases! { $crate::__conformance_tests, $make }
        $crate::__conformance_tests! { $make;
            opening:
                a_session_is_found_as_it_was_opened
                an_unknown_session_is_none
                opening_a_taken_id_fails_and_changes_nothing
                a_new_user_has_the_first_epoch
                a_superseded_login_writes_nothing
                a_login_with_the_current_epoch_opens
                closing_all_of_one_user_supersedes_no_login_of_another
                a_login_racing_close_all_never_survives_it
                only_open_sessions_of_the_user_are_listed_oldest_first;
            reauthenticating:
                a_reauthentication_writes_exactly_its_fields
                a_session_that_is_not_the_users_open_one_is_not_reauthenticated
                a_reauthentication_racing_close_all_is_refused_or_closed;
            closing:
                closing_closes_the_row_and_logs_its_revocation
                every_cause_is_kept
                until_comes_from_the_row_and_not_from_the_clock
                until_follows_the_latest_rotation
                closing_again_returns_the_first_revocation_and_cause
                closing_again_after_the_log_was_pruned_returns_no_revocation
                closing_an_unknown_session_logs_nothing
                exactly_one_of_fifty_closings_closes
                reuse_of_an_open_session_closes_it_and_is_recorded
                reuse_of_a_closed_session_is_recorded_once_and_keeps_its_cause
                no_other_cause_records_reuse
                close_all_closes_every_open_session_but_the_exception
                close_all_takes_until_from_each_row
                close_all_returns_the_revocations_of_earlier_closings_too
                close_all_returns_no_revocation_that_was_pruned
                close_all_raises_the_epoch_even_without_sessions
                close_all_leaves_other_users_alone
                concurrent_closings_of_all_and_of_one_log_each_session_once;
            log:
                a_new_log_is_empty
                a_log_keeps_its_identity
                positions_rise_in_the_order_of_the_revocations
                the_log_is_paged_without_a_gap
                a_reader_beside_eight_writers_sees_each_entry_once_in_order
                a_position_beyond_the_end_starts_over
                a_revocation_is_logged_with_every_field
                revoking_a_token_twice_returns_the_first_entry
                fifty_revocations_of_one_token_log_exactly_one
                a_token_and_a_session_with_equal_ids_are_two_entries
                revoking_a_token_leaves_its_session_open;
            pruning:
                a_revocation_is_pruned_at_its_until_and_not_before
                a_session_is_pruned_after_its_absolute_end_and_not_before
                a_closed_session_stays_until_its_absolute_end
                a_rotation_does_not_delay_the_pruning_of_its_session
                pruning_a_session_keeps_its_revocation
                a_batch_is_bounded
                pruning_an_empty_store_removes_nothing
                a_reader_behind_the_pruned_entries_starts_over
                the_remaining_entries_are_read_from_the_start
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
                pruning_records_its_time_if_it_removed_anything
                an_issue_floor_is_kept_and_never_lowered;
        }
    };
}

/// The same for a [`SessionStore`](rescind_session::ports::SessionStore) of a service with
/// [status lists](rescind_session::status_list).
#[macro_export]
macro_rules! status_list_conformance {
    ($make:expr) => {
        $crate::__conformance_tests! { $make;
            status_list:
                a_status_index_is_kept_in_the_row
                a_taken_status_index_opens_nothing
                a_pruned_session_gives_its_status_index_back
                taken_status_indexes_are_told
                the_status_indexes_of_closed_sessions_are_told;
        }
    };
}

/// One test for each case that a [`Blacklist`](rescind_session::ports::Blacklist) must pass. Takes an
/// `async fn() -> (Arc<impl Blacklist>, impl Sized)` that makes an empty one; see the [crate](crate).
#[macro_export]
macro_rules! blacklist_conformance {
    ($make:expr) => {
        $crate::blacklist_cases! { $crate::__conformance_tests, $make }
    };
}

/// Passes the cases of [`rotating`] to a macro, for another harness than `#[test]`: `harness! { $arguments; rotating: case case; }`.
#[macro_export]
macro_rules! rotating_cases {
    ($harness:path $(, $($arguments:tt)*)?) => {
        $harness! { $($($arguments)*;)?
            rotating:
                a_rotation_writes_exactly_its_fields
                a_rotation_keeps_the_later_access_until
                one_rotation_follows_another
                exactly_one_of_a_hundred_rotations_of_one_generation_wins
                a_wrong_generation_loses_and_changes_nothing
                a_session_without_a_refresh_token_does_not_rotate
                an_unknown_session_does_not_rotate
                a_closed_session_does_not_rotate_and_stays_closed
                a_revocation_outlives_the_tokens_of_rotations_that_race_it
                a_rotation_that_races_close_all_reopens_nothing;
        }
    };
}

/// The same for the cases of [`blacklist`].
#[macro_export]
macro_rules! blacklist_cases {
    ($harness:path $(, $($arguments:tt)*)?) => {
        $harness! { $($($arguments)*;)?
            blacklist:
                an_empty_blacklist_refuses_nothing
                inserting_nothing_is_harmless
                a_session_entry_refuses_every_token_of_it
                a_token_entry_refuses_that_token_alone
                a_token_and_a_session_with_equal_ids_are_not_confused
                a_token_revoked_by_both_scopes_is_refused
                one_insert_takes_many_entries
                an_entry_is_pruned_at_its_until_and_not_before
                an_entry_inserted_twice_is_one_entry
                the_later_until_is_kept
                an_entry_past_its_until_refuses_until_it_is_pruned
                one_scope_stays_when_the_other_is_removed
                a_pruned_batch_is_bounded
                what_was_inserted_is_seen_by_every_later_check
                a_new_blacklist_is_incomplete
                an_insert_does_not_complete_a_blacklist
                an_entry_refuses_in_an_incomplete_blacklist
                a_blacklist_filled_to_the_end_is_complete
                a_complete_blacklist_is_not_claimed
                a_claim_that_was_not_granted_completes_no_blacklist
                a_blacklist_complete_for_one_log_is_incomplete_for_another;
        }
    };
}

#[cfg(test)]
mod tests {
    /// A case that no macro names would never run, unnoticed.
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
            include_str!("reauthenticating.rs"),
            include_str!("rotating.rs"),
            include_str!("status_list.rs"),
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
