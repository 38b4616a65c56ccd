use std::fmt;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Home, Progress, SetupError, Step, debian};

/// What a Rust guest is built as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GuestTarget {
    /// A component that imports WASI 0.2.
    #[default]
    Component,
    /// A core module that imports WASI preview 1.
    Module,
}

impl GuestTarget {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Component, Self::Module];

    /// As `rustc` names it.
    pub const fn triple(self) -> &'static str {
        match self {
            Self::Component => "wasm32-wasip2",
            Self::Module => "wasm32-wasip1",
        }
    }
}

/// A Rust toolchain that builds guests, for both targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuestToolchain {
    /// The user's own, which has the targets.
    Rustup,
    /// One put together from the system's packages, in this folder.
    Assembled(PathBuf),
}

impl GuestToolchain {
    /// Finds one, without changing anything.
    pub fn find(home: &Home) -> Option<Self> {
        let has = |root: &Path, target: GuestTarget| rustlib(root, target.triple()).join("lib").is_dir();
        if host_sysroot().is_some_and(|root| GuestTarget::ALL.iter().all(|target| has(&root, *target))) {
            return Some(Self::Rustup);
        }
        let folder = home.guest_toolchain();
        let recipe = fs::read_to_string(folder.join(STAMP)).ok()?;
        (recipe == stamp()).then_some(Self::Assembled(folder))
    }

    /// `cargo` of this toolchain, free of what an outer cargo or rustup put into the environment.
    pub fn cargo(&self) -> Command {
        let mut command = match self {
            Self::Rustup => Command::new("cargo"),
            Self::Assembled(folder) => {
                let mut command = Command::new(folder.join("bin/cargo"));
                let path = std::env::var_os("PATH").unwrap_or_default();
                let folders = std::iter::once(folder.join("bin")).chain(std::env::split_paths(&path));
                // A PATH that was split can be joined again.
                if let Ok(path) = std::env::join_paths(folders) {
                    command.env("PATH", path);
                }
                command.env("RUSTC", folder.join("bin/rustc"));
                command
            }
        };
        let foreign = |key: &str| {
            key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST") || FOREIGN.contains(&key)
        };
        for (key, _) in std::env::vars_os() {
            if key.to_str().is_some_and(foreign) {
                command.env_remove(key);
            }
        }
        if *self == Self::Rustup {
            command.env_remove("RUSTC");
        }
        command
    }
}

impl fmt::Display for GuestToolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rustup => write!(f, "{} of the default toolchain", triples(" and ")),
            Self::Assembled(folder) => write!(f, "{} in {}", triples(" and "), folder.display()),
        }
    }
}

/// By rustup where that works; otherwise from Debian's packages.
pub(crate) fn fix(home: &Home, progress: &mut dyn Progress) -> Result<(), SetupError> {
    let by_rustup = add_target(home, progress);
    if by_rustup.is_ok() && GuestToolchain::find(home).is_some() {
        return Ok(());
    }
    assemble(home, progress).map_err(|error| match by_rustup {
        Err(first) => SetupError::Absent {
            what: format!(
                "no toolchain for guests could be set up.\nfirst try: {first}\nsecond try: {error}"
            ),
            advice: format!("with a network, `rustup target add {}` is all it takes", triples(" ")),
        },
        Ok(()) => error,
    })
}

fn add_target(home: &Home, progress: &mut dyn Progress) -> Result<(), SetupError> {
    let mut command = Command::new("rustup");
    command.args(["target", "add"]).args(GuestTarget::ALL.map(GuestTarget::triple));
    let what = format!("rustup target add {}", triples(" "));
    // A refused network makes rustup retry for minutes; a working one is done in seconds.
    Step::new(&what, "check the network").limit(60).expect(10).run(home, &mut command, progress)
}

/// Puts a toolchain together from Debian's Rust, which has the standard library's source, and its wasi-libc.
fn assemble(home: &Home, progress: &mut dyn Progress) -> Result<(), SetupError> {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|(_, file)| !Path::new(file).exists()).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        debian::install(home, &missing, 60, progress)?;
    }
    let build = home.root().join("build-std");
    for target in GuestTarget::ALL {
        build_std(home, &build, target, progress)?;
    }
    let folder = home.guest_toolchain();
    let half_done = home.root().join("guest-toolchain.new");
    remove(&half_done)?;
    lay_out(&half_done, &folder, &build)?;
    remove(&folder)?;
    fs::rename(&half_done, &folder).map_err(SetupError::io("make", &folder))?;
    remove(&build)
}

fn build_std(
    home: &Home,
    folder: &Path,
    target: GuestTarget,
    progress: &mut dyn Progress,
) -> Result<(), SetupError> {
    make_folder(&folder.join("src"))?;
    write(&folder.join("Cargo.toml"), STD_MANIFEST)?;
    write(&folder.join("src/lib.rs"), "#![no_std]\n")?;
    let mut command = Command::new("/usr/bin/cargo");
    command
        .args(["build", "--release", "-Zbuild-std=std,panic_abort", "--target", target.triple()])
        .current_dir(folder)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", "/usr/bin/rustc")
        // Without bitcode, LTO in guests fails.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_TARGET_DIR", folder.join("target"));
    for key in FOREIGN.iter().filter(|key| **key != "RUSTC") {
        command.env_remove(key);
    }
    let what = format!("build the standard library for {}", target.triple());
    Step::new(&what, "its log says why").expect(60).run(home, &mut command, progress)
}

/// `folder` is where it is laid out now, `place` where it will be.
fn lay_out(folder: &Path, place: &Path, build: &Path) -> Result<(), SetupError> {
    make_folder(&folder.join("bin"))?;
    for target in GuestTarget::ALL {
        let libraries = rustlib(folder, target.triple()).join("lib");
        let own = libraries.join("self-contained");
        make_folder(&own)?;
        let deps = build.join("target").join(target.triple()).join("release/deps");
        for entry in fs::read_dir(&deps).map_err(SetupError::io("read", &deps))?.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|end| end == "rlib") {
                copy(&path, &libraries.join(entry.file_name()))?;
            }
        }
        for name in ["crt1-command.o", "crt1-reactor.o", "libc.a"] {
            copy(&Path::new(WASI_LIBC).join(name), &own.join(name))?;
        }
    }
    link(Path::new("/usr/lib/rustlib").join(HOST), &rustlib(folder, HOST))?;
    let wrapper = format!(
        "#!/bin/sh\nPATH={bin}:$PATH exec /usr/bin/rustc --sysroot {root} \"$@\"\n",
        bin = place.join("bin").display(),
        root = place.display()
    );
    let rustc = folder.join("bin/rustc");
    write(&rustc, &wrapper)?;
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755))
        .map_err(SetupError::io("change", &rustc))?;
    link("/usr/bin/cargo", &folder.join("bin/cargo"))?;
    let tools = host_sysroot().map(|root| rustlib(&root, HOST).join("bin")).ok_or_else(no_linker)?;
    for (name, file) in
        [("rust-lld", "rust-lld"), ("wasm-ld", "gcc-ld/wasm-ld"), ("wasm-component-ld", "wasm-component-ld")]
    {
        let tool = tools.join(file);
        if !tool.exists() {
            return Err(no_linker());
        }
        link(tool, &folder.join("bin").join(name))?;
    }
    write(&folder.join(STAMP), &stamp())
}

fn no_linker() -> SetupError {
    SetupError::Absent {
        what: "rustup's toolchain has no wasm-component-ld".into(),
        advice: "install Rust 1.95 or newer from https://rustup.rs".into(),
    }
}

fn host_sysroot() -> Option<PathBuf> {
    // `rustc --print sysroot` costs 30 ms through rustup, so it is asked once a process.
    static SYSROOT: std::sync::OnceLock<Option<PathBuf>> = std::sync::OnceLock::new();
    let ask = || {
        which::which("rustc").ok()?;
        let output = Command::new("rustc").env_remove("RUSTC").args(["--print", "sysroot"]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| PathBuf::from(text.trim()))
    };
    SYSROOT.get_or_init(ask).clone()
}

/// The names of both targets.
pub(crate) fn triples(between: &str) -> String {
    GuestTarget::ALL.map(GuestTarget::triple).join(between)
}

fn rustlib(root: &Path, target: &str) -> PathBuf {
    root.join("lib/rustlib").join(target)
}

/// What the toolchain was made of: another Debian compiler needs another standard library.
fn stamp() -> String {
    let version = Command::new("/usr/bin/rustc").env_remove("RUSTC").arg("--version").output();
    let version = version.map(|output| output.stdout).unwrap_or_default();
    let tools = host_sysroot().unwrap_or_default();
    format!("recipe 2\n{}{}\n", String::from_utf8_lossy(&version), tools.display())
}

fn make_folder(path: &Path) -> Result<(), SetupError> {
    fs::create_dir_all(path).map_err(SetupError::io("make the folder", path))
}

fn write(path: &Path, text: &str) -> Result<(), SetupError> {
    fs::write(path, text).map_err(SetupError::io("write", path))
}

fn copy(source: &Path, target: &Path) -> Result<(), SetupError> {
    fs::copy(source, target).map(drop).map_err(SetupError::io("copy", source))
}

fn link(source: impl AsRef<Path>, target: &Path) -> Result<(), SetupError> {
    symlink(source, target).map_err(SetupError::io("link", target))
}

fn remove(path: &Path) -> Result<(), SetupError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(SetupError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// What an outer cargo or rustup leaves in the environment, and what would make the guest's build another one.
const FOREIGN: [&str; 12] = [
    "CARGO",
    "CARGO_BUILD_TARGET",
    "CARGO_CRATE_NAME",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "LD_LIBRARY_PATH",
    "OUT_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
    "RUST_RECURSION_COUNT",
];

/// Each package with a file that tells whether it is there.
const PACKAGES: [(&str, &str); 5] = [
    ("rustc-web", "/usr/bin/rustc"),
    ("cargo-web", "/usr/bin/cargo"),
    ("rust-web-src", "/usr/lib/rustlib/src/rust/library/std/Cargo.toml"),
    ("libstd-rust-web-dev", "/usr/lib/rustlib/x86_64-unknown-linux-gnu/lib"),
    ("wasi-libc", "/usr/lib/wasm32-wasi/libc.a"),
];

const HOST: &str = "x86_64-unknown-linux-gnu";
const STAMP: &str = "rusm-stamp";
const STD_MANIFEST: &str = "[package]\nname = \"guest-std\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
    [workspace]\n\n[profile.release]\npanic = \"abort\"\n";
const WASI_LIBC: &str = "/usr/lib/wasm32-wasi";
