//! The places of sessions in status lists.

use std::ops::Range;

use rescind_session::{StatusIndex, TakenIndexes};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::{
    SqlStore,
    entities::session::{self, Column},
    error::Failure,
    rows::{self, kept},
};

impl SqlStore {
    pub(super) async fn status_indexes_once(
        &self,
        range: Range<StatusIndex>,
        candidates: &[StatusIndex],
    ) -> Result<TakenIndexes, Failure> {
        let highest = select_highest(&range).into_tuple().one(&self.readers).await?;
        let taken = match candidates {
            [] => Vec::new(),
            some => select_taken(some).into_tuple().all(&self.readers).await?,
        };
        Ok(TakenIndexes {
            taken: taken.into_iter().map(rows::status_index).collect::<Result<_, _>>()?,
            highest: highest.map(rows::status_index).transpose()?,
        })
    }

    pub(super) async fn closed_status_indexes_once(
        &self,
        range: Range<StatusIndex>,
    ) -> Result<Vec<StatusIndex>, Failure> {
        let closed: Vec<i64> = select_closed(&range).into_tuple().all(&self.readers).await?;
        Ok(closed.into_iter().map(rows::status_index).collect::<Result<_, _>>()?)
    }
}

fn indexes() -> Select<session::Entity> {
    session::Entity::find().select_only().column(Column::StatusIndex)
}

fn within(range: &Range<StatusIndex>) -> Select<session::Entity> {
    indexes()
        .filter(Column::StatusIndex.gte(kept(range.start)))
        .filter(Column::StatusIndex.lt(kept(range.end)))
}

pub(super) fn select_highest(range: &Range<StatusIndex>) -> Select<session::Entity> {
    within(range).order_by_desc(Column::StatusIndex).limit(1)
}

pub(super) fn select_taken(candidates: &[StatusIndex]) -> Select<session::Entity> {
    indexes().filter(Column::StatusIndex.is_in(candidates.iter().copied().map(kept)))
}

pub(super) fn select_closed(range: &Range<StatusIndex>) -> Select<session::Entity> {
    within(range).filter(Column::ClosedAt.is_not_null())
}
