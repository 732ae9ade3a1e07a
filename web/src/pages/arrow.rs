//! What the sequence diagrams of the demo and of the lab draw alike.

/// The outline of an arrow's head, as the data of an SVG path. None where it would lead from a lane to itself: a thought.
pub(crate) fn head(from: i32, to: i32, y: i32, length: i32) -> Option<String> {
    let back = if to > from { -length } else { length };
    (from != to).then(|| format!("M{to} {y}l{back} -5v10z"))
}

/// As much of a label as fits; the list beneath a drawing says it in full.
pub(crate) fn shortened(text: &str, fits: usize) -> String {
    if text.chars().count() <= fits {
        return text.to_owned();
    }
    text.chars().take(fits.saturating_sub(1)).chain(['…']).collect()
}
