//! `rusm check`: the project's contracts compared with those that others know.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusm::{Against, Project};
use rusm_codegen::Wit;
use rusm_codegen::section::{self, Role};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{TestNode, folder};

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
    let mut command = Command::new(env!("CARGO_BIN_EXE_rusm"));
    command.args(["--project", folder.to_str().expect("a path"), "check"]).args(arguments);
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
fn a_compatible_difference_passes() {
    let project = Checked::locked(&cart("1.4.0", BODY));
    let checked =
        project.changed(&cart("1.5.0", &format!("{BODY}    @since(version = 1.5.0)\n    clear: func();\n")));
    assert_eq!(checked.code, Some(0), "{}", checked.failed);
    let expected = "wit/cart.wit:11:5: compatible: cart.clear: only the new version has this function, since 1.5.0\n  nothing";
    assert!(checked.said.starts_with(expected), "{}", checked.said);
    assert!(checked.said.ends_with("\n0 breaking, 0 resolved, 1 compatible\n"), "{}", checked.said);
}

#[test]
fn a_resolved_difference_passes() {
    let project = Checked::locked(&cart("1.4.0", BODY));
    let wider = BODY.replace("qty: u32,", "qty: u64,\n        note: option<string>,");
    let checked = project.changed(&cart("1.5.0", &wider));
    assert_eq!(checked.code, Some(0), "{}", checked.failed);
    for expected in [
        "wit/cart.wit:6:9: resolved: cart.add: item.qty: the old version has `u32`, the new version `u64`\n  nothing",
        "wit/cart.wit:7:9: resolved: cart.add: item.note: only the new version has this field, ",
        "\n0 breaking, 2 resolved, 0 compatible\n",
    ] {
        assert!(checked.said.contains(expected), "{expected}\n{}", checked.said);
    }
}

#[test]
fn a_breaking_difference_fails_with_a_code_of_its_own() {
    let project = Checked::locked(&cart("1.4.0", BODY));
    let checked = project.changed(&cart("1.5.0", &BODY.replace("qty: u32", "qty: string")));
    assert_eq!(checked.code, Some(5), "{}", checked.failed);
    let expected = "wit/cart.wit:6:9: breaking: cart.add: item.qty: the old version has `u32`, the new version `string`\n  give";
    assert!(checked.said.starts_with(expected), "{}", checked.said);
    assert!(checked.said.ends_with("\n1 breaking, 0 resolved, 0 compatible\n"), "{}", checked.said);
    assert!(checked.failed.contains("1 breaking difference\n"), "{}", checked.failed);

    let gone = project.changed(&cart("1.5.0", "    put: func();\n"));
    assert_eq!(gone.code, Some(5));
    let expected = "wit/cart.wit:3:11: breaking: cart.add: only the old version has this function\n";
    assert!(gone.said.starts_with(expected), "{}", gone.said);
    let expected = "wit/cart.wit:4:5: breaking: cart.put: only the new version has this function\n  if it is new, mark it `@since(";
    assert!(gone.said.contains(expected), "{}", gone.said);
}

#[test]
fn a_new_major_version_may_break() {
    let other = BODY.replace("qty: u32", "qty: string");
    for (old, new, clients) in
        [("1.4.0", "2.0.0", "1.x"), ("0.2.7", "0.3.0", "0.2.x"), ("1.0.0-rc.1", "1.0.0", "1.0.0-rc.1")]
    {
        let project = Checked::locked(&cart(old, BODY));
        let checked = project.changed(&cart(new, &other));
        assert_eq!(checked.code, Some(0), "{old}: {}", checked.said);
        let expected = format!(
            "wit/cart.wit:3:11: compatible: cart: {old} was replaced by {new}; clients of {clients} "
        );
        assert!(checked.said.starts_with(&expected), "{}", checked.said);
        assert!(checked.said.ends_with("0 breaking, 0 resolved, 1 compatible\n"), "{}", checked.said);
    }
    for (old, new) in [("1.4.0", "1.5.0"), ("0.2.7", "0.2.8"), ("1.4.0", "1.4.0"), ("1.4.0", "1.5.0-rc.1")] {
        let project = Checked::locked(&cart(old, BODY));
        assert_eq!(project.changed(&cart(new, &other)).code, Some(5), "{old} to {new}");
    }
}

#[test]
fn a_major_version_beside_the_older_one_is_new() {
    let project = Checked::locked(&cart("1.4.0", BODY));
    project.write("wit/next.wit", "package shop:cart@2.0.0 { interface cart { put: func(); } }");
    let checked = project.check(&[]);
    assert_eq!(checked.code, Some(0), "{}", checked.failed);
    let expected = "wit/next.wit:1:37: compatible: cart: 2.0.0 is new; known is 1.4.0\n";
    assert!(checked.said.starts_with(expected), "{}", checked.said);
}

#[test]
fn a_version_that_was_not_raised_is_a_warning_and_one_that_went_backwards_an_error() {
    let project = Checked::locked(&cart("1.4.0", BODY));
    let wider = BODY.replace("qty: u32", "qty: u64");
    let checked = project.changed(&cart("1.4.0", &wider));
    assert_eq!(checked.code, Some(0), "{}", checked.failed);
    let expected = "wit/cart.wit:3:11: warning: cart: it has changed, and its version 1.4.0 has not\n  raise the version to at least 1.5.0\n";
    assert!(checked.said.contains(expected), "{}", checked.said);
    assert!(checked.said.ends_with("0 breaking, 1 resolved, 0 compatible, 1 warning\n"), "{}", checked.said);

    let back = project.changed(&cart("1.3.0", BODY));
    assert_eq!(back.code, Some(5));
    let expected = "breaking: cart: the version went backwards: 1.4.0 is known, and this is 1.3.0\n  raise the version to at least 1.4.0\n";
    assert!(back.said.contains(expected), "{}", back.said);
}

#[test]
fn a_contract_that_is_gone_is_breaking_and_has_its_place_in_the_lock_file() {
    let project = Checked::locked(&format!("{}interface till {{ pay: func(); }}\n", cart("1.4.0", BODY)));
    let gone = project.changed(&cart("1.4.0", BODY));
    assert_eq!(gone.code, Some(5));
    assert!(
        gone.said.starts_with("wit/contracts.lock:15:13: breaking: till: 1.4.0 is gone\n  bring it back"),
        "{}",
        gone.said
    );
    let replaced = project.changed(&cart("2.0.0", BODY));
    assert_eq!(replaced.code, Some(0), "{}", replaced.said);
    assert!(
        replaced.said.contains("compatible: till: it is gone since 2.0.0 of its package; clients of 1.x ")
    );
    let nothing = project.changed("package shop:cart@1.4.0;\ninterface types { type sku = string; }\n");
    assert_eq!(nothing.code, Some(5), "{}", nothing.failed);
    assert!(nothing.said.ends_with("2 breaking, 0 resolved, 0 compatible\n"), "{}", nothing.said);
    let refused = project.check(&["--write", "--force"]);
    assert!(refused.failed.contains("there is nothing to write"), "{}", refused.failed);
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
    let expected = "wit/contracts.lock:6:13: wit/contracts.lock is of another project: it has contracts of `shop:cart`, and this project of `bank:bank`";
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
fn other_folders_and_files_are_compared_with() {
    let old = Checked::locked(&cart("1.4.0", BODY));
    let new = Checked::new(&cart("1.5.0", &BODY.replace("qty: u32", "qty: u64")));
    for path in ["", "wit", "wit/cart.wit", "wit/contracts.lock"] {
        let path = old.path(path);
        let checked = new.check(&["--against", path.to_str().expect("a path")]);
        assert_eq!(checked.code, Some(0), "{}", checked.failed);
        assert!(checked.said.ends_with("0 breaking, 1 resolved, 0 compatible\n"), "{}", checked.said);
    }
    let empty = tempfile::tempdir().expect("a folder");
    for (path, message) in
        [(empty.path().to_path_buf(), "there is no WIT in"), (old.path("nothing"), "cannot read")]
    {
        let failed = new.check(&["--against", path.to_str().expect("a path")]);
        assert_eq!(failed.code, Some(1));
        assert!(failed.failed.contains(message), "{}", failed.failed);
    }
}

#[test]
fn a_component_is_compared_with_by_the_contracts_of_this_project_in_it() {
    let contract =
        |text: &str, id: &str| Wit::parse("x.wit", text).and_then(|wit| wit.contract(id)).expect("WIT");
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    section::append(
        &mut component,
        &section::record(Role::Uses, &contract(&cart("1.4.0", BODY), "shop:cart/cart")),
    );
    let foreign = contract("package bank:bank@1.0.0; interface bank { ask: func(); }", "bank:bank/bank");
    section::append(&mut component, &section::record(Role::Implements, &foreign));
    let project = Checked::new(&cart("1.5.0", &BODY.replace("qty: u32", "qty: string")));
    project.write("wit/till.wit", "interface till { pay: func(); }");
    fs::write(project.path("cart.wasm"), component).expect("it can be written");
    let path = project.path("cart.wasm");
    let checked = project.check(&["--against", path.to_str().expect("a path")]);
    assert_eq!(checked.code, Some(5), "{}", checked.failed);
    assert!(checked.said.ends_with("1 breaking, 0 resolved, 0 compatible\n"), "{}", checked.said);
    let other = Checked::new("package other:other; interface other { f: func(); }");
    let failed = other.check(&["--against", path.to_str().expect("a path")]);
    assert_eq!(failed.code, Some(1));
    assert!(
        failed.failed.contains("is of another project: it has contracts of `bank:bank`, `shop:cart`"),
        "{}",
        failed.failed
    );
}

#[test]
fn a_revision_of_git_is_compared_with() {
    let repository = Checked::new("");
    let git = |arguments: &[&str]| {
        let own = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
        let mut command = Command::new("git");
        command.arg("-C").arg(repository.folder.path()).args(own).args(arguments);
        let output = command.output().expect("git runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let inner = repository.path("inner");
    let in_inner = |arguments: &[&str]| check(&inner, arguments);
    repository.write("inner/rusm.toml", "");
    repository.write("inner/wit/cart.wit", &cart("1.4.0", BODY));
    let failed = in_inner(&["--against", "git:HEAD"]);
    assert_eq!(failed.code, Some(1));
    assert!(failed.failed.contains("not a git repository"), "{}", failed.failed);

    fs::remove_dir_all(repository.path("wit")).expect("a folder");
    git(&["init", "--quiet"]);
    git(&["commit", "--quiet", "--allow-empty", "--message", "empty"]);
    git(&["tag", "empty"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "first"]);
    git(&["tag", "v1.4.0"]);
    let same = in_inner(&["--against", "git:v1.4.0"]);
    assert_eq!(
        (same.code, &*same.said),
        (Some(0), "0 breaking, 0 resolved, 0 compatible\n"),
        "{}",
        same.failed
    );
    repository.write(
        "inner/wit/cart.wit",
        &cart("1.5.0", "").replace("interface cart {", "interface till {\npay: func();\n"),
    );
    let gone = in_inner(&["--against", "git:v1.4.0"]);
    assert_eq!(gone.code, Some(5));
    assert!(
        gone.said.starts_with("v1.4.0:wit/cart.wit:3:11: breaking: cart: 1.4.0 is gone\n"),
        "{}",
        gone.said
    );
    for (revision, message) in [
        ("empty", "there is no .wit file"),
        ("nothing", "revision `nothing`"),
        ("--help", "revision `--help`"),
    ] {
        let failed = in_inner(&["--against", &format!("git:{revision}")]);
        assert_eq!(failed.code, Some(1), "{}", failed.said);
        assert!(failed.failed.contains(message), "{}", failed.failed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_node_is_compared_with() {
    let project = Checked::new("");
    let tested = folder().join("wit");
    let wit = fs::read_to_string(tested.join("test.wit")).expect("the test project's contracts");
    std::os::unix::fs::symlink(tested.join("deps"), project.path("wit/deps")).expect("a link");
    let against_node = |wit: &str| {
        project.write("wit/cart.wit", wit);
        project.check(&["--against", "node"])
    };
    let mut node = TestNode::boot().await;
    node.listen_for(project.folder.path());
    let same = against_node(&wit);
    assert_eq!(
        (same.code, &*same.said),
        (Some(0), "0 breaking, 0 resolved, 0 compatible\n"),
        "{}",
        same.failed
    );
    let other = against_node(&wit.replacen("clear: func();", "clear: func(how: string);", 1));
    assert_eq!(other.code, Some(5), "{}", other.failed);
    let expected =
        ": breaking: probe.clear: how: only the new version has this parameter, `string` (running in ";
    assert!(other.said.contains(expected) && other.said.contains("`probe-rust`"), "{}", other.said);
    node.stop().await;
    let ended = against_node(&wit);
    assert_eq!(ended.code, Some(3), "{}", ended.failed);
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
    let found =
        Project::find(project.folder.path()).expect("a project").check(&Against::Lock).expect("a report");
    assert_eq!(found.breaking, 1);
    project.write("wit/contracts.lock", "package");
    assert!(warnings()[0].contains("wit/contracts.lock:1:8"), "{:?}", warnings());
}
