//! Capabilities as they stand in the manifest, made into profiles.

use std::ops::Range;
use std::path::{Path, PathBuf};

use rusm_engine::{Folder, Grant, Profile};
use toml::Spanned;

use super::{ManifestError, Reader, hint, raw};

type Names = Option<Vec<Spanned<String>>>;

/// Reads one after the other; each knows its parents.
pub(super) struct Profiles<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) raw: &'a raw::Manifest,
}

impl Profiles<'_> {
    /// Checks all of them, those that nobody uses too.
    pub(super) fn check(&self) -> Result<(), ManifestError> {
        for (name, capabilities) in &self.raw.profiles {
            self.read(capabilities, &mut vec![name.get_ref().clone()])?;
        }
        Ok(())
    }

    /// What these capabilities come to. `above` are the profiles that lead here.
    pub(super) fn read(
        &self,
        capabilities: &raw::Capabilities,
        above: &mut Vec<String>,
    ) -> Result<Profile, ManifestError> {
        let parent = match &capabilities.profile {
            None => None,
            Some(name) => Some(self.parent(name, above)?),
        };
        let mut building = Building {
            reader: self.reader,
            profile: parent.clone().unwrap_or_default(),
            parent: parent.as_ref(),
        };
        building.grants(capabilities)?;
        building.limits(capabilities)?;
        Ok(building.profile)
    }

    fn parent(&self, name: &Spanned<String>, above: &mut Vec<String>) -> Result<Profile, ManifestError> {
        let found = self.raw.profiles.iter().find(|(known, _)| known.get_ref() == name.get_ref());
        let Some((known, capabilities)) = found else {
            let hint = hint(name.get_ref(), self.raw.profiles.keys().map(|known| known.get_ref().as_str()));
            let text = format!("there is no profile `{}`{hint}", name.get_ref());
            return Err(self.reader.error(name.span(), text));
        };
        if above.contains(known.get_ref()) {
            let circle = format!("{} -> {}", above.join(" -> "), known.get_ref());
            return Err(self.reader.error(name.span(), format!("the profiles form a cycle: {circle}")));
        }
        above.push(known.get_ref().clone());
        let profile = self.read(capabilities, above)?;
        above.pop();
        Ok(profile)
    }
}

/// A profile that begins as its parent, and gets what it says itself.
struct Building<'a> {
    reader: &'a Reader<'a>,
    profile: Profile,
    parent: Option<&'a Profile>,
}

impl Building<'_> {
    fn grants(&mut self, raw: &raw::Capabilities) -> Result<(), ManifestError> {
        self.names("spawn", &raw.spawn, Grant::Spawn)?;
        self.names("register", &raw.register, Grant::Register)?;
        self.names("lookup", &raw.lookup, Grant::Lookup)?;
        self.names("link", &raw.link, Grant::Link)?;
        self.names("group", &raw.group, Grant::Group)?;
        self.env(&raw.env)?;
        self.folders("read", &raw.read, Grant::Read)?;
        self.folders("write", &raw.write, Grant::Write)?;
        self.endpoints("connect", &raw.connect)?;
        self.endpoints("listen", &raw.listen)?;
        self.switch(&raw.control, Grant::Control)?;
        self.switch(&raw.load, Grant::Load)
    }

    /// Takes away what was inherited of this kind, for what stands here instead.
    fn replace(&mut self, kind: &str) {
        self.profile.grants.retain(|grant| grant.kind() != kind);
    }

    fn add(&mut self, span: Range<usize>, grant: Grant) -> Result<(), ManifestError> {
        if self.parent.is_some_and(|parent| !parent.allows(&grant)) {
            let text = format!("`{grant}` is wider than the profile that this one inherits");
            return Err(self.reader.error(span, text));
        }
        self.profile.grants.push(grant);
        Ok(())
    }

    fn names(&mut self, kind: &str, names: &Names, grant: fn(String) -> Grant) -> Result<(), ManifestError> {
        let Some(names) = names else { return Ok(()) };
        self.replace(kind);
        for name in names {
            self.not_empty(name)?;
            self.add(name.span(), grant(name.get_ref().clone()))?;
        }
        Ok(())
    }

    /// `NAME`, or `NAME=VALUE` for a value of its own.
    fn env(&mut self, names: &Names) -> Result<(), ManifestError> {
        let Some(names) = names else { return Ok(()) };
        self.replace("env");
        for name in names {
            self.not_empty(name)?;
            match name.get_ref().split_once('=') {
                None => self.add(name.span(), Grant::Env(name.get_ref().clone()))?,
                Some((key, value)) => {
                    self.add(name.span(), Grant::Env(key.to_owned()))?;
                    self.profile.env.retain(|(known, _)| known != key);
                    self.profile.env.push((key.to_owned(), value.to_owned()));
                }
            }
        }
        Ok(())
    }

    /// `FOLDER`, which the guest sees under the same name at its root, or `FOLDER=/GUEST/PATH`.
    fn folders(
        &mut self,
        kind: &str,
        folders: &Names,
        grant: fn(String) -> Grant,
    ) -> Result<(), ManifestError> {
        let Some(folders) = folders else { return Ok(()) };
        self.replace(kind);
        for folder in folders {
            self.not_empty(folder)?;
            let text = folder.get_ref();
            let (host, guest) =
                text.split_once('=').map_or((text.as_str(), None), |(host, guest)| (host, Some(guest)));
            let host = self.folder(host, folder.span())?;
            let guest = match guest {
                Some(guest) if guest.starts_with('/') => guest.to_owned(),
                Some(guest) => {
                    let text = format!("`{guest}` is no path of a guest: it begins with `/`");
                    return Err(self.reader.error(folder.span(), text));
                }
                None => format!("/{}", host.file_name().unwrap_or_default().to_string_lossy()),
            };
            let other = self.profile.folders.iter().find(|known| known.guest == guest && known.host != host);
            if let Some(other) = other {
                let text = format!(
                    "`{guest}` is {} already; give one another path, as `FOLDER=/PATH`",
                    other.host.display()
                );
                return Err(self.reader.error(folder.span(), text));
            }
            self.add(folder.span(), grant(guest.clone()))?;
            if self.profile.folders.iter().all(|known| known.guest != guest) {
                self.profile.folders.push(Folder { guest, host });
            }
        }
        Ok(())
    }

    /// A path that exists, relative to the manifest's folder.
    fn folder(&self, text: &str, span: Range<usize>) -> Result<PathBuf, ManifestError> {
        let base = self.reader.file.parent().unwrap_or(Path::new("."));
        let path = base.join(text);
        if path.is_dir() {
            return Ok(path);
        }
        let what = if path.exists() { "is no folder" } else { "does not exist" };
        Err(self.reader.error(span, format!("the folder `{}` {what}", path.display())))
    }

    fn endpoints(&mut self, kind: &str, endpoints: &Names) -> Result<(), ManifestError> {
        let Some(endpoints) = endpoints else { return Ok(()) };
        self.replace(kind);
        for endpoint in endpoints {
            let text = format!("{kind}:{}", endpoint.get_ref());
            let grant = text.parse().map_err(|_| {
                let text = format!(
                    "`{}` is no host and port; write it like \"example.org:443\", each may be `*`",
                    endpoint.get_ref()
                );
                self.reader.error(endpoint.span(), text)
            })?;
            self.add(endpoint.span(), grant)?;
        }
        Ok(())
    }

    fn switch(&mut self, on: &Option<Spanned<bool>>, grant: Grant) -> Result<(), ManifestError> {
        let Some(on) = on else { return Ok(()) };
        self.replace(grant.kind());
        if *on.get_ref() { self.add(on.span(), grant) } else { Ok(()) }
    }

    fn not_empty(&self, name: &Spanned<String>) -> Result<(), ManifestError> {
        if name.get_ref().is_empty() {
            return Err(self.reader.error(name.span(), "an empty name grants nothing".into()));
        }
        Ok(())
    }

    fn limits(&mut self, raw: &raw::Capabilities) -> Result<(), ManifestError> {
        let reader = self.reader;
        let own = self.profile.limits.clone();
        let limits = &mut self.profile.limits;
        // A limit that somebody above has set can only be lowered; what is there by default may be raised.
        let inherits = self.parent.is_some();
        let most = |value: usize| inherits.then_some(value);
        if let Some(memory) = &raw.memory {
            limits.memory = reader.within(memory.span(), reader.size(memory)?, most(own.memory))?;
        }
        if let Some(total) = &raw.total_memory {
            limits.total_memory = Some(reader.within(total.span(), reader.size(total)?, own.total_memory)?);
        }
        if let Some(output) = &raw.output {
            limits.output = reader.within(output.span(), reader.size(output)?, most(own.output))?;
        }
        if let Some(host_call) = &raw.host_call {
            limits.host_call =
                reader.within(host_call.span(), reader.size(host_call)?, most(own.host_call))?;
        }
        if let Some(handles) = &raw.handles {
            limits.handles = reader.within(handles.span(), *handles.get_ref(), most(own.handles))?;
        }
        if let Some(files) = &raw.files {
            limits.files = reader.within(files.span(), *files.get_ref(), most(own.files))?;
        }
        if let Some(timers) = &raw.timers {
            limits.timers = reader.within(timers.span(), *timers.get_ref(), most(own.timers))?;
        }
        if let Some(mailbox) = &raw.mailbox {
            limits.mailbox = reader.within(mailbox.span(), *mailbox.get_ref(), most(own.mailbox))?;
        }
        if let Some(bytes) = &raw.mailbox_bytes {
            limits.mailbox_bytes =
                reader.within(bytes.span(), reader.size(bytes)?, most(own.mailbox_bytes))?;
        }
        if let Some(bytes) = &raw.host_memory {
            limits.host_memory = reader.within(bytes.span(), reader.size(bytes)?, most(own.host_memory))?;
        }
        if let Some(processes) = &raw.processes {
            limits.processes = Some(reader.within(processes.span(), *processes.get_ref(), own.processes)?);
        }
        if let Some(instances) = &raw.instances {
            limits.instances = Some(reader.within(instances.span(), *instances.get_ref(), own.instances)?);
        }
        if let Some(cpu) = &raw.cpu {
            limits.cpu = Some(reader.within(cpu.span(), reader.per_cent(cpu)?, own.cpu)?);
        }
        if let Some(message_cpu) = &raw.message_cpu {
            let duration = reader.duration(message_cpu)?;
            let most = own.message_cpu.map(humantime::Duration::from);
            let duration = reader.within(message_cpu.span(), humantime::Duration::from(duration), most)?;
            limits.message_cpu = Some(*duration);
        }
        limits.seed = raw.seed.or(own.seed);
        Ok(())
    }
}

impl Reader<'_> {
    fn within<T: PartialOrd + std::fmt::Display>(
        &self,
        span: Range<usize>,
        value: T,
        most: Option<T>,
    ) -> Result<T, ManifestError> {
        match most {
            Some(most) if value > most => {
                let text = format!("{value} is more than the {most} of the profile that this one inherits");
                Err(self.error(span, text))
            }
            _ => Ok(value),
        }
    }

    fn per_cent(&self, text: &Spanned<String>) -> Result<u32, ManifestError> {
        let number = text.get_ref().strip_suffix('%').and_then(|number| number.trim().parse::<u32>().ok());
        number.filter(|share| (1..=100).contains(share)).ok_or_else(|| {
            let message = format!("`{}` is no share; write it like \"20%\", from 1 to 100", text.get_ref());
            self.error(text.span(), message)
        })
    }
}
