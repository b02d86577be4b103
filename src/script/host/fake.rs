//! Invented names, addresses and texts, seeded like every other random choice.

use fake::Fake;
use fake::faker::address::en::{CityName, CountryName, StreetName};
use fake::faker::company::en::CompanyName;
use fake::faker::internet::en::{IPv4, SafeEmail, Username};
use fake::faker::lorem::en::{Paragraph, Sentence, Word};
use fake::faker::name::en::{FirstName, LastName, Name};
use fake::faker::phone_number::en::PhoneNumber;
use rand_pcg::Pcg64Mcg;
use rhai::Engine;

use super::{Fallible, user};
use crate::metric::spelling;
use crate::script::reply::runtime_error;

/// What `fake(..)` can invent.
const KINDS: [&str; 14] = [
    "name",
    "first_name",
    "last_name",
    "email",
    "username",
    "phone",
    "company",
    "city",
    "country",
    "street",
    "word",
    "sentence",
    "paragraph",
    "ip",
];

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("fake", |kind: &str| -> Fallible<String> {
        let user = user("fake")?;
        let invented = invent(kind, &mut user.random.borrow_mut());
        invented.ok_or_else(|| {
            let hint = spelling::nearest(kind, KINDS).map_or_else(
                || format!("the kinds are {}", KINDS.join(", ")),
                |best| format!("did you mean {best:?}?"),
            );
            runtime_error(format!("fake has no kind {kind:?}; {hint}"))
        })
    });
}

fn invent(kind: &str, rng: &mut Pcg64Mcg) -> Option<String> {
    Some(match kind {
        "name" => Name().fake_with_rng(rng),
        "first_name" => FirstName().fake_with_rng(rng),
        "last_name" => LastName().fake_with_rng(rng),
        "email" => SafeEmail().fake_with_rng(rng),
        "username" => Username().fake_with_rng(rng),
        "phone" => PhoneNumber().fake_with_rng(rng),
        "company" => CompanyName().fake_with_rng(rng),
        "city" => CityName().fake_with_rng(rng),
        "country" => CountryName().fake_with_rng(rng),
        "street" => StreetName().fake_with_rng(rng),
        "word" => Word().fake_with_rng(rng),
        "sentence" => Sentence(4..10).fake_with_rng(rng),
        "paragraph" => Paragraph(3..6).fake_with_rng(rng),
        "ip" => IPv4().fake_with_rng(rng),
        _ => return None,
    })
}
