//! What the shop says of its members, so that they can log in.

use async_trait::async_trait;
use rescind_session::ports::{ClaimsSource, StoreError, UserStore};
use rescind_session::token::{ClientId, ExtraClaims, UserId};
use rescind_session::{Credentials, User, Username};

use crate::members::{Member, Members};

fn user(member: &Member) -> Result<User, StoreError> {
    let name = Username::parse(&member.email).map_err(StoreError::corrupt)?;
    Ok(User::new(member.id.into(), name))
}

#[async_trait]
impl UserStore for Members {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        // Readiness asks for an id that is no member's.
        let Some(id) = id.as_i64() else { return Ok(None) };
        let member = self.by_id(id).await.map_err(StoreError::unavailable)?;
        member.as_ref().map(user).transpose()
    }

    async fn credentials(&self, email: &Username) -> Result<Option<Credentials>, StoreError> {
        let member = self.by_email(email.as_str()).await.map_err(StoreError::unavailable)?;
        let Some(member) = member else { return Ok(None) };
        Ok(Some(Credentials::new(user(&member)?, member.hash)))
    }
}

#[async_trait]
impl ClaimsSource for Members {
    async fn claims(&self, id: &UserId, _: &ClientId) -> Result<ExtraClaims, StoreError> {
        let id = id.as_i64().unwrap_or_default();
        let member = self.by_id(id).await.map_err(StoreError::unavailable)?;
        Ok(ExtraClaims::new().with_roles(member.map(|member| member.role)))
    }
}
