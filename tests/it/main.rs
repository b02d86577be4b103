//! The one integration binary. A new file gets a line here that says what belongs in it.

/// Every journey in `scripts/` compiles and becomes a plan: examples cannot rot.
mod scripts;
/// Laws of the source tree that no compiler knows: who imports whom, sizes, words, names, what lies where.
mod tidy;
