use std::io;
use std::path::Path;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use super::{Answer, Say, Socket};

/// A call as text.
#[derive(Debug, Clone)]
pub struct CallRequest {
    /// The name that the process is registered under.
    pub name: String,
    /// The call: `add({sku: "a", qty: 2})`.
    pub text: String,
    /// How long to wait for the reply.
    pub deadline_ms: u32,
}

/// Why a call from the command line gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No node of the project is running.
    #[error("no node of this project is running: {source}\n  start it with `rusm run`")]
    NoNode {
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection to the node broke: {0}")]
    Broken(#[from] io::Error),
    /// What came could not be written out.
    #[error("cannot write what the service answered: {0}")]
    Output(io::Error),
    /// The service answered with the error of its contract.
    #[error("refused: {0}")]
    Refused(String),
    /// The call failed.
    #[error("{text}")]
    Failed {
        /// `noproc`, `timeout`, `malformed` and the like.
        kind: String,
        /// The text.
        text: String,
    },
}

/// Calls a function of a running node. Lines of `input` are the items of a stream in; what the function writes, items
/// of a stream out among it, goes to `output`, a line each.
///
/// # Errors
/// [`ControlError`].
pub async fn call(
    project: &Path,
    request: CallRequest,
    input: impl AsyncBufRead + Unpin,
    mut output: impl FnMut(&str) -> io::Result<()>,
) -> Result<(), ControlError> {
    let mut output = move |line: &str| output(line).map_err(ControlError::Output);
    let no_node = |source| ControlError::NoNode { source };
    let socket = Socket::of(project).map_err(no_node)?;
    let connection = UnixStream::connect(socket.path()).await.map_err(no_node)?;
    let (reader, mut writer) = connection.into_split();
    let mut answers = BufReader::new(reader).lines();
    let CallRequest { name, text, deadline_ms } = request;
    say(&mut writer, &Say::Call { name, text, deadline_ms }).await?;
    let mut input = Some(input.lines());
    let mut sending = false;
    loop {
        tokio::select! {
            answer = answers.next_line() => {
                let line = answer?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
                let answer = serde_json::from_str(&line).map_err(io::Error::from)?;
                match answer {
                    Answer::SendItems => sending = true,
                    Answer::Item(item) => output(&item)?,
                    Answer::Done(value) => return value.map_or(Ok(()), |value| output(&value)),
                    Answer::Refused(error) => return Err(ControlError::Refused(error)),
                    Answer::Failed { kind, text } => return Err(ControlError::Failed { kind, text }),
                }
            }
            line = next(&mut input), if sending => {
                // The node may have closed its side with an answer on the way: that one counts.
                let sent = match line? {
                    Some(line) if line.trim().is_empty() => Ok(()),
                    Some(line) => say(&mut writer, &Say::Item(line)).await,
                    None => {
                        input = None;
                        sending = false;
                        say(&mut writer, &Say::End).await
                    }
                };
                sending = sending && sent.is_ok();
            }
        }
    }
}

async fn next<R: AsyncBufRead + Unpin>(
    lines: &mut Option<tokio::io::Lines<R>>,
) -> io::Result<Option<String>> {
    match lines {
        Some(lines) => lines.next_line().await,
        None => Ok(None),
    }
}

async fn say(writer: &mut (impl tokio::io::AsyncWrite + Unpin), say: &Say) -> io::Result<()> {
    let mut line = serde_json::to_vec(say)?;
    line.push(b'\n');
    writer.write_all(&line).await
}
