//! What a project's contracts are compared with instead of the lock file.

use std::fs;
use std::process::Command;

use rusm_codegen::Wit;
use rusm_codegen::section::{self, Role};

use super::{BODY, Checked, cart, check};
use crate::support::{TestNode, folder};

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
        failed
            .failed
            .contains("cart.wasm: this is of another project: it has contracts of `bank:bank`, `shop:cart`"),
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
        command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
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
