//! `rusm check`: the project's contracts compared with those that others know.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusm::{Against, Project};
use serde_json::Value;
use tempfile::TempDir;

mod against;
mod changes;

/// A project of contracts alone.
struct Checked {
    folder: TempDir,
}

/// What the command ended with, and what it wrote.
struct Ended {
    code: Option<i32>,
    said: String,
    failed: String,
}

impl Checked {
    fn new(cart: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().expect("a folder") };
        project.write("rusm.toml", "");
        project.write("wit/cart.wit", cart);
        project
    }

    /// The same, with a lock file.
    fn locked(cart: &str) -> Self {
        let project = Self::new(cart);
        let written = project.check(&["--write"]);
        assert_eq!(written.code, Some(0), "{}", written.failed);
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        fs::write(path, text).expect("it can be written");
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.path("wit/contracts.lock")).expect("a lock file")
    }

    fn check(&self, arguments: &[&str]) -> Ended {
        check(self.folder.path(), arguments)
    }

    /// Checks another text of the contract.
    fn changed(&self, cart: &str) -> Ended {
        self.write("wit/cart.wit", cart);
        self.check(&[])
    }
}

fn check(folder: &Path, arguments: &[&str]) -> Ended {
    rusm(folder, "check", arguments)
}

fn rusm(folder: &Path, name: &str, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rusm"));
    command.args(["--project", folder.to_str().expect("a path"), name]).args(arguments);
    // What git says of temporary folders, wherever these are.
    command.env("LC_ALL", "C").env("GIT_CEILING_DIRECTORIES", std::env::temp_dir());
    let output = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ended { code: output.status.code(), said: text(output.stdout), failed: text(output.stderr) }
}

/// A contract in a version, with these functions and types.
fn cart(version: &str, body: &str) -> String {
    format!("package shop:cart@{version};\n\ninterface cart {{\n{body}}}\n")
}

const BODY: &str = "\
    record item {
        sku: string,
        qty: u32,
    }
    /// Adds an item.
    add: func(item: item) -> u32;
";

#[test]
fn without_a_lock_file_it_says_how_to_write_one() {
    let project = Checked::new(&cart("1.0.0", BODY));
    let failed = project.check(&[]);
    assert_eq!((failed.code, &*failed.said), (Some(1), ""));
    assert!(failed.failed.contains("there is no wit/contracts.lock"), "{}", failed.failed);
    assert!(failed.failed.contains("`rusm check --write`"), "{}", failed.failed);
}

#[test]
fn a_lock_file_is_wit_with_the_same_bytes_for_the_same_contracts() {
    let project = Checked::new(&cart("1.4.0", BODY));
    project
        .write("wit/till.wit", "interface till { use rusm:actor/types@0.1.0.{pid}; pay: func(who: pid); }");
    project.write("wit/old.wit", "package shop:cart@0.9.0 { interface cart { add: func(); } }");
    project.write("wit/deps/bank.wit", "package bank:bank@1.0.0; interface bank { ask: func(); }");
    let written = project.check(&["--write"]);
    assert_eq!(written.code, Some(0), "{}", written.failed);
    assert_eq!(written.said, "wrote wit/contracts.lock: 3 contracts\n");
    let lock = project.lock();
    let expected = "\
// The contracts of this project as others know them, in WIT. Written by `rusm check --write`.

package rusm:lock;

package shop:cart@0.9.0 {
  interface cart {
    add: func();
  }
}

package shop:cart@1.4.0 {
  interface cart {
    record item {
      sku: string,
      qty: u32,
    }
    /// Adds an item.
    add: func(item: item) -> u32;
  }

  interface till {
    use rusm:actor/types@0.1.0.{pid};
    pay: func(who: pid);
  }
}
";
    assert_eq!(lock, expected);
    let same = project.check(&[]);
    assert_eq!((same.code, &*same.said), (Some(0), "0 breaking, 0 resolved, 0 compatible\n"));
    let again = project.check(&["--write"]);
    assert_eq!(again.code, Some(0), "{}", again.failed);
    assert_eq!(project.lock(), lock);
}

#[test]
fn a_lock_file_is_not_written_over_breaking_differences() {
    let project = Checked::locked(&cart("1.4.0", BODY));
    let lock = project.lock();
    project.write("wit/cart.wit", &cart("1.5.0", "    put: func();\n"));
    let refused = project.check(&["--write"]);
    assert_eq!(refused.code, Some(5));
    assert!(refused.failed.contains("`rusm check --write --force`"), "{}", refused.failed);
    assert_eq!(project.lock(), lock);
    let written = project.check(&["--write", "--force"]);
    assert_eq!(written.code, Some(0), "{}", written.failed);
    assert_eq!(project.check(&[]).code, Some(0));
}

#[test]
fn a_lock_file_of_another_project_is_refused_with_its_place() {
    let project = Checked::locked(&cart("1.4.0", BODY));
    let failed = project.changed("package bank:bank@1.0.0;\ninterface bank { ask: func(); }\n");
    assert_eq!(failed.code, Some(1));
    let expected = "wit/contracts.lock:6:13: this is of another project: it has contracts of `shop:cart`, and this project contracts of `bank:bank`\n";
    assert!(failed.failed.contains(expected), "{}", failed.failed);
    assert_eq!(project.check(&["--write"]).code, Some(1));
    assert_eq!(project.check(&["--write", "--force"]).code, Some(0));
}

#[test]
fn a_damaged_lock_file_is_an_error_with_its_place() {
    let project = Checked::locked(&cart("1.4.0", BODY));
    let lock = project.lock();
    for (text, place) in [
        (
            lock.replace("  interface cart {\n", "<<<<<<< ours\n  interface cart {\n"),
            "wit/contracts.lock:6:1",
        ),
        (lock.replace("qty: u32,", "qty: u33,"), "wit/contracts.lock:9:12"),
        (String::new(), "wit/contracts.lock:1:1"),
        (lock.replace("package shop:cart@1.4.0 {", "package shop:cart@1.4.0"), "wit/contracts.lock:"),
    ] {
        project.write("wit/contracts.lock", &text);
        let failed = project.check(&[]);
        assert_eq!((failed.code, &*failed.said), (Some(1), ""), "{text}");
        assert!(failed.failed.contains(place), "{place}: {}", failed.failed);
        assert!(failed.failed.contains("rusm check --write --force"), "{}", failed.failed);
    }
    fs::write(project.path("wit/contracts.lock"), b"\xff\xfe").expect("it can be written");
    assert_eq!(project.check(&[]).code, Some(1));
}

#[test]
fn as_json_it_is_one_document() {
    let project = Checked::locked(&format!("{}interface till {{ pay: func(); }}\n", cart("1.4.0", BODY)));
    project.write("wit/cart.wit", &cart("1.5.0", &BODY.replace("qty: u32", "qty: u64")));
    let checked = project.check(&["--json"]);
    assert_eq!(checked.code, Some(5));
    let document: Value = serde_json::from_str(&checked.said).expect("JSON");
    for (member, value) in [
        ("against", Value::from("wit/contracts.lock")),
        ("breaking", 1.into()),
        ("resolved", 1.into()),
        ("compatible", 0.into()),
        ("warnings", 0.into()),
    ] {
        assert_eq!(document[member], value, "{member}: {document}");
    }
    let first = &document["differences"][0];
    for (member, value) in [
        ("contract", Value::from("shop:cart/cart@1.5.0")),
        ("path", "cart.add: item.qty".into()),
        ("class", "resolved".into()),
        ("file", "wit/cart.wit".into()),
        ("line", 6.into()),
        ("column", 9.into()),
        ("what", "the old version has `u32`, the new version `u64`".into()),
    ] {
        assert_eq!(first[member], value, "{member}: {document}");
    }
    assert!(first["advice"].is_string(), "{document}");
    assert_eq!(document["differences"][1]["contract"], "shop:cart/till@1.4.0", "{document}");
}

#[test]
fn a_build_warns_by_the_lock_file() {
    let project = Checked::new(&cart("1.4.0", BODY));
    let warnings = || Project::find(project.folder.path()).expect("a project").lock_warnings();
    assert_eq!(warnings(), [""; 0], "there is no lock file");
    assert_eq!(project.check(&["--write"]).code, Some(0));
    assert_eq!(warnings(), [""; 0]);
    project.write("wit/cart.wit", &cart("1.5.0", &BODY.replace("qty: u32", "qty: string")));
    let expected =
        "shop:cart/cart@1.5.0 has 1 breaking difference with wit/contracts.lock; `rusm check` shows them";
    assert_eq!(warnings(), [expected]);
    let built = rusm(project.folder.path(), "build", &[]);
    assert_eq!(built.code, Some(0), "{}", built.failed);
    assert_eq!(built.failed, format!("warning: {expected}\n"));
    let found =
        Project::find(project.folder.path()).expect("a project").check(&Against::Lock).expect("a report");
    assert_eq!(found.breaking, 1);
    project.write("wit/contracts.lock", "package");
    assert!(warnings()[0].contains("wit/contracts.lock:1:8"), "{:?}", warnings());
}
