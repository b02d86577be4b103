//! Public profiles.

use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use utoipa::ToSchema;

/// A public profile.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Profile {
    pub(crate) id: i64,
    pub(crate) handle: String,
    pub(crate) name: String,
    pub(crate) city: String,
    pub(crate) followers: i64,
}

/// The profile with this id.
pub(crate) fn find(connection: &Connection, id: i64) -> rusqlite::Result<Option<Profile>> {
    connection
        .prepare_cached("SELECT id, handle, name, city, followers FROM profiles WHERE id = ?1")?
        .query_row([id], |row| {
            Ok(Profile {
                id: row.get(0)?,
                handle: row.get(1)?,
                name: row.get(2)?,
                city: row.get(3)?,
                followers: row.get(4)?,
            })
        })
        .optional()
}
