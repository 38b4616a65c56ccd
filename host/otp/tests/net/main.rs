//! The TCP driver on loopback. The clock is the real one, because sockets know no other; every wait is bounded.

mod connections;
mod listeners;
mod streams;
mod support;
