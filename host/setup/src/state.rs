/// What a look at a need found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is met, by this.
    Ready(String),
    /// It is not.
    Missing {
        /// What was looked for.
        what: String,
        /// How it is repaired, in the user's own words if need be.
        fix: String,
    },
}
