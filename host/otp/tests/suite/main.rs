//! The semantics of processes, streams and supervisors, on virtual time.

mod applications;
mod erlang;
mod gen_servers;
mod groups;
mod mailboxes;
mod processes;
mod streams;
mod supervisors;
mod support;
mod turns;
