//! The node's log: the host adds the process, its component and the function it is in.

use crate::bindings::logging;

pub use crate::bindings::logging::Level;

/// Writes a line with named fields.
pub fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<(String, String)> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    logging::log(level, message, &fields);
}

/// Writes a line at the level `debug`.
pub fn debug(message: impl AsRef<str>) {
    logging::log(Level::Debug, message.as_ref(), &[]);
}

/// Writes a line at the level `info`.
pub fn info(message: impl AsRef<str>) {
    logging::log(Level::Info, message.as_ref(), &[]);
}

/// Writes a line at the level `warn`.
pub fn warn(message: impl AsRef<str>) {
    logging::log(Level::Warn, message.as_ref(), &[]);
}

/// Writes a line at the level `error`.
pub fn error(message: impl AsRef<str>) {
    logging::log(Level::Error, message.as_ref(), &[]);
}
