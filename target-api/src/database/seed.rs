//! The data that a fresh database starts with.
//!
//! Each row has a generator of its own, made from the seed, its table and its id, so that user 7 is
//! the same whatever `--users` is, and a later start with more users only adds to a file.

use rand::RngExt;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::names::{ADJECTIVES, ANIMALS, CITIES, FIRST, LAST, PRODUCTS};
use crate::auth::password;

/// How many teams there are.
const TEAM_COUNT: i64 = 50;
/// Profiles have the ids 1 to this.
const PROFILE_COUNT: i64 = 1_000;
/// How many items there are at first.
const ITEM_COUNT: i64 = 200;

/// The password of every seeded user.
const PASSWORD: &str = "secret";

/// Seeded users share this many salts, so that 20,000 users cost 16 password hashes and not 20,000.
const SALT_GROUPS: i64 = 16;

/// 2026-01-01T00:00:00Z in seconds since 1970: nothing in the seeded data depends on the day it was
/// made.
const EPOCH_S: i64 = 1_767_225_600;
/// Seeded rows were made within this many seconds before [`EPOCH_S`]: a year.
const PAST_S: i64 = 365 * 86_400;

/// SQL that writes a Unix time as RFC 3339.
macro_rules! rfc3339 {
    ($parameter:literal) => {
        concat!("strftime('%Y-%m-%dT%H:%M:%SZ', ", $parameter, ", 'unixepoch')")
    };
}

/// The tables that have generators.
#[derive(Debug, Clone, Copy)]
enum Table {
    Salts,
    Users,
    Teams,
    Profiles,
    Items,
}

/// Adds what is missing, in one transaction: everything to an empty database, users to one with
/// fewer.
pub(super) fn fill(connection: &mut Connection, users: u32, seed: u64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let present: i64 =
        transaction.query_row("SELECT coalesce(max(id), 0) FROM users", [], |row| row.get(0))?;
    add_users(&transaction, seed, present + 1..=i64::from(users))?;
    if present == 0 {
        add_teams(&transaction, seed, i64::from(users))?;
        add_profiles(&transaction, seed)?;
        add_items(&transaction, seed)?;
    }
    transaction.commit()
}

/// The generator of one row.
fn generator(seed: u64, table: Table, id: i64) -> Pcg64 {
    let row = ((table as u64) << 56) ^ id.unsigned_abs();
    // An odd multiplier (the golden ratio's) keeps neighbouring seeds from sharing rows.
    Pcg64::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ row)
}

fn pick<'a>(rng: &mut Pcg64, words: &[&'a str]) -> &'a str {
    words[rng.random_range(0..words.len())]
}

fn person(rng: &mut Pcg64) -> String {
    format!("{} {}", pick(rng, &FIRST), pick(rng, &LAST))
}

fn past(rng: &mut Pcg64) -> i64 {
    EPOCH_S - rng.random_range(0..PAST_S)
}

fn add_users(
    transaction: &Transaction<'_>,
    seed: u64,
    ids: std::ops::RangeInclusive<i64>,
) -> rusqlite::Result<()> {
    let hashes: Vec<String> = (0..SALT_GROUPS)
        .map(|group| {
            let salt = generator(seed, Table::Salts, group).random::<[u8; 16]>();
            password::hash(PASSWORD, &salt)
        })
        .collect();
    // Somebody may have taken the address of a user to come: then that user stays away.
    let mut insert = transaction.prepare(concat!(
        "INSERT OR IGNORE INTO users (id, email, name, bio, password_hash, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ",
        rfc3339!("?6"),
        ")"
    ))?;
    for id in ids {
        let rng = &mut generator(seed, Table::Users, id);
        let email = format!("user{id}@example.com");
        let hash = &hashes[usize::try_from(id % SALT_GROUPS).expect("a small positive number")];
        let (name, bio) = (person(rng), format!("Lives in {}.", pick(rng, &CITIES)));
        insert.execute(params![id, email, name, bio, hash, past(rng)])?;
    }
    Ok(())
}

fn add_teams(transaction: &Transaction<'_>, seed: u64, users: i64) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare(concat!(
        "INSERT INTO teams (id, name, description, created_at) VALUES (?1, ?2, ?3, ",
        rfc3339!("?4"),
        ")"
    ))?;
    // The same user drawn twice is a member once.
    let mut join = transaction.prepare(concat!(
        "INSERT OR IGNORE INTO team_members (team_id, user_id, joined_at) VALUES (?1, ?2, ",
        rfc3339!("?3"),
        ")"
    ))?;
    for id in 1..=TEAM_COUNT {
        let rng = &mut generator(seed, Table::Teams, id);
        let name = format!("{} {}", pick(rng, &ADJECTIVES), pick(rng, &ANIMALS));
        let description = format!("Based in {}.", pick(rng, &CITIES));
        insert.execute(params![id, name, description, past(rng)])?;
        for _ in 0..rng.random_range(5..=20) {
            join.execute(params![id, rng.random_range(1..=users), past(rng)])?;
        }
    }
    Ok(())
}

fn add_profiles(transaction: &Transaction<'_>, seed: u64) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare(
        "INSERT INTO profiles (id, handle, name, city, followers) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for id in 1..=PROFILE_COUNT {
        let rng = &mut generator(seed, Table::Profiles, id);
        let name = person(rng);
        let handle = format!("{}{id}", name.to_lowercase().replace(' ', "."));
        insert.execute(params![
            id,
            handle,
            name,
            pick(rng, &CITIES),
            rng.random_range(0..10_000)
        ])?;
    }
    Ok(())
}

fn add_items(transaction: &Transaction<'_>, seed: u64) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare(concat!(
        "INSERT INTO items (id, name, price_cents, created_at) VALUES (?1, ?2, ?3, ",
        rfc3339!("?4"),
        ")"
    ))?;
    for id in 1..=ITEM_COUNT {
        let rng = &mut generator(seed, Table::Items, id);
        let name = format!("{} {}", pick(rng, &ADJECTIVES), pick(rng, &PRODUCTS));
        insert.execute(params![id, name, rng.random_range(199..=19_999), past(rng)])?;
    }
    Ok(())
}
