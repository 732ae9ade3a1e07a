//! Health checks for a load balancer.

use actix_web::{HttpResponse, http::header};
use rescind_session::{Check, NotReady, SyncStatus};
use serde::Serialize;

use crate::{problem::Problem, rescind::Rescind, security_headers::Own};

/// Whether the process answers at all. If it does not, it has to be restarted.
pub async fn live() -> HttpResponse {
    say(&Live { status: "live" })
}

/// Whether it could serve a request now. If it cannot, requests have to go to another node; a restart would not help.
///
/// If ready, it returns how old its view of the revocation log is: a revocation by another node that is older than that
/// is known here, even if the blacklist missed it. If not ready, it names the missing part in one word, and how far this
/// node has rebuilt the blacklist. A stranger may know no more; the log has the cause.
///
/// # Errors
/// [`Problem::NotReady`].
pub async fn ready(rescind: Rescind) -> Result<HttpResponse, Problem> {
    let service = rescind.service();
    service.ready().await?;
    let blacklist = match service.policy().check {
        Check::Blacklist => {
            Some(Blacklist::of(service.sync_status().ok_or_else(|| {
                NotReady::BlacklistRebuilding(service.rebuild_progress())
            })?))
        }
        Check::Nothing | Check::Session => None,
    };
    Ok(say(&Ready {
        status: "ready",
        node: rescind.settings().node.as_deref(),
        blacklist,
    }))
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Live {
    status: &'static str,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Ready<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    node: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    blacklist: Option<Blacklist>,
}

/// What this node has read of the revocation log.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct Blacklist {
    whole: bool,
    age_ms: u64,
    position: u64,
}

impl Blacklist {
    fn of(status: SyncStatus) -> Self {
        Self {
            whole: true,
            age_ms: u64::try_from(status.age.as_millis()).unwrap_or(u64::MAX),
            position: status.to.get(),
        }
    }
}

fn say(body: &impl Serialize) -> HttpResponse {
    let mut reply = HttpResponse::Ok();
    reply.extensions_mut().insert(Own);
    reply.insert_header((header::CACHE_CONTROL, "no-store")).json(body)
}
