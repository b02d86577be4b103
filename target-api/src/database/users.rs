//! Users and their passwords.

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use utoipa::ToSchema;

/// A user as others see them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) bio: String,
    /// RFC 3339, UTC.
    pub(crate) created_at: String,
}

impl User {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            email: row.get(1)?,
            name: row.get(2)?,
            bio: row.get(3)?,
            created_at: row.get(4)?,
        })
    }
}

/// What a user changes about themselves; `None` leaves it as it is.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) name: String,
    pub(crate) email: Option<String>,
    pub(crate) bio: Option<String>,
}

/// What came of a change.
#[derive(Debug)]
pub(crate) enum Changed {
    Done(User),
    EmailTaken,
    NoSuchUser,
}

/// One page of users by id, and how many there are in all.
pub(crate) fn page(
    connection: &Connection,
    limit: i64,
    offset: i64,
) -> rusqlite::Result<(Vec<User>, i64)> {
    let total =
        connection.prepare_cached("SELECT count(*) FROM users")?.query_row([], |row| row.get(0))?;
    let users = connection
        .prepare_cached(
            "SELECT id, email, name, bio, created_at FROM users ORDER BY id LIMIT ?1 OFFSET ?2",
        )?
        .query_map([limit, offset], User::from_row)?
        .collect::<Result<_, _>>()?;
    Ok((users, total))
}

/// The user with this id.
pub(crate) fn find(connection: &Connection, id: i64) -> rusqlite::Result<Option<User>> {
    connection
        .prepare_cached("SELECT id, email, name, bio, created_at FROM users WHERE id = ?1")?
        .query_row([id], User::from_row)
        .optional()
}

/// The id and the password hash of the user with this address.
pub(crate) fn credentials(
    connection: &Connection,
    email: &str,
) -> rusqlite::Result<Option<(i64, String)>> {
    connection
        .prepare_cached("SELECT id, password_hash FROM users WHERE email = ?1")?
        .query_row([email], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Applies `change` to the user with this id.
pub(crate) fn update(
    transaction: &Transaction<'_>,
    id: i64,
    change: &Change,
) -> rusqlite::Result<Changed> {
    let updated = transaction
        .prepare_cached(
            "UPDATE users SET name = ?2, email = coalesce(?3, email), bio = coalesce(?4, bio)
             WHERE id = ?1 RETURNING id, email, name, bio, created_at",
        )?
        .query_row(params![id, change.name, change.email, change.bio], User::from_row)
        .optional();
    match updated {
        Ok(Some(user)) => Ok(Changed::Done(user)),
        Ok(None) => Ok(Changed::NoSuchUser),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Ok(Changed::EmailTaken)
        }
        Err(error) => Err(error),
    }
}
