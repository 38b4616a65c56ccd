use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Wake as _;

use tokio::time::Instant;

use super::streams::End;
use super::{Runtime, wake};
use crate::body::Body;
use crate::call::{CallError, PendingCall, ReplyTo};
use crate::process::State;
use crate::scheduler::note_sent;
use crate::stream::StreamEnd;
use crate::unguessable::next_reference;
use crate::{Alias, Message, Overflow, Payload, Pid, Reference, Request, SendError, Target};

impl Runtime {
    /// Sends bytes; to nobody, if nobody is there.
    ///
    /// # Errors
    /// [`SendError`] if the mailbox is full or the node out of reach.
    pub fn send(&self, sender: Pid, target: &Target, body: Payload) -> Result<(), SendError> {
        self.deliver_bounded(target, || Message::Mail { sender, body })
    }

    /// Sends a value as it is, to a process of this node; to nobody, if nobody is there.
    ///
    /// # Errors
    /// [`SendError`] if the mailbox is full or the process on another node.
    pub fn send_term(&self, sender: Pid, target: &Target, value: impl Any + Send) -> Result<(), SendError> {
        self.deliver_bounded(target, || Message::Term { sender, value: Box::new(value) })
    }

    /// Calls a function that nobody waits for; of nobody, if nobody is there.
    ///
    /// # Errors
    /// [`SendError`] if the mailbox is full or the node out of reach.
    pub fn cast(
        &self,
        sender: Pid,
        target: &Target,
        key: u32,
        body: impl Into<Payload>,
    ) -> Result<(), SendError> {
        let body = body.into();
        self.deliver_bounded(target, || Message::Cast { sender, key, body })
    }

    fn deliver_bounded(&self, target: &Target, message: impl FnOnce() -> Message) -> Result<(), SendError> {
        let Some(pid) = self.resolve(target) else { return Ok(()) };
        if pid.node != self.node.id {
            return Err(SendError::NoConnection);
        }
        let Some(slot) = self.node.table.slot(pid) else { return Ok(()) };
        let Some(mut state) = slot.lock(pid) else { return Ok(()) };
        if let Target::Alias(alias) = target
            && !admits(&mut state, alias)
        {
            return Ok(());
        }
        let message = message();
        if !state.has_room(&self.node.memory, &slot.inbox, message.cost()) {
            return refused(&mut state);
        }
        if let Some(payer) = state.payer(&message) {
            drop(state);
            return match self.deliver_paid(pid, payer, message) {
                Err(CallError::Overloaded) => Err(SendError::Overloaded),
                _ => Ok(()),
            };
        }
        let body = state.deliver(message);
        drop(state);
        wake_or_note(body);
        Ok(())
    }

    /// Delivers a message whose bytes somebody else than its receiver pays for.
    #[cold]
    fn deliver_paid(&self, pid: Pid, payer: Pid, mut message: Message) -> Result<(), CallError> {
        let bytes = message.cost();
        let kept = self.keep_for_others(payer, bytes).map_err(|_| CallError::Overloaded)?;
        if let Some(body) = message.body_mut() {
            *body = std::mem::take(body).with(kept);
        }
        let mut state = self.node.table.lock(pid).ok_or(CallError::NoProc)?;
        let woken = state.deliver(message);
        drop(state);
        wake(woken);
        Ok(())
    }

    /// Sends the same bytes to many processes of this node; how many have taken them.
    pub(crate) fn send_to_all(&self, sender: Pid, all: &[Pid], body: &Payload) -> usize {
        let mut taken = 0;
        for some in all.chunks(AT_ONCE) {
            let body = body.counted_apart();
            for pid in some {
                let Some(slot) = self.node.table.slot(*pid) else { continue };
                let Some(mut state) = slot.lock(*pid) else { continue };
                if !state.has_room(&self.node.memory, &slot.inbox, body.heap()) {
                    taken += usize::from(refused(&mut state).is_ok());
                    continue;
                }
                let woken = state.deliver(Message::Mail { sender, body: body.clone() });
                drop(state);
                wake_or_note(woken);
                taken += 1;
            }
        }
        taken
    }

    /// Puts a message from the runtime into a mailbox: no bound holds for it.
    pub(crate) fn notify(&self, pid: Pid, message: Message) {
        let body = self.node.table.lock(pid).and_then(|mut state| {
            let woken = state.deliver(message);
            self.bounded_at(&mut state, pid).or(woken)
        });
        wake(body);
    }

    /// Whether a message with so many bytes would be taken now, so that one that is not need not be made. Nobody takes all of them.
    pub fn has_room(&self, target: &Target, bytes: usize) -> bool {
        let room = || {
            let pid = self.resolve(target)?;
            let slot = self.node.table.slot(pid)?;
            let mut state = slot.lock(pid)?;
            Some(
                state.has_room(&self.node.memory, &slot.inbox, bytes)
                    || state.overflow == Overflow::DropNewest,
            )
        };
        room().unwrap_or(true)
    }

    /// A further name for a process, to be given to somebody who shall reach it only so long: mail to it is dropped once
    /// the process has taken it back with [`unalias`](Self::unalias). Erlang's process alias.
    pub fn alias(&self, pid: Pid) -> Alias {
        self.new_alias(pid, false)
    }

    /// The same for a single message: the first one that arrives takes the alias back.
    pub fn reply_alias(&self, pid: Pid) -> Alias {
        self.new_alias(pid, true)
    }

    fn new_alias(&self, pid: Pid, once: bool) -> Alias {
        let reference = next_reference();
        if let Some(mut state) = self.node.table.lock(pid) {
            state.rare_mut().aliases.insert(reference, once);
        }
        Alias { pid, reference }
    }

    /// Takes an alias back. False if it was gone.
    pub fn unalias(&self, alias: Alias) -> bool {
        let state = self.node.table.lock(alias.pid);
        state.is_some_and(|mut state| state.rare_mut().aliases.remove(alias.reference).is_some())
    }

    /// Sends a call. Await what comes back for the reply, or drop it to give the call up.
    ///
    /// # Errors
    /// [`CallError`] if the call cannot even be sent.
    pub fn call(
        &self,
        sender: Pid,
        target: &Target,
        key: u32,
        body: impl Into<Payload>,
        stream: Option<StreamEnd>,
        deadline: Option<Instant>,
    ) -> Result<PendingCall, CallError> {
        let body = body.into();
        if let Some(reader) = stream.as_ref().and_then(StreamEnd::reader)
            && let Some(callee) = self.resolve(target)
        {
            reader.belongs_to(Arc::new(End::of(self, callee, 0)));
        }
        self.send_call(sender, target, deadline, |reference, reply_to| {
            let reply_to = Some(reply_to);
            Request { sender, reference, key, body, term: None, stream, deadline, reply_to }
        })
    }

    /// Sends a call whose request is a value of Rust.
    pub(crate) fn call_term(
        &self,
        sender: Pid,
        target: &Target,
        term: Box<dyn Any + Send>,
        deadline: Option<Instant>,
    ) -> Result<PendingCall, CallError> {
        self.send_call(sender, target, deadline, |reference, reply_to| {
            let (term, reply_to) = (Some(term), Some(reply_to));
            Request {
                sender,
                reference,
                key: 0,
                body: Payload::new(),
                term,
                stream: None,
                deadline,
                reply_to,
            }
        })
    }

    fn send_call(
        &self,
        sender: Pid,
        target: &Target,
        deadline: Option<Instant>,
        request: impl FnOnce(Reference, ReplyTo) -> Request,
    ) -> Result<PendingCall, CallError> {
        let callee = self.resolve(target).ok_or(CallError::NoProc)?;
        if callee.node != self.node.id {
            return Err(CallError::NoConnection);
        }
        let reference = next_reference();
        let (reply_to, pending) = PendingCall::new(sender, callee, reference, deadline);
        let message = Message::Call(Box::new(request(reference, reply_to)));
        let slot = self.node.table.slot(callee).ok_or(CallError::NoProc)?;
        let mut state = slot.lock(callee).ok_or(CallError::NoProc)?;
        if !state.has_room(&self.node.memory, &slot.inbox, message.cost()) {
            return Err(CallError::Overloaded);
        }
        if let Some(payer) = state.payer(&message) {
            drop(state);
            return self.deliver_paid(callee, payer, message).map(|()| pending);
        }
        let body: Option<Arc<Body>> = state.deliver(message);
        drop(state);
        wake(body);
        Ok(pending)
    }

    /// The names of the processes that wait for each other in a circle, if `caller` closes one when it waits for `callee` with
    /// this call.
    pub(crate) fn cycle(&self, caller: Pid, callee: Pid, own: Reference) -> Option<Vec<String>> {
        if caller == callee {
            return Some(vec![self.spoken_name(caller), self.spoken_name(caller)]);
        }
        // Most callees wait for nobody.
        if self.node.table.slot(callee)?.calling.load(Ordering::SeqCst) == 0 {
            return None;
        }
        // Hardly any chain is a circle: this looks without locks and without memory.
        let (mut last, mut by, mut length) = (callee, own, 0);
        while last != caller {
            let (call, next) = self.next_in_chain(last, by, own)?;
            (last, by, length) = (next, call, length + 1);
            if length > LONGEST_CYCLE {
                return None;
            }
        }
        self.closed_cycle(caller, callee, own)
    }

    /// The call by which a process waits, and for whom, after one that waits for it by another call.
    fn next_in_chain(&self, waiting: Pid, by: Reference, own: Reference) -> Option<(Reference, Pid)> {
        let (call, id) = self.node.table.slot(waiting)?.waits_for()?;
        // Who waits for the call that carries a stand-in takes that one's messages meanwhile.
        (call != own && call != by).then_some((call, Pid { node: self.node.id, id }))
    }

    #[cold]
    fn closed_cycle(&self, caller: Pid, callee: Pid, own: Reference) -> Option<Vec<String>> {
        let serves = |pid| self.node.table.lock(pid).is_some_and(|state| state.serves);
        let mut waits: Vec<(Pid, Reference)> = Vec::new();
        let (mut last, mut by) = (callee, own);
        while last != caller {
            let (call, next) = self.next_in_chain(last, by, own)?;
            if waits.len() >= LONGEST_CYCLE || !serves(last) {
                return None;
            }
            waits.push((last, call));
            (last, by) = (next, call);
        }
        // They were looked at one after the other: a circle is one only if all of them have waited at one moment, which is so if
        // each still waits for the same call.
        let still = |(pid, call): &(Pid, Reference)| {
            self.node.table.slot(*pid).is_some_and(|slot| slot.still_waits_for(*call))
        };
        if !serves(caller) || !waits.iter().all(still) {
            return None;
        }
        let between = waits.into_iter().map(|(pid, _)| pid);
        let chain = std::iter::once(caller).chain(between).chain([caller]);
        Some(chain.map(|pid| self.spoken_name(pid)).collect())
    }

    /// A process as people know it: its name, or what it runs.
    fn spoken_name(&self, pid: Pid) -> String {
        let state = self.node.table.lock(pid);
        let name = state.and_then(|state| state.name.clone().or_else(|| state.label.clone()));
        name.map_or_else(|| pid.to_string(), |name| name.to_string())
    }
}

/// How many share a count of the message's holders: each round of a broadcast to 10,000 takes half as long so.
const AT_ONCE: usize = 64;

/// A circle of more processes than this ends by its deadlines.
const LONGEST_CYCLE: usize = 64;

/// After a message was sent.
fn wake_or_note(body: Option<Arc<Body>>) {
    match body {
        Some(body) => body.wake(),
        None => note_sent(),
    }
}

fn admits(state: &mut State, alias: &Alias) -> bool {
    let Some(rare) = state.rare() else { return false };
    match rare.aliases.get(alias.reference) {
        None => false,
        Some(false) => true,
        Some(true) => state.rare_mut().aliases.remove(alias.reference).is_some(),
    }
}

fn refused(state: &mut State) -> Result<(), SendError> {
    match state.overflow {
        Overflow::Refuse => Err(SendError::Overloaded),
        Overflow::DropNewest => {
            state.rare_mut().dropped += 1;
            Ok(())
        }
    }
}
