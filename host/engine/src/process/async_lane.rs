use bytes::Bytes;
use rusm_otp::ExitReason;
use wasmtime::component::{Accessor, TypedFunc};
use wasmtime::{AsContextMut as _, Store};

use super::serve::{CommandResult, Handled, Incoming, Server, Service, exit_of_command, once_checked, serve};
use super::{Init, Started};
use crate::code::{Code, Exports};
use crate::guest::{Guest, fresh_turn};
use crate::types::{self, Event, Outcome};

/// Runs a process whose imports answer with futures. The loop stays inside the store's concurrent run, so that what a
/// handler left pending goes on between messages.
pub(super) async fn run(
    store: &mut Store<Guest>,
    code: &Code,
    init: Init,
    started: &Started,
) -> wasmtime::Result<ExitReason> {
    let instance = code.pre.instantiate_async(&mut *store).await?;
    store.data_mut().limiter.begin();
    // A trap is the outer error, whatever the loop was waiting for.
    match code.exports {
        Exports::Raw { run } => {
            let run: TypedFunc<(), ()> = once_checked(store, &instance, run, code)?;
            started.tell(Ok(()));
            store.run_concurrent(async |accessor| run.call_concurrent(accessor, ()).await).await??;
            Ok(ExitReason::Normal)
        }
        Exports::Command { run } => {
            let run: TypedFunc<(), CommandResult> = once_checked(store, &instance, run, code)?;
            started.tell(Ok(()));
            let ended = store.run_concurrent(async |accessor| run.call_concurrent(accessor, ()).await);
            Ok(exit_of_command(ended.await??))
        }
        Exports::Service { .. } => {
            let server = Server::find(store, &instance, code)?;
            let (context, component) = (store.data().context.clone(), store.data().component.clone());
            let ended = store.run_concurrent(async |accessor| {
                let mut service = AsyncService { accessor, server };
                context.share_turns();
                serve(&mut service, &context, &component, init, started).await
            });
            ended.await?
        }
    }
}

struct AsyncService<'a> {
    accessor: &'a Accessor<Guest>,
    server: Server,
}

impl Service for AsyncService<'_> {
    async fn init(&mut self, key: u32, body: Bytes) -> wasmtime::Result<Outcome> {
        Ok(self.server.init.call_concurrent(self.accessor, (key, body)).await?.0)
    }

    async fn handle(&mut self, incoming: &mut Incoming) -> wasmtime::Result<Handled> {
        if let Some(server) = self.server.plain {
            let params = incoming.plain_params();
            return Ok(match server.handle.call_concurrent(self.accessor, params).await?.0 {
                Some(reply) => Handled::Reply(reply.into()),
                None => server.outcome.call_concurrent(self.accessor, ()).await?.0.into(),
            });
        }
        Ok(self.server.handle.call_concurrent(self.accessor, incoming.params()).await?.0.into())
    }

    async fn info(&mut self, event: Event) -> wasmtime::Result<()> {
        self.server.info.call_concurrent(self.accessor, (event,)).await
    }

    async fn terminate(&mut self, reason: types::ExitReason) -> wasmtime::Result<()> {
        self.server.terminate.call_concurrent(self.accessor, (reason,)).await
    }

    fn fresh_turn(&mut self) {
        self.accessor.with(|mut access| fresh_turn(&mut access.as_context_mut()));
    }

    fn enter(&mut self, function: Option<u32>) {
        self.accessor.with(|mut access| access.data_mut().enter(function));
    }
}
