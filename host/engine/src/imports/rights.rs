//! What a guest may do to others: see the [table](super::table).

use crate::Grant;
use crate::guest::Guest;

/// A pid may be used by those who have it; a name is looked up under a grant.
pub(super) fn may_reach(
    guest: &Guest,
    operation: &'static str,
    target: &rusm_otp::Target,
) -> Result<(), String> {
    let rusm_otp::Target::Name(name) = target else { return Ok(()) };
    guest.require(operation, Grant::Lookup(name.clone()))
}

/// A process may end itself and those that it spawned; others under a grant, and those of the host never.
pub(super) fn may_control(
    guest: &Guest,
    operation: &'static str,
    other: rusm_otp::Pid,
) -> Result<(), String> {
    let own = guest.context.pid();
    let runtime = guest.context.runtime();
    if other == own || runtime.parent(other) == Some(own) {
        return Ok(());
    }
    guest.require(operation, Grant::Control)?;
    match runtime.is_of_host(other) {
        Some(true) => Err(of_host(guest, operation, other)),
        Some(false) | None => Ok(()),
    }
}

/// A process may link to its family, and to others under a grant for the name or the component; to those of the host never.
/// A process that is gone harms nobody.
pub(super) fn may_link(guest: &Guest, operation: &'static str, other: rusm_otp::Pid) -> Result<(), String> {
    let Some(info) = guest.context.runtime().info(other) else { return Ok(()) };
    if guest.context.runtime().is_of_host(other) == Some(true) {
        return Err(of_host(guest, operation, other));
    }
    let grants: Vec<_> =
        info.name.iter().chain([&info.label]).map(|name| Grant::Link(name.to_string())).collect();
    if is_family(guest, other) || grants.iter().any(|grant| guest.profile.allows(grant)) {
        return Ok(());
    }
    let narrowest = grants.into_iter().next().unwrap_or(Grant::Control);
    Err(guest.component.deny_about(guest.context.pid(), operation, narrowest, other))
}

/// What is known of a process, if it is one's business: the family's is, and under a grant that of others.
pub(super) fn known(
    guest: &Guest,
    operation: &'static str,
    other: rusm_otp::Pid,
) -> Option<rusm_otp::ProcessInfo> {
    let info = guest.context.runtime().info(other)?;
    if is_family(guest, other) || guest.profile.allows(&Grant::Control) {
        return Some(info);
    }
    let grant = info.name.as_ref().map_or(Grant::Control, |name| Grant::Lookup(name.to_string()));
    // The denial is in the log.
    guest.require(operation, grant).is_ok().then_some(info)
}

/// Itself, who spawned it, whom it spawned and what these did, and the other children of its supervisor. That all services of
/// an application stand below one root makes no family of them.
fn is_family(guest: &Guest, other: rusm_otp::Pid) -> bool {
    let (runtime, own) = (guest.context.runtime(), guest.context.pid());
    let parent = runtime.parent(own);
    let below = |pid| std::iter::successors(Some(pid), |above| runtime.parent(*above)).take(DEEPEST);
    let is_group = |parent| runtime.supervision(parent).is_some() && runtime.parent(parent).is_some();
    below(other).any(|above| above == own)
        || parent == Some(other)
        || parent.is_some_and(|parent| runtime.parent(other) == Some(parent) && is_group(parent))
}

fn of_host(guest: &Guest, operation: &'static str, other: rusm_otp::Pid) -> String {
    let (component, own) = (&guest.component.name, guest.context.pid());
    format!(
        "`{operation}` by {component} {own}: {other} is a process of the host, which no guest may link to or end"
    )
}

/// A tree of supervisors is rarely deeper than five.
pub(super) const DEEPEST: usize = 64;
