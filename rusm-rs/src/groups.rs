//! Process groups of this node, as Erlang's `pg`. Each function needs the grant `group` for the name.

use crate::bindings::groups;
use crate::{Pid, SendError};

/// A monitor of a group: its changes arrive as [`Event::GroupChange`](crate::Event) with this reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GroupMonitor {
    reference: u64,
}

/// Lets this process join a group; it may join several times, and leaves when it ends.
///
/// # Errors
/// [`SendError::Denied`] without the grant `group:NAME`; so of all others.
pub fn join(group: &str) -> Result<(), SendError> {
    Ok(groups::join(group)?)
}

/// Lets it leave, once for each time it joined. False if it is no member.
///
/// # Errors
/// As [`join`].
pub fn leave(group: &str) -> Result<bool, SendError> {
    Ok(groups::leave(group)?)
}

/// The members in the order in which they joined.
///
/// # Errors
/// As [`join`].
pub fn members(group: &str) -> Result<Vec<Pid>, SendError> {
    Ok(groups::members(group)?)
}

/// Sends the same bytes to each member; how many have taken them.
///
/// # Errors
/// As [`join`].
pub fn broadcast(group: &str, body: &[u8]) -> Result<u32, SendError> {
    Ok(groups::broadcast(group, body)?)
}

/// Lets this process hear of a group's changes, and answers who is a member now.
///
/// # Errors
/// As [`join`].
pub fn monitor(group: &str) -> Result<(GroupMonitor, Vec<Pid>), SendError> {
    let (reference, members) = groups::monitor(group)?;
    Ok((GroupMonitor { reference }, members))
}

impl GroupMonitor {
    /// What the events will carry.
    pub fn reference(self) -> u64 {
        self.reference
    }

    /// Ends the monitor, and takes back what of it has arrived.
    pub fn demonitor(self) -> bool {
        groups::demonitor(self.reference)
    }
}
