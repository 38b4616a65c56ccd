use std::fs;
use std::io;
use std::path::Path;

/// A language that services are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, as a crate.
    Rust,
    /// TypeScript, as a package.
    Ts,
}

/// Writes a new project of one service into a folder, which must be empty or not be there.
///
/// # Errors
/// If the folder has something in it, or cannot be written to.
pub fn scaffold(folder: &Path, name: &str, language: Language) -> io::Result<()> {
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        let text = format!("{} is not empty", folder.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    let files = match language {
        Language::Rust => RUST,
        Language::Ts => TYPESCRIPT,
    };
    for (path, text) in files {
        let path = folder.join(path.trim_end_matches(".in").replace("gitignore", ".gitignore"));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text.replace("{{name}}", name))?;
    }
    Ok(())
}

/// A template's file: its place in the project, and its text with `{{name}}` for the project's name. `.in` keeps cargo
/// from taking a template for a package of this repository.
type File = (&'static str, &'static str);

macro_rules! template {
    ($language:literal: $($path:literal)*) => {
        &[$(($path, include_str!(concat!("../../../templates/", $language, "/", $path)))),*]
    };
}

const RUST: &[File] =
    template!("rust": "Cargo.toml.in" "README.md" "gitignore.in" "rusm.toml" "src/lib.rs" "wit/greeter.wit");
const TYPESCRIPT: &[File] = template!(
    "ts": "README.md" "gitignore.in" "package.json" "rusm.toml" "src/main.ts" "tsconfig.json" "wit/greeter.wit"
);
