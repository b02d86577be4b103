//! Items for sale.

use rusqlite::{Connection, Row, Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;

/// An item for sale.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Item {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) price_cents: i64,
    /// RFC 3339, UTC.
    pub(crate) created_at: String,
}

impl Item {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            price_cents: row.get(2)?,
            created_at: row.get(3)?,
        })
    }
}

/// One page of items by id, and how many there are in all.
pub(crate) fn page(
    connection: &Connection,
    limit: i64,
    offset: i64,
) -> rusqlite::Result<(Vec<Item>, i64)> {
    // Items are only ever added, so the highest id is their number, which `count(*)` would walk the
    // table for.
    let total = connection
        .prepare_cached("SELECT coalesce(max(id), 0) FROM items")?
        .query_row([], |row| row.get(0))?;
    let items = connection
        .prepare_cached(
            "SELECT id, name, price_cents, created_at FROM items ORDER BY id LIMIT ?1 OFFSET ?2",
        )?
        .query_map([limit, offset], Item::from_row)?
        .collect::<Result<_, _>>()?;
    Ok((items, total))
}

/// Adds an item.
pub(crate) fn add(
    transaction: &Transaction<'_>,
    name: &str,
    price_cents: i64,
) -> rusqlite::Result<Item> {
    transaction
        .prepare_cached(
            "INSERT INTO items (name, price_cents, created_at)
             VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
             RETURNING id, name, price_cents, created_at",
        )?
        .query_row(params![name, price_cents], Item::from_row)
}
