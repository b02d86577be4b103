//! Teams and who is in them.

use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use serde::Serialize;
use utoipa::ToSchema;

/// A team.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Team {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) member_count: i64,
    /// RFC 3339, UTC.
    pub(crate) created_at: String,
}

impl Team {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            description: row.get(2)?,
            member_count: row.get(3)?,
            created_at: row.get(4)?,
        })
    }
}

/// A user's place in a team.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Member {
    pub(crate) user_id: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    /// RFC 3339, UTC.
    pub(crate) joined_at: String,
}

impl Member {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            user_id: row.get(0)?,
            name: row.get(1)?,
            email: row.get(2)?,
            joined_at: row.get(3)?,
        })
    }
}

/// What came of an attempt to join.
#[derive(Debug)]
pub(crate) enum Joined {
    Done(Member),
    AlreadyMember,
    NoSuchTeam,
    NoSuchUser,
}

/// What came of an attempt to leave.
#[derive(Debug)]
pub(crate) enum Left {
    Done,
    NotAMember,
    NoSuchTeam,
}

/// One page of teams by id, and how many there are in all.
pub(crate) fn page(
    connection: &Connection,
    limit: i64,
    offset: i64,
) -> rusqlite::Result<(Vec<Team>, i64)> {
    let total =
        connection.prepare_cached("SELECT count(*) FROM teams")?.query_row([], |row| row.get(0))?;
    let teams = connection
        .prepare_cached(
            "SELECT id, name, description,
                    (SELECT count(*) FROM team_members WHERE team_id = teams.id), created_at
             FROM teams ORDER BY id LIMIT ?1 OFFSET ?2",
        )?
        .query_map([limit, offset], Team::from_row)?
        .collect::<Result<_, _>>()?;
    Ok((teams, total))
}

/// The team with this id.
pub(crate) fn find(connection: &Connection, id: i64) -> rusqlite::Result<Option<Team>> {
    connection
        .prepare_cached(
            "SELECT id, name, description,
                    (SELECT count(*) FROM team_members WHERE team_id = teams.id), created_at
             FROM teams WHERE id = ?1",
        )?
        .query_row([id], Team::from_row)
        .optional()
}

/// One page of a team's members by user id, and how many there are; `None` without such a team.
pub(crate) fn members(
    connection: &Connection,
    team_id: i64,
    limit: i64,
    offset: i64,
) -> rusqlite::Result<Option<(Vec<Member>, i64)>> {
    let Some(team) = find(connection, team_id)? else { return Ok(None) };
    let members = connection
        .prepare_cached(
            "SELECT user_id, name, email, joined_at
             FROM team_members JOIN users ON users.id = user_id
             WHERE team_id = ?1 ORDER BY user_id LIMIT ?2 OFFSET ?3",
        )?
        .query_map([team_id, limit, offset], Member::from_row)?
        .collect::<Result<_, _>>()?;
    Ok(Some((members, team.member_count)))
}

/// Makes the user a member of the team.
pub(crate) fn join(
    transaction: &Transaction<'_>,
    team_id: i64,
    user_id: i64,
) -> rusqlite::Result<Joined> {
    if !has_row(transaction, "SELECT 1 FROM teams WHERE id = ?1", [team_id])? {
        return Ok(Joined::NoSuchTeam);
    }
    if !has_row(transaction, "SELECT 1 FROM users WHERE id = ?1", [user_id])? {
        return Ok(Joined::NoSuchUser);
    }
    let added = transaction
        .prepare_cached(
            "INSERT INTO team_members (team_id, user_id, joined_at)
             VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) ON CONFLICT DO NOTHING",
        )?
        .execute([team_id, user_id])?;
    if added == 0 {
        return Ok(Joined::AlreadyMember);
    }
    transaction
        .prepare_cached(
            "SELECT user_id, name, email, joined_at
             FROM team_members JOIN users ON users.id = user_id
             WHERE team_id = ?1 AND user_id = ?2",
        )?
        .query_row([team_id, user_id], Member::from_row)
        .map(Joined::Done)
}

/// Takes the user out of the team.
pub(crate) fn leave(
    transaction: &Transaction<'_>,
    team_id: i64,
    user_id: i64,
) -> rusqlite::Result<Left> {
    let removed = transaction
        .prepare_cached("DELETE FROM team_members WHERE team_id = ?1 AND user_id = ?2")?
        .execute([team_id, user_id])?;
    if removed > 0 {
        return Ok(Left::Done);
    }
    let is_team = has_row(transaction, "SELECT 1 FROM teams WHERE id = ?1", [team_id])?;
    Ok(if is_team { Left::NotAMember } else { Left::NoSuchTeam })
}

fn has_row(connection: &Connection, sql: &str, parameters: [i64; 1]) -> rusqlite::Result<bool> {
    connection.prepare_cached(sql)?.exists(parameters)
}
