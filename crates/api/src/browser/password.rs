//! What a form for a new password needs.

use actix_web::HttpRequest;
use rescind_session::{ChangePasswordError, Password, User};

use crate::{
    authenticated::Authenticated,
    guesses::{Key, Turn},
    login::device,
    problem::Problem,
    rescind::Rescind,
};

/// Changes the password of whoever asks, and ends their other sessions.
///
/// A thief with a stolen session could guess the old password here. So each try counts against the login limit, and
/// before it is looked at: a change cannot be undone, as a login can that turns out to be one guess too many. And one
/// session has one try at a time, with growing pauses after failures.
///
/// # Errors
/// [`Problem`]: [`InvalidInput`](Problem::InvalidInput) names `old_password` or `new_password`;
/// [`RateLimited`](Problem::RateLimited), [`Overloaded`](Problem::Overloaded) and [`DemoAccount`](Problem::DemoAccount)
/// are for the form to tell. With [`RevocationPending`](Problem::RevocationPending) the password is changed. After any 503 the
/// same request, with the same two passwords, finishes what was begun.
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
        // Both passwords were compared: that of a repeat may be the new one.
        let _ = limiter.failed(address);
    } else {
        let _ = turn.as_mut().map(Turn::settle);
    }
    changed?;
    tracing::info!(user = %user.id, session = %asks.session_id(), "a password was changed");
    Ok(())
}
