//! Salted password hashes: PBKDF2-HMAC-SHA-256, written `pbkdf2-sha256$ROUNDS$SALT$HASH` in hex.

use std::fmt::Write as _;

use pbkdf2::pbkdf2_hmac_array;
use sha2::Sha256;

/// Rounds of a new hash. A real service takes hundreds of thousands; this one keeps a sign-in well
/// under a millisecond, since what it is there to show is the load, not the strength of its
/// passwords.
const ROUNDS: u32 = 600;

const NAME: &str = "pbkdf2-sha256";

/// Hashes `password` with `salt`.
pub(crate) fn hash(password: &str, salt: &[u8; 16]) -> String {
    let hash = derive(password, salt, ROUNDS);
    format!("{NAME}${ROUNDS}${}${}", hex(salt), hex(&hash))
}

/// Whether `password` is the one that `stored` was made from; `false` for a hash that cannot be
/// read.
pub(crate) fn matches(password: &str, stored: &str) -> bool {
    let mut parts = stored.split('$');
    let (Some(NAME), Some(rounds), Some(salt), Some(expected), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let (Ok(rounds), Some(salt), Some(expected)) = (rounds.parse(), unhex(salt), unhex(expected))
    else {
        return false;
    };
    is_same(&derive(password, &salt, rounds), &expected)
}

/// Spends as long as [`matches`], so that an answer does not tell whether an address is known.
pub(crate) fn match_nothing(password: &str) {
    std::hint::black_box(derive(password, &[0; 16], ROUNDS));
}

fn derive(password: &str, salt: &[u8], rounds: u32) -> [u8; 32] {
    pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, rounds)
}

/// Compares in a time that does not depend on where the two differ.
fn is_same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |all, (l, r)| all | (l ^ r)) == 0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_matches() {
        let stored = hash("secret", &[7; 16]);
        assert!(matches("secret", &stored));
        assert!(!matches("Secret", &stored));
        assert!(!matches("", &stored));
    }

    #[test]
    fn the_salt_makes_equal_passwords_differ() {
        assert_ne!(hash("secret", &[1; 16]), hash("secret", &[2; 16]));
    }

    #[test]
    fn the_hash_is_that_of_rfc_7914() {
        // RFC 7914 section 11, the first 32 bytes of PBKDF2-HMAC-SHA-256 ("passwd", "salt", 1
        // round).
        let expected = "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc";
        assert_eq!(hex(&derive("passwd", b"salt", 1)), expected);
    }

    #[test]
    fn a_hash_that_cannot_be_read_matches_nothing() {
        for stored in ["", "pbkdf2-sha256$1$zz$00", "md5$1$00$00", "pbkdf2-sha256$x$00$00", "$$$$"]
        {
            assert!(!matches("secret", stored), "{stored}");
        }
    }
}
