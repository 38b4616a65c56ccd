use bytes::Bytes;
use rusm_otp::ExitReason;
use wasmtime::Store;
use wasmtime::component::TypedFunc;

use super::serve::{CommandResult, Handled, Incoming, Server, Service, exit_of_command, once_checked, serve};
use super::{Init, Started};
use crate::code::{Code, Exports};
use crate::guest::{Guest, fresh_turn};
use crate::types::{self, Event, Outcome, ShortBody, ShortOutcome};

/// Runs a process whose imports block it.
pub(super) async fn run(
    store: &mut Store<Guest>,
    code: &Code,
    init: Init,
    started: &Started,
) -> wasmtime::Result<ExitReason> {
    let instance = code.pre.instantiate_async(&mut *store).await?;
    store.data_mut().limiter.begin();
    match code.exports {
        Exports::Raw { run } => {
            let run: TypedFunc<(), ()> = once_checked(store, &instance, run, code)?;
            started.tell(Ok(()));
            run.call_async(store, ()).await?;
            Ok(ExitReason::Normal)
        }
        Exports::Command { run } => {
            let run: TypedFunc<(), CommandResult> = once_checked(store, &instance, run, code)?;
            started.tell(Ok(()));
            Ok(exit_of_command(run.call_async(store, ()).await?))
        }
        Exports::Service { .. } => {
            let server = Server::find(store, &instance, code)?;
            let (context, component) = (store.data().context.clone(), store.data().component.clone());
            let mut service = SyncService { store, server };
            serve(&mut service, &context, &component, init, started).await
        }
    }
}

struct SyncService<'a> {
    store: &'a mut Store<Guest>,
    server: Server,
}

impl Service for SyncService<'_> {
    async fn init(&mut self, key: u32, body: Bytes) -> wasmtime::Result<Outcome> {
        Ok(self.server.init.call_async(&mut *self.store, (key, body)).await?.0)
    }

    async fn handle(&mut self, incoming: &mut Incoming) -> wasmtime::Result<Handled> {
        let (Some(server), Some(body)) = (self.server.short, ShortBody::of(&incoming.body)) else {
            return Ok(self.server.handle.call_async(&mut *self.store, incoming.params()).await?.0.into());
        };
        let params = (incoming.key, incoming.request, body, incoming.handle);
        match server.handle.call_async(&mut *self.store, params).await?.0 {
            ShortOutcome::Reply(body) => Ok(Handled::Reply(body.payload()?)),
            ShortOutcome::Later => Ok(Handled::Later),
            ShortOutcome::Other => Ok(server.outcome.call_async(&mut *self.store, ()).await?.0.into()),
        }
    }

    async fn info(&mut self, event: Event) -> wasmtime::Result<()> {
        self.server.info.call_async(&mut *self.store, (event,)).await
    }

    async fn terminate(&mut self, reason: types::ExitReason) -> wasmtime::Result<()> {
        self.server.terminate.call_async(&mut *self.store, (reason,)).await
    }

    fn fresh_turn(&mut self) {
        fresh_turn(self.store);
    }

    fn enter(&mut self, function: Option<u32>) {
        self.store.data_mut().enter(function);
    }
}
