//! The words that seeded names are made of.

pub(super) const FIRST: [&str; 32] = [
    "Ada", "Alan", "Amara", "Anders", "Beatriz", "Chen", "Daniela", "Dmitri", "Elif", "Emeka",
    "Fatima", "Grace", "Hana", "Hugo", "Ingrid", "Ivan", "Jamal", "Keiko", "Lars", "Leila",
    "Mateo", "Mei", "Nadia", "Noah", "Olga", "Priya", "Rafael", "Sofia", "Tariq", "Uma", "Yusuf",
    "Zoe",
];

pub(super) const LAST: [&str; 32] = [
    "Abe",
    "Andersson",
    "Bauer",
    "Costa",
    "Diaz",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Ivanova",
    "Jensen",
    "Kaya",
    "Khan",
    "Kim",
    "Kowalski",
    "Lovelace",
    "Moreau",
    "Nakamura",
    "Novak",
    "Okafor",
    "Patel",
    "Rossi",
    "Sato",
    "Silva",
    "Singh",
    "Tanaka",
    "Turing",
    "Weber",
    "Yilmaz",
    "Zhang",
];

pub(super) const CITIES: [&str; 16] = [
    "Accra",
    "Berlin",
    "Bogotá",
    "Cairo",
    "Chennai",
    "Dublin",
    "Hanoi",
    "İzmir",
    "Kyoto",
    "Lagos",
    "Lima",
    "Lisbon",
    "Oslo",
    "Quito",
    "Toronto",
    "Wellington",
];

pub(super) const ADJECTIVES: [&str; 16] = [
    "Amber", "Bold", "Bright", "Calm", "Clever", "Crimson", "Eager", "Gentle", "Golden", "Hidden",
    "Lucky", "Nimble", "Quiet", "Silver", "Swift", "Wild",
];

pub(super) const ANIMALS: [&str; 16] = [
    "Badgers", "Cranes", "Dolphins", "Falcons", "Foxes", "Herons", "Ibexes", "Lynxes", "Magpies",
    "Otters", "Owls", "Pandas", "Ravens", "Salmon", "Tigers", "Wolves",
];

pub(super) const PRODUCTS: [&str; 16] = [
    "Backpack",
    "Blanket",
    "Candle",
    "Chair",
    "Compass",
    "Desk",
    "Guitar",
    "Headphones",
    "Kettle",
    "Keyboard",
    "Lamp",
    "Mirror",
    "Notebook",
    "Speaker",
    "Telescope",
    "Umbrella",
];
