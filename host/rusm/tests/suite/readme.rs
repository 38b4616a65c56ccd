//! The README's code is a project of its own, taken out of the text, built and run.

use std::fs;
use std::path::Path;

use rusm::{CallRequest, Node, Project};
use rusm_engine::EngineConfig;
use rusm_setup::Terminal;

const README: &str = include_str!("../../../../README.md");

/// Code blocks of the README that name their file in the first line: `// cart/src/lib.rs`.
fn files() -> Vec<(String, String)> {
    let blocks = README.split("\n```").skip(1).step_by(2);
    let named = blocks.filter_map(|block| {
        let (_, code) = block.split_once('\n')?;
        let first = code.lines().next()?;
        let path = first.strip_prefix("// ").or_else(|| first.strip_prefix("# "))?;
        path.contains('.').then(|| (path.to_owned(), code.to_owned()))
    });
    named.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_code_of_the_readme_builds_and_runs() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    let files = files();
    assert!(files.len() >= 5, "{files:?}");
    for (path, code) in &files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        if fs::read_to_string(&path).is_ok_and(|own| own == *code) {
            continue;
        }
        fs::write(path, code).expect("it can be written");
    }
    // What the README does not print: the usual manifests of a crate and of a package.
    let crate_of_template = include_str!("../../../../templates/rust/Cargo.toml.in");
    let manifest = crate_of_template.replace("{{name}}", "cart").replace(".rusm/sdk", "../.rusm/sdk");
    fs::write(folder.join("cart/Cargo.toml"), manifest).expect("it can be written");
    let package = include_str!("../../../../templates/ts/package.json").replace("{{name}}", "shop");
    fs::write(folder.join("package.json"), package).expect("it can be written");

    let project = Project::find(&folder).expect("the README's project");
    let built = project.build(&mut Terminal::new()).expect("it builds");
    let config = EngineConfig { sync_processes: 50, async_processes: 20, ..EngineConfig::default() };
    let file = folder.join("rusm.toml");
    let mut node = Node::boot(project.manifest(), &file, &built, config).await.expect("it starts");
    let claim = rusm::Socket::of(&folder).and_then(rusm::Socket::claim);
    node.listen(claim.expect("no other node")).expect("its socket is free");
    let mut lines = Vec::new();
    let request = CallRequest { name: "shop".into(), text: "buy(\"tea\", 2)".into(), deadline_ms: 5000 };
    let called = rusm::call(&folder, request, &b""[..], |line| {
        lines.push(line.to_owned());
        Ok(())
    });
    called.await.expect("the call is answered");
    assert_eq!(lines, ["\"2 in the cart: tea\""]);
    node.stop(std::time::Duration::from_secs(60)).await;
}
