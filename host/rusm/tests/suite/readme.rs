//! The code of the README, and that of a page of the docs, is a project of its own, taken out of the text, built and run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusm::{Built, CallRequest, Node, Project};
use rusm_engine::EngineConfig;
use rusm_setup::Terminal;

const README: &str = include_str!("../../../../README.md");
const CONTRACTS: &str = include_str!("../../../../docs/contracts.md");

/// Code blocks of a page that name their file in the first line: `// cart/src/lib.rs`. Several of one file are parts of it.
fn files(page: &str) -> BTreeMap<String, String> {
    let blocks = page.split("\n```").skip(1).step_by(2);
    let named = blocks.filter_map(|block| {
        let (_, code) = block.split_once('\n')?;
        let first = code.lines().next()?;
        let path = first.strip_prefix("// ").or_else(|| first.strip_prefix("# "))?;
        path.contains('.').then(|| (path.to_owned(), code.to_owned()))
    });
    let mut files = BTreeMap::new();
    for (path, code) in named {
        *files.entry(path).or_insert_with(String::new) += &code;
    }
    files
}

/// Writes a file unless it has this text already, so that what was built from it stands.
fn write_changed(path: &Path, text: &str) {
    if !fs::read_to_string(path).is_ok_and(|own| own == text) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        fs::write(path, text).expect("it can be written");
    }
}

/// The project of a page, built: its crates in the folders of these names, and its package beside the manifest.
fn project(name: &str, page: &str, crates: &[&str]) -> (PathBuf, Project, Vec<Built>) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let files = files(page);
    assert!(files.len() >= 4, "{files:?}");
    for (path, code) in &files {
        write_changed(&folder.join(path), code);
    }
    // What the page does not print: the usual manifests of a crate and of a package. What the crates share is built once.
    let crate_of_template = include_str!("../../../../templates/rust/Cargo.toml.in");
    for name in crates {
        let manifest = crate_of_template.replace("{{name}}", name).replace(".rusm/sdk", "../.rusm/sdk");
        write_changed(&folder.join(name).join("Cargo.toml"), &manifest);
    }
    write_changed(&folder.join(".cargo/config.toml"), "[build]\ntarget-dir = \"target\"\n");
    let package = include_str!("../../../../templates/ts/package.json").replace("{{name}}", name);
    write_changed(&folder.join("package.json"), &package);
    let types = r#"{ "extends": "rusm-ts/tsconfig.base.json" }"#;
    write_changed(&folder.join("tsconfig.json"), types);
    let project = Project::find(&folder).expect("the page's project");
    let built = project.build(&mut Terminal::new()).expect("it builds");
    (folder, project, built)
}

/// Calls the services of the project in `folder`, which run: what each call writes.
async fn called(folder: &Path, calls: &[(&str, &str)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, text) in calls {
        let request = CallRequest { name: (*name).into(), text: (*text).into(), deadline_ms: 60_000 };
        let called = rusm::call(folder, request, &b""[..], |line| {
            lines.push(line.to_string());
            Ok(())
        });
        called.await.expect(text);
    }
    lines
}

async fn run(folder: &Path, project: &Project, built: &[Built]) -> Node {
    let config = EngineConfig { sync_processes: 50, async_processes: 20, ..EngineConfig::default() };
    let file = folder.join("rusm.toml");
    let mut node = Node::boot(project.manifest(), &file, built, config).await.expect("it starts");
    let claim = rusm::Socket::of(folder).and_then(rusm::Socket::claim);
    node.listen(claim.expect("no other node")).expect("its socket is free");
    node
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_code_of_the_readme_builds_and_runs() {
    let (folder, project, built) = project("readme", README, &["cart"]);
    let node = run(&folder, &project, &built).await;
    assert_eq!(called(&folder, &[("shop", "buy(\"tea\", 2)")]).await, ["\"2 in the cart: tea\""]);
    node.stop(Duration::from_secs(60)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_code_of_the_page_on_contracts_builds_and_runs() {
    let (folder, project, built) =
        project("contracts", CONTRACTS, &["member", "listener", "gallery", "minutes"]);
    let node = run(&folder, &project, &built).await;
    for name in ["ann", "bob"] {
        let calls = ["member.last()", "tell(\"tea?\")", "member.last()", "size()", "health.last()"];
        let said = called(&folder, &calls.map(|text| (name, text))).await;
        assert_eq!(said, [&format!("\"{name}: nothing\""), "\"tea?\"", "1", "4"]);
    }
    // The room answers the second one after it has told what was said before.
    let calls = [
        ("eve", "enter(\"kitchen\")"),
        ("kitchen", "say(\"tea!\")"),
        ("eve", "enter(\"kitchen\")"),
        ("eve", "heard()"),
    ];
    assert_eq!(called(&folder, &calls).await, ["1", "1", "[\"tea!\"]"]);
    assert_eq!(called(&folder, &[("gallery", "add(\"cat.png\")")]).await, ["[25, 50, 75, 100]"]);
    let written = called(&folder, &[("clerk", "write(\"Monday\", [\"hello\", \"bye\"])")]).await;
    assert_eq!(written, ["[\"Monday: hello\", \"- bye\"]"]);
    node.stop(Duration::from_secs(60)).await;
}
