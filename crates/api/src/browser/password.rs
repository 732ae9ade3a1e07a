//! The function for a form with a new password.

use actix_web::HttpRequest;
use rescind_session::{ChangePasswordError, Password, User};

use crate::{
    authenticated::Authenticated,
    guesses::{Key, Turn},
    login::device,
    problem::Problem,
    rescind::Rescind,
};

/// Changes the password of the logged-in user, and ends their other sessions.
///
/// A thief with a stolen session could guess the old password here. So each try counts against the login limit, and it
/// counts before the password is checked: a change cannot be undone, but a login that turns out to be one guess too
/// many can be. And one session has one try at a time, with growing pauses after failures.
///
/// # Errors
/// [`Problem`]: [`InvalidInput`](Problem::InvalidInput) names `old_password` or `new_password`. The form explains
/// [`RateLimited`](Problem::RateLimited), [`Overloaded`](Problem::Overloaded) and
/// [`DemoAccount`](Problem::DemoAccount). With [`RevocationPending`](Problem::RevocationPending) the password is
/// changed. After any 503 the same request, with the same two passwords, finishes the change.
pub async fn change_password(
    request: &HttpRequest,
    rescind: &Rescind,
    (asks, user): (&Authenticated, &User),
    old: &Password,
    new: &Password,
) -> Result<(), Problem> {
    let address = device(request, rescind).address;
    let limiter = rescind.limiter();
    limiter.failed(address)?;
    let mut turn = limiter.turn(&Key::Device(asks.session_id()), address).await?;
    let service = rescind.service().for_client(address);
    let changed = service.change_password(user, old, new, asks.session_id()).await;
    if matches!(changed, Err(ChangePasswordError::WrongPassword)) {
        // Both passwords were compared: for a repeated request the new one may already be stored.
        let _ = limiter.failed(address);
    } else {
        let _ = turn.as_mut().map(Turn::settle);
    }
    changed?;
    tracing::info!(user = %user.id, session = %asks.session_id(), "a password was changed");
    Ok(())
}
