use std::io;
use std::path::Path;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use rusm_engine::Snapshot;

use super::{Answer, Info, Say, Socket};

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
    /// No node of the project is running; with what the system said, which the text has already.
    #[error("no node of this project is running: {0}\n  start it with `rusm run`")]
    NoNode(io::Error),
    /// The connection broke.
    #[error("the connection to the node broke")]
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
    let socket = Socket::of(project).map_err(ControlError::NoNode)?;
    let connection = UnixStream::connect(socket.path()).await.map_err(ControlError::NoNode)?;
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
                    other => return Err(unexpected(other)),
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

/// A look at a running node, again and again.
#[derive(Debug)]
pub struct Watch {
    answers: tokio::io::Lines<BufReader<tokio::net::unix::OwnedReadHalf>>,
    writer: tokio::net::unix::OwnedWriteHalf,
}

impl Watch {
    /// Connects to the node of the project in this folder.
    ///
    /// # Errors
    /// [`ControlError::NoNode`].
    pub async fn connect(project: &Path) -> Result<Self, ControlError> {
        let socket = Socket::of(project).map_err(ControlError::NoNode)?;
        let connection = UnixStream::connect(socket.path()).await.map_err(ControlError::NoNode)?;
        let (reader, writer) = connection.into_split();
        Ok(Self { answers: BufReader::new(reader).lines(), writer })
    }

    /// The node's figures now.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn figures(&mut self) -> Result<Snapshot, ControlError> {
        match self.ask(&Say::Figures).await? {
            Answer::Figures(snapshot) => Ok(*snapshot),
            other => Err(unexpected(other)),
        }
    }

    async fn ask(&mut self, question: &Say) -> Result<Answer, ControlError> {
        say(&mut self.writer, question).await?;
        let line = self.answers.next_line().await?;
        let line = line.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        Ok(serde_json::from_str(&line).map_err(io::Error::from)?)
    }
}

/// What is known of a process of a running node, by its name or as it stands in the list.
///
/// # Errors
/// [`ControlError`].
pub async fn info(project: &Path, process: &str) -> Result<Info, ControlError> {
    let mut watch = Watch::connect(project).await?;
    match watch.ask(&Say::Info { process: process.to_owned() }).await? {
        Answer::Info(info) => Ok(*info),
        other => Err(unexpected(other)),
    }
}

fn unexpected(answer: Answer) -> ControlError {
    match answer {
        Answer::Failed { kind, text } => ControlError::Failed { kind, text },
        other => {
            let text = format!("the node answered something else: {other:?}; is it of another version?");
            ControlError::Failed { kind: "malformed".into(), text }
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
