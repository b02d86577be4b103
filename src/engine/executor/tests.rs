//! Executors on virtual time, with users whose iterations are declared instead of scripted.

mod closed;
mod iterations;
mod laws;
mod open;
mod ramping;
mod starting;
mod steering;
mod support;
