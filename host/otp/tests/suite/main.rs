//! The semantics of processes, streams and supervisors, on virtual time.

mod accounts;
mod agents;
mod applications;
mod erlang;
mod gen_servers;
mod groups;
mod mailboxes;
mod processes;
mod remains;
mod stand_ins;
mod state_machines;
mod streams;
mod supervision;
mod supervisors;
mod support;
mod tasks;
mod timers;
mod turns;
