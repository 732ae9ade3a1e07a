//! All that the shop adds for login, refresh and logout.

use std::sync::Arc;

use async_trait::async_trait;
use rescind_server::{Failure, Node, Settings};
use rescind_session::{
    Credentials, PasswordHash, User, Username,
    ports::{ClaimsSource, StoreError, UserStore},
    token::{ClientId, ExtraClaims, UserId},
};

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
        let credentials = |member: Member| {
            let password_hash = PasswordHash::new(&member.hash);
            Ok(Credentials {
                user: user(&member)?,
                password_hash,
            })
        };
        member.map(credentials).transpose()
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

pub async fn node(settings: Settings, members: Arc<Members>) -> Result<Node, Failure> {
    Node::builder(settings)
        .users(members.clone())
        .claims(members)
        .start()
        .await
}
