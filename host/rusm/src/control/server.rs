use std::fs;
use std::future::pending as pending_forever;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use rusm_codegen::value::{TextCall, parse_call, parse_value, print_next, print_value};
use rusm_codegen::{Contract, Function, Shape, Type};
use rusm_engine::Engine;
use rusm_otp::{
    CallError, Context, ExitReason, Payload, STREAM_WINDOW, SpawnOptions, StreamEnd, StreamReader,
    StreamWriter, Target, stream,
};
use rusm_wire::Reader;
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::Instant;
use tokio_util::codec::{FramedRead, LinesCodec};

use super::{Answer, Claim, Info, Loaded, Say, Wanted};
use crate::descriptors::{self, Spare};

/// Serves a node's socket until the node ends. A socket that a dead node left is taken over.
pub(crate) fn listen(engine: Engine, claim: Claim) -> io::Result<Listening> {
    let path = claim.socket.path();
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    let task = tokio::spawn(async move {
        let mut failing = false;
        let mut spare = Spare::default();
        loop {
            spare.refill();
            let connection = match listener.accept().await {
                Ok((connection, _)) => connection,
                Err(error) if descriptors::are_spent(&error) && spare.give() => continue,
                // Out of file descriptors, mostly: they come back.
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "the local socket cannot accept; it goes on trying");
                    }
                    tokio::time::sleep(BETWEEN_ACCEPTS).await;
                    continue;
                }
            };
            failing = false;
            let engine_of_call = engine.clone();
            let serve = move |context: Context| async move {
                if let Err(error) = serve(&engine_of_call, &context, connection).await {
                    tracing::debug!(%error, "a client of the local socket is gone");
                }
                ExitReason::Normal
            };
            // Without a name it can always be spawned.
            let _ = engine.runtime().spawn(SpawnOptions::new("rusm call"), serve);
        }
    });
    Ok(Listening { task: task.abort_handle(), claim })
}

/// After an error of accepting, which does not go away at once.
const BETWEEN_ACCEPTS: Duration = Duration::from_millis(100);

/// A socket that is served; dropping it closes it.
#[derive(Debug)]
pub(crate) struct Listening {
    task: tokio::task::AbortHandle,
    /// Given up after the socket is gone.
    claim: Claim,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
        // One that stays is taken over by the next node.
        let _ = fs::remove_file(self.claim.socket.path());
    }
}

async fn serve(engine: &Engine, context: &Context, connection: UnixStream) -> io::Result<()> {
    let (reader, writer) = connection.into_split();
    let lines = FramedRead::new(reader, LinesCodec::new_with_max_length(LONGEST_LINE));
    let mut peer = Peer { hears: Hears(lines), says: Says(writer) };
    let (name, text, deadline_ms) = loop {
        match peer.hear().await? {
            None => return Ok(()),
            Some(Say::Figures) => peer.say(&Answer::Figures(Box::new(engine.snapshot()))).await?,
            Some(Say::Contracts) => peer.say(&Answer::Contracts(contracts(engine))).await?,
            Some(Say::Info { process }) => {
                let answer =
                    look(engine, &process).map_or_else(|answer| answer, |info| Answer::Info(Box::new(info)));
                peer.say(&answer).await?;
            }
            Some(Say::Call { name, text, deadline_ms }) => break (name, text, deadline_ms),
            Some(_) => return peer.say(&failed("malformed", "expected a call")).await,
        }
    };
    let answer = match find(engine, &name, &text) {
        Err(answer) => answer,
        Ok((contract, function, body)) => {
            let limit = Duration::from_millis(u64::from(deadline_ms.max(1)));
            let call =
                Call { context, target: Target::Name(name), contract: &contract, function: &function, limit };
            call.run(body, &mut peer).await?
        }
    };
    peer.say(&answer).await
}

/// The contracts of all components.
fn contracts(engine: &Engine) -> Vec<Loaded> {
    let components = engine.component_names().into_iter().filter_map(|name| engine.component(&name));
    let loaded = components.flat_map(|component| {
        let contracts = component.contracts();
        let loaded = |contract: &Contract| Loaded {
            component: component.name().to_string(),
            contract: contract.versioned_id(),
            wit: contract.wit.clone(),
        };
        contracts.implements.iter().chain(&contracts.uses).map(loaded).collect::<Vec<_>>()
    });
    loaded.collect()
}

/// What is known of a process, by its name or its pid as people write it.
fn look(engine: &Engine, process: &str) -> Result<Info, Answer> {
    let runtime = engine.runtime();
    let pid = runtime.whereis(process).or_else(|| runtime.pid_of_text(process));
    let Some((process, component, written)) = pid.and_then(|pid| engine.look_at(pid)) else {
        return Err(nobody(engine, process));
    };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let written = written.map(|written| (text(written.stdout), text(written.stderr)));
    Ok(Info { process, component, written })
}

fn nobody(engine: &Engine, name: &str) -> Answer {
    let processes = engine.runtime().processes();
    let names = processes.iter().filter_map(|process| process.name.as_deref());
    let hint = crate::manifest::hint(name, names);
    failed("noproc", &format!("noproc: nobody has the name `{name}`{hint}"))
}

type Found = (Contract, Function, Vec<u8>);

fn find(engine: &Engine, name: &str, text: &str) -> Result<Found, Answer> {
    let runtime = engine.runtime();
    let Some(info) = runtime.whereis(name).and_then(|pid| runtime.info(pid)) else {
        return Err(nobody(engine, name));
    };
    let component = engine.component(&info.label);
    let contracts = component.as_ref().map(|component| component.contracts().implements.as_slice());
    let Some(contracts) = contracts.filter(|contracts| !contracts.is_empty()) else {
        return Err(failed("unknown-function", &format!("`{name}` is no service: it has no contract")));
    };
    let TextCall { contract, function, body } =
        parse_call(contracts, text).map_err(|error| failed("malformed", &error.to_string()))?;
    if matches!(function.shape, Shape::Constructor { .. }) {
        return Err(failed("unknown-function", "`init` is called by spawning, not by calling"));
    }
    Ok((contract.clone(), function.clone(), body))
}

struct Call<'a> {
    context: &'a Context,
    target: Target,
    contract: &'a Contract,
    function: &'a Function,
    limit: Duration,
}

impl Call<'_> {
    async fn run(&self, body: Vec<u8>, peer: &mut Peer) -> io::Result<Answer> {
        let runtime = self.context.runtime();
        let key = self.function.key;
        match &self.function.shape {
            Shape::Cast | Shape::Constructor { .. } => {
                let sent = runtime.cast(self.context.pid(), &self.target, key, body);
                Ok(sent
                    .map_or_else(|error| failed("overloaded", &error.to_string()), |()| Answer::Done(None)))
            }
            Shape::Call { .. } if self.function.stream.is_none() => {
                let reply = self.context.call(&self.target, key, body, self.limit).await;
                Ok(self.answer(reply))
            }
            Shape::Call { .. } | Shape::StreamOut { .. } => self.run_with_streams(body, peer).await,
        }
    }

    async fn run_with_streams(&self, body: Vec<u8>, peer: &mut Peer) -> io::Result<Answer> {
        let function = self.function;
        let input = function.stream.as_ref().map(|param| (&param.item, stream(STREAM_WINDOW)));
        let output = match &function.shape {
            Shape::StreamOut { item, .. } => Some((item, stream(STREAM_WINDOW))),
            _ => None,
        };
        let theirs = match (&input, &output) {
            (Some((_, (_, reader))), None) => Some(StreamEnd::Reader(reader.clone())),
            (None, Some((_, (writer, _)))) => Some(StreamEnd::Writer(writer.clone())),
            (Some((_, (_, reader))), Some((_, (writer, _)))) => {
                let both = [StreamEnd::Reader(reader.clone()), StreamEnd::Writer(writer.clone())];
                Some(StreamEnd::Both(Box::new(both)))
            }
            (None, None) => None,
        };
        let input = input.map(|(item, (writer, _))| (item, writer));
        let output = output.map(|(item, (_, reader))| (item, reader));
        let runtime = self.context.runtime();
        let deadline = input.is_none().then(|| Instant::now() + self.limit);
        let called = runtime.call(self.context.pid(), &self.target, function.key, body, theirs, deadline);
        let pending = match called {
            Ok(pending) => pending,
            Err(error) => return Ok(call_failed(&error)),
        };
        let Peer { hears, says } = peer;
        if let Some((item, _)) = &input {
            let wanted = if self.is_byte(item) { Wanted::Bytes } else { Wanted::Items };
            says.say(&Answer::Wants(wanted)).await?;
        }
        let has_input = input.is_some();
        let ends = Ends {
            input: input.as_ref().map(|(_, writer)| StreamEnd::Writer(writer.clone())),
            output: output.as_ref().map(|(_, reader)| StreamEnd::Reader(reader.clone())),
        };
        let mut feeding = pin!(async {
            match input {
                Some((item, writer)) => self.feed(item, writer, hears).await,
                None => pending_forever().await,
            }
        });
        let mut fed = false;
        let mut pending = pin!(self.context.wait(pending));
        // Whoever answers before the end of the stream has seen enough, unless it answers with a stream.
        let reply = tokio::select! {
            reply = &mut pending => reply,
            mistake = &mut feeding, if has_input => {
                fed = true;
                if let Some(mistake) = mistake? {
                    return Ok(mistake);
                }
                let reply = tokio::time::timeout(self.limit, pending).await;
                reply.unwrap_or(Err(CallError::Timeout))
            }
        };
        let answer = self.answer(reply);
        let (Answer::Done(head), Some((item, reader))) = (&answer, &output) else { return Ok(answer) };
        if let Some(head) = head {
            says.say(&Answer::Item(head.clone())).await?;
        }
        let mut reading = pin!(self.read(item, reader, says));
        loop {
            tokio::select! {
                answer = &mut reading => {
                    ends.the_call_has_ended();
                    return answer;
                }
                mistake = &mut feeding, if has_input && !fed => {
                    fed = true;
                    if let Some(mistake) = mistake? {
                        return Ok(mistake);
                    }
                }
            }
        }
    }

    fn is_byte(&self, item: &Type) -> bool {
        *self.contract.resolved(item) == Type::U8
    }

    /// Sends the client's lines or bytes into the stream; an answer, if one of them is no item.
    async fn feed(&self, item: &Type, writer: StreamWriter, hears: &mut Hears) -> io::Result<Option<Answer>> {
        let end = StreamEnd::Writer(writer.clone());
        let mut number = 0;
        loop {
            let parsed = match hears.hear().await {
                Ok(Some(Say::Item(line))) => {
                    number += 1;
                    parse_value(self.contract, item, &line)
                        .map_err(|error| format!("line {number} of the input: {error}"))
                }
                Ok(Some(Say::Bytes(text))) => hex::decode(text).map_err(|error| error.to_string()),
                Ok(_) => {
                    end.close();
                    return Ok(None);
                }
                Err(error) => {
                    end.abort("the client is gone");
                    return Err(error);
                }
            };
            match parsed {
                Ok(bytes) => {
                    if writer.write(bytes.into()).await.is_err() {
                        // The reader is done: its answer says why.
                        return Ok(None);
                    }
                }
                Err(text) => {
                    end.abort(text.as_str());
                    return Ok(Some(failed("malformed", &text)));
                }
            }
        }
    }

    async fn read(&self, item: &Type, reader: &StreamReader, says: &mut Says) -> io::Result<Answer> {
        loop {
            let chunk = match reader.read().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(Answer::Done(None)),
                Err(error) => return Ok(failed("stream", &format!("the stream ended early: {error}"))),
            };
            if self.is_byte(item) {
                says.say(&Answer::Bytes(hex::encode(&chunk))).await?;
                continue;
            }
            let mut items = Reader::new(&chunk);
            while items.remaining() > 0 {
                match print_next(self.contract, item, &mut items) {
                    Ok(text) => says.say(&Answer::Item(text)).await?,
                    Err(error) => {
                        return Ok(failed("malformed", &format!("an item of the stream: {error}")));
                    }
                }
            }
        }
    }

    fn answer(&self, reply: Result<Payload, CallError>) -> Answer {
        let body = match reply {
            Ok(body) => body,
            Err(error) => return call_failed(&error),
        };
        let Some(ty) = self.function.reply() else { return Answer::Done(None) };
        match print_value(self.contract, &ty, &body) {
            Err(error) => failed("malformed", &format!("the reply: {error}")),
            Ok(text) if !matches!(self.contract.resolved(&ty), Type::Result(..)) => Answer::Done(Some(text)),
            Ok(text) => match text.strip_prefix("err") {
                Some(error) => Answer::Refused(unwrapped(error)),
                None => {
                    let value = unwrapped(text.strip_prefix("ok").unwrap_or(&text));
                    Answer::Done((!value.is_empty()).then_some(value))
                }
            },
        }
    }
}

/// `(..)` without its parentheses.
fn unwrapped(text: &str) -> String {
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    inner.unwrap_or(text).to_owned()
}

fn call_failed(error: &CallError) -> Answer {
    let kind = match error {
        CallError::NoProc => "noproc",
        CallError::Exited(_) => "exited",
        CallError::Timeout => "timeout",
        CallError::UnknownFunction(_) => "unknown-function",
        CallError::Malformed(_) => "malformed",
        CallError::Overloaded => "overloaded",
        CallError::Denied(_) => "denied",
        CallError::NoConnection => "noconnection",
        CallError::Cancelled => "cancelled",
        CallError::Cycle(_) => "cycle",
    };
    failed(kind, &error.to_string())
}

fn failed(kind: &str, text: &str) -> Answer {
    Answer::Failed { kind: kind.to_owned(), text: text.to_owned() }
}

/// More than the arguments of any call: what one call into a guest may take along, as text.
const LONGEST_LINE: usize = 256 << 20;

/// The node's ends of a call's streams. Whoever drops them lets nobody wait.
struct Ends {
    input: Option<StreamEnd>,
    output: Option<StreamEnd>,
}

impl Ends {
    fn the_call_has_ended(&self) {
        self.input.iter().for_each(|end| end.abort("the call has ended"));
        self.output.iter().for_each(StreamEnd::close);
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.input.iter().for_each(|end| end.abort("the caller gave up"));
        self.output.iter().for_each(StreamEnd::close);
    }
}

/// A client, line by line.
struct Peer {
    hears: Hears,
    says: Says,
}

struct Hears(FramedRead<OwnedReadHalf, LinesCodec>);

struct Says(OwnedWriteHalf);

impl Peer {
    async fn hear(&mut self) -> io::Result<Option<Say>> {
        self.hears.hear().await
    }

    async fn say(&mut self, answer: &Answer) -> io::Result<()> {
        self.says.say(answer).await
    }
}

impl Hears {
    async fn hear(&mut self) -> io::Result<Option<Say>> {
        match self.0.next().await {
            Some(line) => Ok(Some(serde_json::from_str(&line.map_err(io::Error::other)?)?)),
            None => Ok(None),
        }
    }
}

impl Says {
    async fn say(&mut self, answer: &Answer) -> io::Result<()> {
        let mut line = serde_json::to_vec(answer)?;
        line.push(b'\n');
        self.0.write_all(&line).await
    }
}
