//! The accounts of the demo, whose password is public.

use rescind_server::Failure;
use rescind_session::{DemoAccount, Password, SessionService};

use crate::settings::Demo;

/// The accounts on the login page of the demo.
pub(crate) const DEMO_ACCOUNTS: [&str; 2] = [VICTIM, "bob"];
pub(crate) const VICTIM: &str = "alice";
/// Shown on the login page of the demo.
pub(crate) const DEMO_PASSWORD: &str = "correct horse battery staple";

/// Creates the accounts; with the demo off, ends their sessions instead.
pub(crate) async fn prepare(demo: Demo, service: SessionService) -> Result<(), Failure> {
    let failed = |why| Failure::Other("the demo accounts cannot be made ready", why);
    for name in DEMO_ACCOUNTS {
        prepare_one(demo, &service, name).await.map_err(failed)?;
    }
    Ok(())
}

async fn prepare_one(
    demo: Demo,
    service: &SessionService,
    name: &str,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    if !demo.is_on() {
        return Ok(service.retire_demo_account(name).await?);
    }
    let password = Password::new(DEMO_PASSWORD);
    if service.ensure_demo_account(name, &password).await? == DemoAccount::TakenByPerson {
        tracing::warn!(name, "a person has the name of this demo account, and keeps it");
    }
    Ok(())
}
