//! The formats side by side, from one record.
