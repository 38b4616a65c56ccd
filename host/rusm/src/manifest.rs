use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use rusm_engine::Profile;
use rusm_otp::{Restart, Shutdown, Strategy};
use rusm_setup::GuestTarget;

mod capabilities;
mod raw;

/// `rusm.toml`, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The most memory of all its processes together, in bytes; none for no bound but the machine's.
    pub memory: Option<usize>,
    /// The components by name.
    pub components: BTreeMap<String, ComponentDecl>,
    /// The supervision tree; without children if the manifest has none.
    pub root: SupervisorDecl,
}

/// A component of the project.
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentDecl {
    /// Its folder, relative to the manifest: a crate, or a package with a `main.ts`; or a finished `.wasm` file.
    pub path: PathBuf,
    /// What a crate is built as; none for a component, or where there is no crate.
    pub target: Option<GuestTarget>,
    /// What runs a package's TypeScript; none for QuickJS, or where there is no package.
    pub engine: Option<JavaScript>,
    /// What its processes may do.
    pub profile: Profile,
}

/// An engine that runs TypeScript within a component.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JavaScript {
    /// QuickJS-ng: small, quick to start, and its calls wait together.
    #[default]
    QuickJs,
    /// StarlingMonkey, Firefox's engine: large, and with the Web's own interfaces.
    StarlingMonkey,
}

impl JavaScript {
    /// As the manifest names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QuickJs => "quickjs",
            Self::StarlingMonkey => "starlingmonkey",
        }
    }
}

/// A supervisor of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct SupervisorDecl {
    /// Its name in the manifest.
    pub name: String,
    /// Its children, in the order in which they start.
    pub children: Vec<ChildDecl>,
    /// Which of them it starts again when one ended.
    pub strategy: Strategy,
    /// How many restarts within the period it stands.
    pub intensity: usize,
    /// The period.
    pub period: Duration,
}

/// A child of a supervisor.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildDecl {
    /// What runs.
    pub what: What,
    /// When it is started again.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Where it stands in the manifest, for errors that only show at start.
    pub line: usize,
}

/// What a child is.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A process of a component.
    Component {
        /// The component.
        component: String,
        /// The name that the process is registered under; the component's own by default.
        name: String,
        /// The constructor's arguments as WAVE text: `("a", 2)`.
        init: Option<String>,
        /// The command line of a `wasi:cli` program, without its name.
        args: Vec<String>,
    },
    /// Another supervisor.
    Supervisor(SupervisorDecl),
}

/// A mistake in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {message}", file.display())]
pub struct ManifestError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, what was expected, and the nearest right name.
    pub message: String,
}

impl Manifest {
    /// Reads a manifest's text; `file` is for errors.
    ///
    /// # Errors
    /// [`ManifestError`] for the first mistake.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ManifestError> {
        let reader = Reader { file, text };
        let raw: raw::Manifest = toml::from_str(text).map_err(|error| reader.syntax(&error))?;
        let profiles = capabilities::Profiles { reader: &reader, raw: &raw };
        profiles.check()?;
        let mut components = BTreeMap::new();
        for (name, component) in &raw.components {
            let decl = reader.component(name.get_ref(), name.span(), component, &profiles)?;
            components.insert(name.get_ref().clone(), decl);
        }
        let tree = Tree { reader: &reader, raw: &raw, components: &components };
        let root = tree.supervisor("supervisor", &raw.supervisor, &mut Vec::new())?;
        let mut names = BTreeMap::new();
        tree.check_names(&root, &mut names)?;
        let memory = raw.node.memory.as_ref().map(|text| reader.size(text)).transpose()?;
        Ok(Self { memory, components, root })
    }
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn error(&self, span: Range<usize>, message: String) -> ManifestError {
        let line = self.line(span.start);
        ManifestError { file: self.file.into(), line, message }
    }

    fn line(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
    }

    /// What the parser says, with the nearest right name where it lists the right ones.
    fn syntax(&self, error: &toml::de::Error) -> ManifestError {
        let message = error.message();
        let mut quoted = message.split('`').skip(1).step_by(2);
        let wrong = quoted.next().unwrap_or_default();
        let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
        let hint = if unknown { hint(wrong, quoted) } else { String::new() };
        self.error(error.span().unwrap_or(0..0), format!("{message}{hint}"))
    }

    fn component(
        &self,
        name: &str,
        span: Range<usize>,
        raw: &raw::Component,
        profiles: &capabilities::Profiles<'_>,
    ) -> Result<ComponentDecl, ManifestError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(fits) {
            let text = format!("`{name}` is no name for a component: use letters, digits, `-` and `_`");
            return Err(self.error(span, text));
        }
        if let Err(error) = rusm_otp::check_name(name) {
            return Err(self.error(span, format!("`{name}`: {error}")));
        }
        let mut profile = profiles.read(&raw.capabilities, &mut Vec::new())?;
        let own = raw.capabilities.memory.is_some() || raw.capabilities.profile.is_some();
        if matches!(raw.engine, Some(raw::Engine::Starlingmonkey)) && !own {
            profile.limits.memory = STARLINGMONKEY_MEMORY;
        }
        let target = raw.target.map(GuestTarget::from);
        let engine = raw.engine.map(JavaScript::from);
        Ok(ComponentDecl { path: PathBuf::from(raw.path.get_ref()), target, engine, profile })
    }

    fn duration(&self, text: &toml::Spanned<String>) -> Result<Duration, ManifestError> {
        humantime::parse_duration(text.get_ref()).map_err(|_| {
            let message = format!("`{}` is no duration; write it like \"500ms\" or \"5s\"", text.get_ref());
            self.error(text.span(), message)
        })
    }

    fn size(&self, text: &toml::Spanned<String>) -> Result<usize, ManifestError> {
        size(text.get_ref()).ok_or_else(|| {
            let message = format!("`{}` is no size; write it like \"64MiB\"", text.get_ref());
            self.error(text.span(), message)
        })
    }
}

/// A number with a unit: of bytes without one, nobody means so few.
fn size(text: &str) -> Option<usize> {
    let size: ByteSize = text.parse().ok().filter(|_| text.ends_with(char::is_alphabetic))?;
    usize::try_from(size.as_u64()).ok()
}

/// The supervision tree, resolved from names.
struct Tree<'a> {
    reader: &'a Reader<'a>,
    raw: &'a raw::Manifest,
    components: &'a BTreeMap<String, ComponentDecl>,
}

impl Tree<'_> {
    /// `above` are the supervisors on the way here.
    fn supervisor(
        &self,
        name: &str,
        raw: &raw::Supervisor,
        above: &mut Vec<String>,
    ) -> Result<SupervisorDecl, ManifestError> {
        above.push(name.to_owned());
        let mut children = Vec::new();
        for child in &raw.children {
            children.push(self.child(child, above)?);
        }
        above.pop();
        let period = raw.period.as_ref().map(|text| self.reader.duration(text)).transpose()?;
        Ok(SupervisorDecl {
            name: name.to_owned(),
            children,
            strategy: raw.strategy.into(),
            intensity: raw.intensity.unwrap_or(DEFAULT_INTENSITY),
            period: period.unwrap_or(DEFAULT_PERIOD),
        })
    }

    fn child(
        &self,
        spanned: &toml::Spanned<raw::Child>,
        above: &mut Vec<String>,
    ) -> Result<ChildDecl, ManifestError> {
        let raw = spanned.get_ref();
        let line = self.reader.line(spanned.span().start);
        let what = match (&raw.component, &raw.supervisor) {
            (Some(component), None) => {
                let name = component.get_ref();
                if !self.components.contains_key(name) {
                    let hint = hint(name, self.components.keys().map(String::as_str));
                    let text = format!("there is no component `{name}`{hint}");
                    return Err(self.reader.error(component.span(), text));
                }
                let called = raw.name.as_ref().unwrap_or(name).clone();
                self.check_name(&called, spanned.span())?;
                What::Component {
                    component: name.clone(),
                    name: called,
                    init: raw.init.clone(),
                    args: raw.args.clone().unwrap_or_default(),
                }
            }
            (None, Some(supervisor)) => {
                let name = supervisor.get_ref();
                let Some(below) = self.raw.supervisors.get(name) else {
                    let hint = hint(name, self.raw.supervisors.keys().map(String::as_str));
                    let text = format!("there is no supervisor `{name}`{hint}");
                    return Err(self.reader.error(supervisor.span(), text));
                };
                self.check_name(name, supervisor.span())?;
                if above.contains(name) {
                    let circle = format!("{} -> {name}", above.join(" -> "));
                    let text = format!("the supervisors form a cycle: {circle}");
                    return Err(self.reader.error(supervisor.span(), text));
                }
                if raw.init.is_some() || raw.name.is_some() || raw.args.is_some() {
                    let text = "`init`, `args` and `name` are of a component, not of a supervisor".to_owned();
                    return Err(self.reader.error(supervisor.span(), text));
                }
                What::Supervisor(self.supervisor(name, below, above)?)
            }
            _ => {
                let text = "a child has either a `component` or a `supervisor`".to_owned();
                return Err(self.reader.error(spanned.span(), text));
            }
        };
        let is_supervisor = matches!(what, What::Supervisor(_));
        let shutdown = match &raw.shutdown {
            None if is_supervisor => Shutdown::Infinity,
            None => Shutdown::default(),
            Some(text) => match text.get_ref().as_str() {
                "brutal-kill" => Shutdown::BrutalKill,
                "infinity" => Shutdown::Infinity,
                _ => Shutdown::Timeout(self.reader.duration(text).map_err(|error| ManifestError {
                    message: format!("{}, \"brutal-kill\" or \"infinity\"", error.message),
                    ..error
                })?),
            },
        };
        Ok(ChildDecl { what, restart: raw.restart.into(), shutdown, line })
    }

    fn check_name(&self, name: &str, span: Range<usize>) -> Result<(), ManifestError> {
        rusm_otp::check_name(name).map_err(|error| self.reader.error(span, format!("{name:?}: {error}")))
    }

    fn check_names(
        &self,
        supervisor: &SupervisorDecl,
        names: &mut BTreeMap<String, usize>,
    ) -> Result<(), ManifestError> {
        for child in &supervisor.children {
            let name = match &child.what {
                What::Supervisor(below) => &below.name,
                What::Component { name, .. } => name,
            };
            if let Some(first) = names.insert(name.clone(), child.line) {
                let advice = match &child.what {
                    What::Supervisor(_) => "a supervisor can be one child only, under a name of its own",
                    What::Component { .. } => "give one a `name`",
                };
                let message = format!("the name `{name}` is that of the child in line {first}; {advice}");
                return Err(ManifestError { file: self.reader.file.into(), line: child.line, message });
            }
            if let What::Supervisor(below) = &child.what {
                self.check_names(below, names)?;
            }
        }
        Ok(())
    }
}

/// "; did you mean ..?", if one of the known names is close.
pub(crate) fn hint<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    let best = rusm_codegen::nearest(wrong, known);
    best.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// Its first collection of garbage comes late: with 64 MiB a service dies after some thousand messages.
const STARLINGMONKEY_MEMORY: usize = 128 << 20;

/// As Erlang's supervisors.
const DEFAULT_INTENSITY: usize = 1;
const DEFAULT_PERIOD: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
