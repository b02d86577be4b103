//! Lays the wishes over each other and checks the whole.
