//! How many rounds a test runs: few on every change, many in the second tier.

/// The number of rounds of a repeated test: `reduced`, or `full` when `RESCIND_TEST_FULL` is `1`
/// (as `scripts/test.sh --full` sets it).
#[must_use]
pub fn rounds(reduced: u32, full: u32) -> u32 {
    rounds_for(std::env::var("RESCIND_TEST_FULL").ok().as_deref(), reduced, full)
}

fn rounds_for(setting: Option<&str>, reduced: u32, full: u32) -> u32 {
    match setting {
        Some("1") => full,
        _ => reduced,
    }
}

#[cfg(test)]
mod tests {
    use super::rounds_for;

    #[test]
    fn the_second_tier_runs_the_full_number_of_rounds() {
        assert_eq!(rounds_for(Some("1"), 10, 1000), 1000);
        assert_eq!(rounds_for(Some("0"), 10, 1000), 10);
        assert_eq!(rounds_for(None, 10, 1000), 10);
    }
}
