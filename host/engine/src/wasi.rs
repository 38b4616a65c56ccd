//! The WASI that guests of other languages' runtimes import: clocks, randomness, and standard output into the log. Files
//! and network are not there.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use parking_lot::Mutex;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::process::Guest;

/// Made at the first use: most services never use it, and it costs as much as an instance.
#[derive(Default)]
pub(crate) struct LazyWasi {
    context: Option<Box<WasiCtx>>,
    table: Option<Box<ResourceTable>>,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let process = self.context.pid();
        let component = self.component.name.clone();
        let LazyWasi { context, table } = &mut self.wasi;
        let make = || {
            let mut builder = WasiCtx::builder();
            let lines =
                |stream| Lines { stream, process, component: component.clone(), begun: Arc::default() };
            builder.stdout(lines("stdout")).stderr(lines("stderr"));
            builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
            Box::new(builder.build())
        };
        WasiCtxView {
            ctx: context.get_or_insert_with(make),
            table: table.get_or_insert_with(Default::default),
        }
    }
}

/// Standard output or error, line by line in the node's log.
#[derive(Clone)]
struct Lines {
    stream: &'static str,
    process: rusm_otp::Pid,
    component: Arc<str>,
    begun: Arc<Mutex<Vec<u8>>>,
}

impl Lines {
    fn take(&self, bytes: &[u8]) {
        let mut begun = self.begun.lock();
        for byte in bytes {
            if *byte != b'\n' {
                begun.push(*byte);
            }
            if *byte == b'\n' || begun.len() >= LONGEST_LINE {
                let line = String::from_utf8_lossy(&begun);
                tracing::info!(target: "rusm::guest", component = %self.component, pid = %self.process, stream = self.stream, "{line}");
                begun.clear();
            }
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LONGEST_LINE)
    }
}

impl tokio::io::AsyncWrite for Lines {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Longer lines are broken, so that a guest cannot make the host keep more.
const LONGEST_LINE: usize = 64 * 1024;
