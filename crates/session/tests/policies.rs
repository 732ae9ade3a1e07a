//! The five policies: their names and numbers, and which numbers are refused.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use rescind_session::{Check, EndReason, Policy, PolicyError, Preset, Refresh, UnknownPreset};

const README: &str = include_str!("../../../README.md");
const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_nanos(1);
const TEN_YEARS: Duration = Duration::from_secs(315_576_000);

#[test]
fn every_preset_is_valid_and_found_by_its_name() {
    for preset in Preset::ALL {
        assert_eq!(Policy::preset(preset).validate(), Ok(()));
        assert_eq!(Policy::preset(preset).preset, preset);
        assert_eq!(preset.name().parse(), Ok(preset));
        assert_eq!(preset.to_string(), preset.name());
    }
    assert_eq!("sessions".parse::<Preset>(), Err(UnknownPreset));
    assert_eq!(Policy::default(), Policy::blacklist());
}

#[test]
fn only_the_two_policies_without_check_and_refresh_keep_no_rows() {
    let rowless: Vec<_> = Preset::ALL
        .into_iter()
        .filter(|p| !Policy::preset(*p).keeps_sessions())
        .collect();
    assert_eq!(rowless, [Preset::ClientDelete, Preset::ShortLived]);
}

/// The row of the README's table that begins with this name, cell by cell.
fn row(name: &str) -> Vec<&'static str> {
    let line = README.lines().find(|line| line.starts_with(&format!("| `{name}`")));
    line.unwrap().split('|').map(str::trim).collect()
}

/// A duration in the README's format.
fn written(duration: Duration) -> String {
    let (number, unit) = match duration.as_secs() {
        seconds if seconds % 86_400 == 0 => (seconds / 86_400, 'd'),
        seconds if seconds % 3_600 == 0 => (seconds / 3_600, 'h'),
        seconds if seconds % 60 == 0 => (seconds / 60, 'm'),
        seconds => (seconds, 's'),
    };
    format!("`{number}{unit}`")
}

#[test]
fn the_presets_are_those_of_the_readmes_table() {
    for preset in Preset::ALL {
        let policy = Policy::preset(preset);
        let cells = row(preset.name());
        assert_eq!(cells[2], written(policy.access_ttl), "{preset}");
        let refresh = policy.refresh.map_or("none".to_owned(), |refresh| written(refresh.ttl));
        assert_eq!(cells[3], refresh, "{preset}");
        let check = match policy.check {
            Check::Nothing => "nothing",
            Check::Session => "the session's row, in SQL",
            Check::Blacklist => "the blacklist, in memory",
        };
        assert_eq!(cells[4], check, "{preset}");
        let sentence = format!("A session ends after {} at most", written(policy.session_max));
        assert!(README.contains(&sentence), "{preset}: {sentence}");
        if let Some(refresh) = policy.refresh {
            let sentence = format!("for {} after an exchange", written(refresh.grace));
            assert!(README.contains(&sentence), "{preset}: {sentence}");
        }
    }
}

/// The error of the default policy after this change.
fn fault(change: impl FnOnce(&mut Policy, &mut Refresh)) -> Option<PolicyError> {
    let mut policy = Policy::blacklist();
    let mut refresh = policy.refresh.unwrap();
    change(&mut policy, &mut refresh);
    policy.refresh = policy.refresh.map(|_| refresh);
    policy.validate().err()
}

#[test]
fn an_access_lifetime_is_in_whole_seconds_and_at_least_one() {
    let access_ttl = |ttl| {
        fault(|policy, refresh| {
            policy.access_ttl = ttl;
            refresh.grace = Duration::ZERO;
        })
    };
    for good in [SECOND, 2 * SECOND, 3_600 * SECOND] {
        assert_eq!(access_ttl(good), None, "{good:?}");
    }
    for bad in [Duration::ZERO, TICK, SECOND - TICK, SECOND + TICK, SECOND * 3 / 2] {
        assert_eq!(access_ttl(bad), Some(PolicyError::AccessTtl), "{bad:?}");
    }
}

#[test]
fn a_session_age_is_at_least_the_access_lifetime_and_at_most_10_years() {
    let session_max = |max| {
        fault(|policy, _| {
            policy.session_max = max;
            policy.refresh = None;
        })
    };
    let access_ttl = Policy::blacklist().access_ttl;
    for good in [access_ttl, access_ttl + TICK, TEN_YEARS] {
        assert_eq!(session_max(good), None, "{good:?}");
    }
    for bad in [Duration::ZERO, access_ttl - TICK, TEN_YEARS + TICK, Duration::MAX] {
        assert_eq!(session_max(bad), Some(PolicyError::SessionMax), "{bad:?}");
    }
}

#[test]
fn a_refresh_lifetime_is_between_access_lifetime_and_session_age() {
    let Policy {
        access_ttl,
        session_max,
        ..
    } = Policy::blacklist();
    let refresh_ttl = |ttl| fault(|_, refresh| refresh.ttl = ttl);
    for good in [access_ttl, session_max] {
        assert_eq!(refresh_ttl(good), None, "{good:?}");
    }
    for bad in [Duration::ZERO, access_ttl - TICK, session_max + TICK, Duration::MAX] {
        assert_eq!(refresh_ttl(bad), Some(PolicyError::RefreshTtl), "{bad:?}");
    }
}

#[test]
fn the_grace_is_at_most_the_access_lifetime() {
    let access_ttl = Policy::blacklist().access_ttl;
    let grace = |grace| fault(|_, refresh| refresh.grace = grace);
    for good in [Duration::ZERO, access_ttl] {
        assert_eq!(grace(good), None, "{good:?}");
    }
    for bad in [access_ttl + TICK, Duration::MAX] {
        assert_eq!(grace(bad), Some(PolicyError::Grace), "{bad:?}");
    }
}

/// Every existing database holds these words: none may change.
#[test]
fn causes_have_stable_names() {
    let names: Vec<_> = EndReason::ALL.into_iter().map(|cause| (cause, cause.name())).collect();
    let kept = [
        (EndReason::Logout, "logout"),
        (EndReason::LogoutElsewhere, "logout_elsewhere"),
        (EndReason::LogoutEverywhere, "logout_everywhere"),
        (EndReason::Replaced, "replaced"),
        (EndReason::TooMany, "too_many"),
        (EndReason::PasswordChange, "password_change"),
        (EndReason::Reuse, "reuse"),
        (EndReason::LostCommit, "lost_commit"),
        (EndReason::Administrator, "administrator"),
        (EndReason::Disabled, "disabled"),
        (EndReason::TokenRevoked, "token_revoked"),
    ];
    assert_eq!(names, kept);
    for (cause, name) in kept {
        assert_eq!(EndReason::from_name(name), Some(cause));
    }
    assert_eq!(EndReason::from_name("Logout"), None);
    assert_eq!(EndReason::from_name(""), None);
}
