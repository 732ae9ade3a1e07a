//! Randomness from the machine.

use rand::{
    SeedableRng,
    rngs::{StdRng, SysRng},
};

use crate::failure::Failure;

/// A random number generator, seeded by the machine.
///
/// # Errors
/// The machine has no randomness.
pub fn random() -> Result<StdRng, Failure> {
    StdRng::try_from_rng(&mut SysRng)
        .map_err(|error| Failure::other("the machine's random number generator fails", error))
}
