//! Password hashes of other programs.
//!
//! A service that adopts this crate has users already, with hashes in another form. They are checked as they are at
//! the user's next login, and replaced by argon2id then: the password is known at that moment only.

use std::error::Error;

/// Checks passwords against hashes in a form that this crate does not know. Give it to
/// [`SessionService::with_password_verifier`](crate::SessionService::with_password_verifier).
///
/// bcrypt (`$2b$…`), and scrypt and PBKDF2 in PHC form (`$scrypt$…`, `$pbkdf2-sha256$…`) are built in, each behind the
/// feature of its name.
pub trait PasswordVerifier: Send + Sync {
    /// Whether the password fits the hash; `None` if the hash is in a form that this verifier does not know. Has to
    /// compare in constant time. Called on the blocking pool, for a few passwords at once.
    fn verify(&self, password: &[u8], hash: &str) -> Option<Result<bool, Box<dyn Error + Send + Sync>>>;
}

/// The forms that are built in.
pub(crate) struct BuiltIn;

impl PasswordVerifier for BuiltIn {
    #[cfg_attr(
        not(any(feature = "bcrypt", feature = "pbkdf2", feature = "scrypt")),
        expect(unused_variables, reason = "no form is built in")
    )]
    fn verify(&self, password: &[u8], hash: &str) -> Option<Result<bool, Box<dyn Error + Send + Sync>>> {
        #[cfg(feature = "bcrypt")]
        if ["$2a$", "$2b$", "$2x$", "$2y$"]
            .iter()
            .any(|form| hash.starts_with(form))
        {
            return Some(bcrypt::verify(password, hash).map_err(|error| error.to_string().into()));
        }
        #[cfg(feature = "pbkdf2")]
        if hash.starts_with("$pbkdf2-") {
            return Some(phc(&pbkdf2::Pbkdf2::default(), password, hash));
        }
        #[cfg(feature = "scrypt")]
        if hash.starts_with("$scrypt$") {
            return Some(phc(&scrypt::Scrypt::default(), password, hash));
        }
        None
    }
}

#[cfg(any(feature = "pbkdf2", feature = "scrypt"))]
fn phc(
    algorithm: &impl password_hash::PasswordVerifier<password_hash::phc::PasswordHash>,
    password: &[u8],
    hash: &str,
) -> Result<bool, Box<dyn Error + Send + Sync>> {
    let hash = password_hash::phc::PasswordHash::new(hash)?;
    match algorithm.verify_password(password, &hash) {
        Ok(()) => Ok(true),
        Err(password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
