//! The places of sessions in status lists.

use std::ops::Range;

use rescind_session::StatusIndex;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::{
    entities::session::{self, Column},
    rows::kept,
};

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
