use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rusm_engine::{ComponentFigures, ProcessFigures, Snapshot};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

mod client;
mod server;

pub(crate) use client::contracts;
pub use client::{CallOutput, CallRequest, ControlError, Watch, call, info};
pub(crate) use server::{Listening, listen};

/// The local socket of a project's running node. Only its owner can open it: it lies in a folder of mode 700.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    path: PathBuf,
}

impl Socket {
    /// The socket of the project in this folder: `/tmp/rusm-UID/` and a name made of the folder. It depends on nothing else, so that
    /// everybody who asks for the project finds the same one; and the path of a socket has at most 108 bytes.
    ///
    /// # Errors
    /// If the folder for sockets cannot be made, or belongs to somebody else.
    pub fn of(project: &Path) -> io::Result<Self> {
        let uid = rustix::process::getuid().as_raw();
        let folder = PathBuf::from(format!("/tmp/rusm-{uid}"));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let metadata = fs::symlink_metadata(&folder)?;
        if !metadata.is_dir() || metadata.uid() != uid {
            let text =
                format!("{} belongs to another user; it has to be a folder of yours", folder.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        let project = fs::canonicalize(project)?;
        let digest = Sha256::digest(project.as_os_str().as_encoded_bytes());
        let name = hex::encode(&digest[..8]);
        Ok(Self { path: folder.join(format!("{name}.sock")) })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes this process the project's node, until the claim is dropped or the process ends.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] if another process is.
    pub fn claim(self) -> io::Result<Claim> {
        let path = self.path.with_extension("lock");
        let lock = fs::File::options().create(true).truncate(false).write(true).open(&path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Claim { socket: self, _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => {
                let text =
                    "a node of this project is running already; stop it first, or look at it with `rusm ps`";
                Err(io::Error::new(io::ErrorKind::AddrInUse, text))
            }
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// The right to be a project's node: one process at a time has it.
#[derive(Debug)]
pub struct Claim {
    socket: Socket,
    /// The kernel gives it back with the process, however that ends.
    _lock: fs::File,
}

/// What a client says, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Say {
    /// Calls a function of a named process, given as text.
    Call { name: String, text: String, deadline_ms: u32 },
    /// Asks for the node's figures.
    Figures,
    /// Asks for the contracts of all components.
    Contracts,
    /// Asks what is known of a process, by name or as it stands in the list: `<64.1>`.
    Info { process: String },
    /// An item of the stream that the function reads.
    Item(String),
    /// The next bytes of the stream that the function reads, in hexadecimal.
    Bytes(String),
    /// There is no more of it.
    End,
}

/// What a function reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Wanted {
    Items,
    Bytes,
}

/// A process, what it runs, and the last of what it wrote.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Info {
    /// The process.
    pub process: ProcessFigures,
    /// Its component; none of a native process.
    pub component: Option<ComponentFigures>,
    /// The end of its standard output, and of its standard error.
    pub written: Option<(String, String)>,
}

/// A contract of a component that is loaded: it is a service of it, or has a client of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Loaded {
    /// The component's name.
    pub(crate) component: String,
    /// The contract's id, with its version.
    pub(crate) contract: String,
    /// The contract as WIT text that stands alone.
    pub(crate) wit: String,
}

/// What the node answers, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// The function reads a stream: the client may send it.
    Wants(Wanted),
    /// An item of the stream that the function writes, or the value before it.
    Item(String),
    /// The next bytes of the stream that the function writes, in hexadecimal.
    Bytes(String),
    /// The node's figures.
    Figures(Box<Snapshot>),
    /// The contracts of all components.
    Contracts(Vec<Loaded>),
    /// What is known of a process.
    Info(Box<Info>),
    /// The call is over, with this value; none for a cast or a stream.
    Done(Option<String>),
    /// The contract's own error.
    Refused(String),
    /// The call failed otherwise: the kind of error, and the text.
    Failed { kind: String, text: String },
}
