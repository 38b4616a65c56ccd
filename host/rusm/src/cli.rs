//! The command line: `rusm new | gen | build | check | run | call | ps | top | info | caps | doctor`.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use rusm_engine::{Engine, EngineConfig};
use rusm_setup::{Home, Need, State, Terminal};

use crate::control::{self, CallOutput, ControlError, Watch};
use crate::descriptors;
use crate::{BuildError, Built, CallRequest, CheckError, Language, Node, Project, Socket, scaffold};

mod caps;
mod check;
mod escape;
mod figures;
mod log;
mod signals;

use escape::shown;
use figures::Sort;
use log::Log;
use signals::Asked;

#[derive(Parser)]
#[command(
    name = "rusm",
    version,
    about = "Rust and TypeScript services as supervised, sandboxed processes",
    after_help = "Exit codes:\n  0  done\n  1  it failed: the message says why\n  2  the command line is wrong\n  \
                  3  no node of this project is running\n  4  the service refused, with the error of its contract\n  5  `rusm check` found breaking differences\n\n\
                  RUSM_LOG sets what a node logs (error, warn, info, debug, trace; info by default).\n\
                  RUSM_HOME and RUSM_CACHE set where RUSM keeps toolchains and compiled components."
)]
struct Arguments {
    /// Work on the project in this folder instead of the current one.
    #[arg(long, global = true, value_name = "FOLDER")]
    project: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a new project of one service, in a folder of its name.
    New {
        /// The folder, whose last part is the project's name.
        folder: PathBuf,
        /// The language of the service.
        #[arg(long, value_enum, default_value = "rust")]
        lang: Language,
    },
    /// Write the generated TypeScript of all contracts.
    Gen,
    /// Build every component.
    Build,
    /// Compare the project's contracts with those that others know: a gate for changes of contracts.
    ///
    /// Others know the contracts in `wit/contracts.lock`, a file of WIT that is committed with the project. Each difference is shown with its
    /// place, what it means and what to do: compatible (nothing changes for others), resolved (messages of the one have to become
    /// those of the other), or breaking, which fails with exit code 5 unless the package has a new major version, or below 1.0 a new
    /// minor one. Nothing is built.
    Check(check::Check),
    /// Build, and run the supervision tree until Ctrl-C.
    Run {
        /// Run what was built before.
        #[arg(long)]
        no_build: bool,
    },
    /// Call a function of a running node.
    ///
    /// The call is WAVE text, as in `rusm call cart 'add({sku: "a", qty: 2})'`. The items of a stream in are read from
    /// standard input, a line each; those of a stream out are printed, a line each, as is a value that comes before them. Streams of bytes
    /// are standard input and output as they are.
    Call {
        /// The name that the process is registered under.
        name: String,
        /// The function and its arguments.
        call: String,
        /// How long to wait for the reply.
        #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = humantime::parse_duration)]
        deadline: Duration,
    },
    /// Show the processes of a running node, below those that started them.
    Ps,
    /// Show the busiest processes of a running node, again and again.
    Top {
        /// What to sort by, largest first.
        #[arg(long, value_enum, default_value = "cpu")]
        sort: Sort,
        /// The time between two looks.
        #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration)]
        interval: Duration,
        /// End after so many looks.
        #[arg(long, value_name = "N")]
        count: Option<u64>,
        /// Show so many processes.
        #[arg(long, value_name = "N", default_value = "20")]
        lines: usize,
    },
    /// Show everything about a process of a running node.
    Info {
        /// Its name, or its pid as `rusm ps` shows it.
        process: String,
    },
    /// Show what a component asks for by its imports, beside what the manifest gives it.
    Caps {
        /// The component.
        component: String,
    },
    /// Show the state of everything RUSM needs on this machine.
    Doctor {
        /// Install what is missing.
        #[arg(long)]
        fix: bool,
    },
}

/// Prints a line. A reader that has left, as `head` does, is no reason to end: the node goes on.
macro_rules! say {
    ($($text:tt)*) => {{
        let _ = writeln!(std::io::stdout(), "{}", shown(&format!($($text)*)));
    }};
}

/// Runs the command line that the process was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let from_node = match error.downcast_ref() {
                Some(CheckError::Node(error)) => Some(error),
                _ => error.downcast_ref::<ControlError>(),
            };
            let code = match from_node {
                Some(ControlError::NoNode(_)) => 3,
                Some(ControlError::Refused(_)) => 4,
                _ if matches!(error.downcast_ref(), Some(CheckError::Breaking { .. })) => 5,
                _ => 1,
            };
            let paint = paint(std::io::stderr().is_terminal());
            // Whoever reads it may have left.
            let _ = writeln!(std::io::stderr(), "{}: {}", paint("31;1", "error"), shown(&whole(&error)));
            ExitCode::from(code)
        }
    }
}

/// What an error says, and each one below it that it has not said itself.
fn whole(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let folder = arguments.project.unwrap_or_else(|| PathBuf::from("."));
    match arguments.command {
        Command::New { folder, lang } => new(&folder, lang),
        Command::Gen => generate(&Project::find(&folder)?),
        Command::Build => build(&Project::find(&folder)?),
        Command::Check(arguments) => check::check(&Project::find(&folder)?, arguments),
        Command::Run { no_build } => start(&Project::find(&folder)?, no_build),
        Command::Call { name, call, deadline } => {
            let deadline_ms = u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX);
            let project = Project::find(&folder)?;
            call_node(&project, CallRequest { name, text: call, deadline_ms })
        }
        Command::Ps => look(&Project::find(&folder)?, async |watch| {
            say!("{}", figures::ps(&watch.figures().await?));
            Ok(())
        }),
        Command::Top { sort, interval, count, lines } => {
            look(&Project::find(&folder)?, async |watch| top(watch, sort, interval, count, lines).await)
        }
        Command::Info { process } => {
            let project = Project::find(&folder)?;
            let info = waiting()?.block_on(control::info(project.root(), &process))?;
            say!("{}", figures::info(&info));
            Ok(())
        }
        Command::Caps { component } => caps(&Project::find(&folder)?, &component),
        Command::Doctor { fix } => doctor(fix),
    }
}

fn waiting() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn look(project: &Project, show: impl AsyncFnOnce(&mut Watch) -> anyhow::Result<()>) -> anyhow::Result<()> {
    waiting()?.block_on(async {
        let mut watch = Watch::connect(project.root()).await?;
        show(&mut watch).await
    })
}

async fn top(
    watch: &mut Watch,
    sort: Sort,
    interval: Duration,
    count: Option<u64>,
    lines: usize,
) -> anyhow::Result<()> {
    let live = std::io::stdout().is_terminal();
    let mut before = None;
    let mut looks = 0;
    loop {
        let now = watch.figures().await?;
        let text = figures::top(&now, before.as_ref(), sort, lines);
        // A terminal is written over; whoever reads otherwise gets one look after the other.
        let (lead, text) = (if live { "\x1b[H\x1b[2J" } else { "" }, shown(&text));
        let end = if live { "" } else { "\n" };
        let written = writeln!(std::io::stdout(), "{lead}{text}{end}");
        looks += 1;
        if written.is_err() || count.is_some_and(|count| looks >= count) {
            return Ok(());
        }
        before = Some(now);
        tokio::time::sleep(interval).await;
    }
}

fn caps(project: &Project, name: &str) -> anyhow::Result<()> {
    let Some(decl) = project.manifest().components.get(name) else {
        let hint = crate::manifest::hint(name, project.manifest().components.keys().map(String::as_str));
        anyhow::bail!("there is no component `{name}`{hint}");
    };
    let built = project.built()?.into_iter().find(|built| built.name == name);
    let path = built.map(|built| built.path).unwrap_or_default();
    let bytes = std::fs::read(&path)
        .with_context(|| format!("cannot read {}; build the project with `rusm build`", path.display()))?;
    waiting()?.block_on(async {
        let config = EngineConfig { sync_processes: 1, async_processes: 1, ..EngineConfig::default() };
        let engine = Engine::new(rusm_otp::Runtime::new(), config)?;
        let component = engine.load(name, bytes, decl.profile.clone()).await?;
        say!("{}", caps::caps(&component));
        Ok(())
    })
}

fn new(folder: &std::path::Path, language: Language) -> anyhow::Result<()> {
    let name = std::path::absolute(folder)?;
    let name = name.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let starts = name.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    anyhow::ensure!(
        starts && name.chars().all(fits),
        "`{name}` is no name for a project: use small letters, digits and `-`, beginning with a letter"
    );
    let is_ours = name == "rusm" || name.starts_with("rusm-");
    anyhow::ensure!(
        !is_ours,
        "`{name}` is no name for a project: `rusm` and `rusm-..` are packages of RUSM's own"
    );
    scaffold(folder, &name, language)?;
    say!("Made {}. Next:", folder.display());
    say!("  cd {}", folder.display());
    say!("  rusm run");
    say!("and, beside it:");
    say!("  rusm call {name} 'greet(\"world\")'");
    Ok(())
}

fn generate(project: &Project) -> anyhow::Result<()> {
    for path in project.generate()? {
        let done = if path.exists() { "wrote" } else { "removed" };
        say!("{done} {}", path.strip_prefix(project.root()).unwrap_or(&path).display());
    }
    let left_out = project.left_out()?;
    for line in left_out.gated.iter().chain(&left_out.dependencies) {
        say!("note: {line}");
    }
    Ok(())
}

/// Builds the project, and says what could be missing from it.
fn built(project: &Project) -> anyhow::Result<Vec<Built>> {
    let built = project.build(&mut Terminal::new());
    let left_out = project.left_out().unwrap_or_default();
    let of_dependencies = match &built {
        Err(BuildError::Compile { tool: "tsc" | "the bundler", .. }) => left_out.dependencies.as_slice(),
        _ => &[],
    };
    for line in left_out.gated.iter().chain(of_dependencies) {
        let _ = writeln!(std::io::stderr(), "note: {}", shown(line));
    }
    for line in project.lock_warnings() {
        let _ = writeln!(std::io::stderr(), "warning: {}", shown(&line));
    }
    Ok(built?)
}

fn build(project: &Project) -> anyhow::Result<()> {
    for built in built(project)? {
        let size = std::fs::metadata(&built.path).map(|file| file.len() / 1024).unwrap_or_default();
        let path = built.path.strip_prefix(project.root()).unwrap_or(&built.path).display().to_string();
        say!("{}: {path} ({size} KiB)", built.name);
    }
    Ok(())
}

fn start(project: &Project, no_build: bool) -> anyhow::Result<()> {
    let claim = Socket::of(project.root()).and_then(Socket::claim)?;
    let components = if no_build { project.built()? } else { built(project)? };
    descriptors::raise();
    let log = Log::start();
    let asked = Asked::listen()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let file = project.root().join("rusm.toml");
        let mut node = Node::boot(project.manifest(), &file, &components, EngineConfig::default()).await?;
        node.listen(claim)?;
        let mut names: Vec<_> = node.engine().runtime().processes();
        names.retain(|process| process.name.is_some());
        log.say("The node is up. Ctrl-C stops it.");
        for process in names {
            log.say(format!("  {} ({}) {}", process.name.unwrap_or_default(), process.label, process.pid));
        }
        tokio::spawn(log.tell_of_losses());
        tokio::select! {
            () = asked.times(1) => {
                log.say("Stopping.");
                stop(&node, &asked, &log).await;
            }
            reason = node.ended() => {
                anyhow::bail!("the supervision tree has ended: {reason}; the log above says why");
            }
        }
        Ok(())
    });
    // A guest that cannot be interrupted does not keep the process.
    runtime.shutdown_timeout(WORKERS_STOP_WITHIN);
    ended
}

/// Whoever asks again does not want to wait.
async fn stop(node: &Node, asked: &Asked, log: &Log) {
    let report = tokio::select! {
        report = node.stop(STOP_WITHIN) => report,
        () = asked.times(2) => node.stop(Duration::ZERO).await,
    };
    for process in report.killed {
        let (label, pid) = (process.label, process.pid);
        let name = process.name.map(|name| format!("{name} ")).unwrap_or_default();
        log.say(format!("It did not stop in time and was killed: {name}({label}) {pid}"));
    }
}

const WORKERS_STOP_WITHIN: Duration = Duration::from_secs(1);

/// Longer than a tree whose children each take the time that they have by default.
const STOP_WITHIN: Duration = Duration::from_secs(300);

fn call_node(project: &Project, request: CallRequest) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let called = runtime.block_on(async {
        let input = tokio::io::BufReader::new(tokio::io::stdin());
        let mut output = std::io::stdout().lock();
        let write = |written: CallOutput<'_>| match written {
            CallOutput::Line(line) => writeln!(output, "{}", shown(line)),
            CallOutput::Bytes(bytes) => output.write_all(bytes).and_then(|()| output.flush()),
        };
        match control::call(project.root(), request, input, write).await {
            // Whoever reads has seen enough, as `head` does.
            Err(ControlError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            called => called,
        }
    });
    // Standard input may still be waited for by a thread that nothing can wake.
    runtime.shutdown_background();
    Ok(called?)
}

fn doctor(fix: bool) -> anyhow::Result<()> {
    let home = Home::from_env()?;
    let paint = paint(std::io::stdout().is_terminal());
    let mut missing = 0;
    for need in Need::ALL {
        if fix && need.for_users() {
            need.fix(&home, &mut Terminal::new())?;
        }
        match need.state(&home) {
            State::Ready(what) => say!("{} {need}: {what}", paint("32", "✓")),
            State::Missing { what, fix } if need.for_users() => {
                missing += 1;
                say!("{} {need}: {what}\n    repaired by: {fix}", paint("31", "✗"));
            }
            State::Missing { what, .. } => say!("- {need}: {what} (only RUSM's own tests want it)"),
        }
    }
    anyhow::ensure!(missing == 0, "{missing} missing; `rusm doctor --fix` repairs them");
    Ok(())
}

fn paint(colours: bool) -> impl Fn(&str, &str) -> String {
    move |code, text| if colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

impl Project {
    /// What was built before.
    fn built(&self) -> Result<Vec<Built>, BuildError> {
        let built = self.manifest().components.iter().map(|(name, decl)| {
            let own = self.root().join(&decl.path);
            let path = if own.is_file() { own } else { self.artifact(name) };
            Built { name: name.clone(), path }
        });
        Ok(built.collect())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    #[test]
    fn each_cause_of_an_error_is_said_once() {
        let below = || Err::<(), _>(std::io::Error::other("the disk is full"));
        let said = below().context("cannot write: the disk is full\n  make room").context("cannot build");
        let text = super::whole(&said.expect_err("it failed"));
        assert_eq!(text, "cannot build: cannot write: the disk is full\n  make room");
    }
}
