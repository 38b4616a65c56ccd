use std::fmt;
use std::future::pending;
use std::io;
use std::path::Path;
use std::pin::pin;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;

use rusm_engine::Snapshot;

use super::{Answer, Info, Loaded, Say, Socket, Wanted};

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

/// What a call writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutput<'a> {
    /// A value: the result, an item of a stream, or what comes before it.
    Line(&'a str),
    /// Some of a stream of bytes.
    Bytes(&'a [u8]),
}

impl fmt::Display for CallOutput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(text) => f.write_str(text),
            Self::Bytes(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
        }
    }
}

/// Calls a function of a running node. Lines of `input` are the items of a stream in, and all of it is a stream of bytes. What the
/// function writes goes to `output`.
///
/// # Errors
/// [`ControlError`].
pub async fn call(
    project: &Path,
    request: CallRequest,
    input: impl AsyncBufRead + Unpin,
    mut output: impl FnMut(CallOutput<'_>) -> io::Result<()>,
) -> Result<(), ControlError> {
    let mut output = move |written: CallOutput<'_>| output(written).map_err(ControlError::Output);
    let socket = Socket::of(project).map_err(ControlError::NoNode)?;
    let connection = UnixStream::connect(socket.path()).await.map_err(ControlError::NoNode)?;
    let (reader, mut writer) = connection.into_split();
    let mut answers = BufReader::new(reader).lines();
    let CallRequest { name, text, deadline_ms } = request;
    say(&mut writer, &Say::Call { name, text, deadline_ms }).await?;
    let (want, wanted) = oneshot::channel();
    let mut want = Some(want);
    // While it waits for the node to take more, what the node says is read.
    let mut sending = pin!(send(wanted, input, writer));
    let mut sent = false;
    loop {
        tokio::select! {
            answer = answers.next_line() => {
                let line = answer?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
                match serde_json::from_str(&line).map_err(io::Error::from)? {
                    Answer::Wants(what) => {
                        // It says so once.
                        want.take().map(|want| want.send(what));
                    }
                    Answer::Item(item) => output(CallOutput::Line(&item))?,
                    Answer::Bytes(bytes) => {
                        let bytes = hex::decode(bytes).map_err(io::Error::other)?;
                        output(CallOutput::Bytes(&bytes))?;
                    }
                    Answer::Done(value) => {
                        return value.map_or(Ok(()), |value| output(CallOutput::Line(&value)));
                    }
                    Answer::Refused(error) => return Err(ControlError::Refused(error)),
                    other => return Err(unexpected(other)),
                }
            }
            result = &mut sending, if !sent => {
                result?;
                sent = true;
            }
        }
    }
}

/// Sends what the function reads, once it is known to read something.
async fn send(
    wanted: oneshot::Receiver<Wanted>,
    mut input: impl AsyncBufRead + Unpin,
    mut writer: OwnedWriteHalf,
) -> io::Result<()> {
    let Ok(wanted) = wanted.await else { return Ok(()) };
    loop {
        let next = match wanted {
            Wanted::Bytes => {
                let bytes = input.fill_buf().await?;
                let read = bytes.len().min(MOST_BYTES);
                let said = if read == 0 { Say::End } else { Say::Bytes(hex::encode(&bytes[..read])) };
                input.consume(read);
                said
            }
            Wanted::Items => {
                let mut line = String::new();
                match input.read_line(&mut line).await? {
                    0 => Say::End,
                    _ if line.trim().is_empty() => continue,
                    _ => Say::Item(line.trim_end_matches(['\n', '\r']).to_owned()),
                }
            }
        };
        // The node may have closed its side with an answer on the way: that one counts.
        if say(&mut writer, &next).await.is_err() || matches!(next, Say::End) {
            // The connection stays whole until the answer is there.
            return pending().await;
        }
    }
}

/// As much of a stream of bytes as is said at once.
const MOST_BYTES: usize = 64 << 10;

/// A look at a running node, again and again.
#[derive(Debug)]
pub struct Watch {
    answers: tokio::io::Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
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

/// The contracts of all components of a running node.
///
/// # Errors
/// [`ControlError`].
pub(crate) async fn contracts(project: &Path) -> Result<Vec<Loaded>, ControlError> {
    let mut watch = Watch::connect(project).await?;
    match watch.ask(&Say::Contracts).await? {
        Answer::Contracts(contracts) => Ok(contracts),
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

async fn say(writer: &mut (impl tokio::io::AsyncWrite + Unpin), say: &Say) -> io::Result<()> {
    let mut line = serde_json::to_vec(say)?;
    line.push(b'\n');
    writer.write_all(&line).await
}
