//! The command line as its users run it: a new project of each language from nothing to a running node.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const RUSM: &str = env!("CARGO_BIN_EXE_rusm");

/// A new project in an empty folder of this name.
fn new(name: &str, language: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("it is a former test's");
    }
    let made = rusm(&folder, &["new", folder.to_str().expect("a path"), "--lang", language], "");
    assert!(made.status.success(), "{}", text(&made.stderr));
    folder
}

fn rusm(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(RUSM);
    command.args(["--project", folder.to_str().expect("a path")]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A node that runs until the test is done with it. Nobody reads on when it has printed that it is up.
struct Running {
    child: Child,
    printed: Vec<String>,
}

impl Running {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(RUSM);
        command.args(["--project", folder.to_str().expect("a path"), "run"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut printed = Vec::new();
        // The name of its one service comes last.
        while let Some(Ok(line)) = lines.next() {
            let last = line.starts_with("  ");
            printed.push(line);
            if last {
                break;
            }
        }
        Self { child, printed }
    }

    /// Asks it to stop, and answers whether it did so in good order, and what it logged.
    fn stop(mut self) -> (bool, String) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there");
        assert!(asked.success());
        let mut logged = String::new();
        self.child.stderr.take().expect("its log").read_to_string(&mut logged).expect("text");
        (self.child.wait().expect("it ends").success(), logged)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only a test that failed leaves it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn a_new_project_runs_and_answers(language: &str) {
    let name = format!("new-{language}");
    let folder = new(&name, language);
    let again = rusm(&folder, &["new", folder.to_str().expect("a path")], "");
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("is not empty"), "{}", text(&again.stderr));
    let early = rusm(&folder, &["call", &name, "greet(\"x\")"], "");
    assert_eq!(early.status.code(), Some(3), "no node runs: {}", text(&early.stderr));

    let node = Running::start(&folder);
    assert!(node.printed.iter().any(|line| line.contains("The node is up")), "{:?}", node.printed);
    let call = |call: &str, input: &str| {
        let output = rusm(&folder, &["call", &name, call], input);
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let greeted = call("greet(\"world\")", "");
    assert_eq!((greeted.0, greeted.1.as_str()), (Some(0), "\"Hello, world!\"\n"), "{}", greeted.2);
    assert_eq!(call("ban(\"Bob\")", "").0, Some(0));
    let banned = call("greet(\"Bob\")", "");
    assert_eq!(banned.0, Some(4));
    assert!(banned.2.contains("banned(\"Bob\")"), "{}", banned.2);
    assert_eq!(call("greet-all()", "\"Ann\"\n\"Bob\"\n\"Cid\"\n").1, "2\n");
    assert_eq!(call("greeted()", "").1, "\"world\"\n\"Ann\"\n\"Cid\"\n");
    let unknown = call("great(\"world\")", "");
    assert_eq!(unknown.0, Some(1));
    assert!(unknown.2.contains("did you mean `greet`?"), "{}", unknown.2);
    let unsuitable = call("greet(7)", "");
    assert_eq!(unsuitable.0, Some(1));

    what_it_does_can_be_seen(&folder, &name);
    a_second_node_is_refused(&folder);
    let elsewhere = Command::new(RUSM)
        .args(["--project", folder.to_str().expect("a path"), "call", &name, "greet(\"x\")"])
        .env("XDG_RUNTIME_DIR", "/nonexistent")
        .output();
    assert!(elsewhere.expect("it runs").status.success(), "the node is found wherever it is asked from");
    let (in_good_order, logged) = node.stop();
    assert!(in_good_order, "{logged}");
    assert!(logged.contains("Hello, world!"), "what it logs: {logged}");
    assert_eq!(call("greet(\"x\")", "").0, Some(3));
}

fn a_second_node_is_refused(folder: &Path) {
    let second = rusm(folder, &["run"], "");
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("is running already"), "{}", text(&second.stderr));
    assert_eq!(text(&second.stdout), "", "nothing was started");
    assert!(!text(&second.stderr).contains("INFO"), "nothing was started");
}

fn what_it_does_can_be_seen(folder: &Path, name: &str) {
    let shown = |arguments: &[&str]| {
        let output = rusm(folder, arguments, "");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let ps = shown(&["ps"]);
    let row = ps.lines().find(|line| line.trim_start().starts_with(name)).expect("the service is listed");
    assert!(row.contains("waiting") && row.contains("of 16.0 MiB"), "{ps}");
    assert!(row.starts_with("  "), "it is below its supervisor: {ps}");
    assert!(ps.contains("epoch lag") && ps.contains("pools: sync"), "{ps}");
    let pid = row.split_whitespace().nth(1).expect("its pid");
    for process in [name, pid] {
        let info = shown(&["info", process]);
        for part in
            ["instances     1 of 1 started", "crashes       0", "traps exits   no", "handling      p50"]
        {
            assert!(info.contains(part), "{part}: {info}");
        }
    }
    let top = shown(&["top", "--count", "2", "--interval", "20ms", "--sort", "memory"]);
    assert_eq!(top.matches("CPU %").count(), 2, "{top}");
    assert!(top.contains(name), "{top}");
    let caps = shown(&["caps", name]);
    for (name, value) in
        [("GRANT", "GIVEN"), ("env", "-"), ("memory", "16.0 MiB"), ("clocks, random", "real")]
    {
        let row = caps.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        assert!(row.ends_with(value), "{name}: {caps}");
    }
    let unknown = rusm(folder, &["info", "nobody"], "");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("nobody has the name `nobody`"), "{}", text(&unknown.stderr));
    let unknown = rusm(folder, &["caps", "nothing"], "");
    assert!(text(&unknown.stderr).contains("there is no component `nothing`"), "{}", text(&unknown.stderr));
}

#[test]
fn a_new_rust_project_runs_and_answers() {
    a_new_project_runs_and_answers("rust");
}

#[test]
fn a_new_typescript_project_runs_and_answers() {
    a_new_project_runs_and_answers("ts");
}

#[test]
fn a_typescript_service_is_checked_against_its_contract() {
    let folder = new("checked", "ts");
    let main = folder.join("src/main.ts");
    let whole = fs::read_to_string(&main).expect("the template's service");
    let built = rusm(&folder, &["build"], "");
    assert!(built.status.success(), "{}", text(&built.stderr));

    let mistakes = [
        ("  greeted() {\n    return [...greeted];\n  },\n", "", "Property 'greeted' is missing"),
        ("return greeting;", "return 7;", "Type 'number' is not assignable to type"),
        (
            "{ tag: \"nameless\" }",
            "{ tag: \"shameless\" }",
            "Type '{ tag: \"shameless\"; }' is not assignable to type 'Refusal'",
        ),
        ("words = given;", "words = given + untold;", "Cannot find name 'untold'"),
        ("greeted.push(name);", "fetch(name);", "Cannot find name 'fetch'"),
    ];
    for (right, wrong, message) in mistakes {
        assert!(whole.contains(right), "the template has changed: {right}");
        fs::write(&main, whole.replace(right, wrong)).expect("it can be written");
        let failed = rusm(&folder, &["build"], "");
        let said = text(&failed.stderr) + &text(&failed.stdout);
        assert_eq!(failed.status.code(), Some(1), "{wrong}: {said}");
        assert!(said.contains(message) && said.contains("main.ts("), "{wrong}: {said}");
    }
}

#[test]
fn what_cannot_be_called_while_a_component_is_built_is_said_with_its_place() {
    let folder = new("early", "ts");
    let main = folder.join("src/main.ts");
    let whole = fs::read_to_string(&main).expect("the template's service");
    let line = whole.lines().count() + 1;
    for (early, place, said) in [
        ("console.log(\"early\");", 9, "the host's `log` (rusm:actor/logging@0.1.0) cannot be called"),
        ("setTimeout(() => {}, 10);", 1, "the host's `sleep`"),
        ("export const id = crypto.randomUUID();", 26, "the host's `randomBytes`"),
        ("export const at = new URL(\"https://a.example\");", 19, "the host's `parse`"),
        ("void (async () => { await 1; console.log(1); })();", 38, "the host's `log`"),
    ] {
        fs::write(&main, format!("{whole}{early}\n")).expect("it can be written");
        let failed = rusm(&folder, &["build"], "");
        let error = text(&failed.stderr);
        assert_eq!(failed.status.code(), Some(1), "{early}: {error}");
        let expected = format!("src/main.ts:{line}:{place}: {said}");
        assert!(error.contains(&expected), "{early}: {error}\n  expected {expected}");
        assert!(!error.contains("data:"), "{error}");
    }
    fs::write(&main, format!("{whole}if (\"fetch\" in globalThis) throw new Error(\"own\");\n"))
        .expect("a file");
    let built = rusm(&folder, &["build"], "");
    assert!(built.status.success(), "{}", text(&built.stderr));
}

#[test]
fn what_a_component_is_made_of_is_built_again_when_it_changes() {
    let folder = new("shared", "ts");
    let main = folder.join("src/main.ts");
    let whole = fs::read_to_string(&main).expect("the template's service");
    fs::create_dir(folder.join("common")).expect("a folder");
    let shared = folder.join("common/shared.ts");
    fs::write(&shared, "export const mark = \"first\";\n").expect("a file");
    let import = "import { mark } from \"../common/shared.ts\";\nconsole.debug.name === mark;\n";
    fs::write(&main, format!("{import}{whole}")).expect("it can be written");
    let artifact = folder.join(".rusm/build/shared.wasm");
    let build = || {
        let built = rusm(&folder, &["build"], "");
        assert!(built.status.success(), "{}{}", text(&built.stderr), text(&built.stdout));
        let has = |word: &str| {
            let component = fs::read(&artifact).expect("the component");
            component.windows(word.len()).any(|bytes| bytes == word.as_bytes())
        };
        (text(&built.stderr).contains("componentize"), has("\"first\""), has("\"second\""))
    };
    assert_eq!(build(), (true, true, false));
    assert_eq!(build(), (false, true, false), "nothing has changed");
    fs::write(&shared, "export const mark = \"second\";\n").expect("a file");
    assert_eq!(build(), (true, false, true));
}

#[test]
fn generated_modules_follow_the_wit_folder() {
    let folder = new("follows", "ts");
    let wit = folder.join("wit");
    let own = fs::read_dir(&wit).expect("a folder").flatten().next().expect("the template's contract").path();
    let whole = fs::read_to_string(&own).expect("the template's contract");
    let dependency = |name: &str, text: &str| {
        fs::create_dir_all(wit.join("deps").join(name)).expect("a folder");
        fs::write(wit.join("deps").join(name).join("x.wit"), text).expect("a file");
    };
    dependency("io", "package wasi:io@0.2.0; interface streams { resource s { read: func() -> list<u8>; } }");
    dependency("old", "package demo:shop@1.0.0; interface cart { add: func(); }");
    dependency("new", "package demo:shop@2.0.0; interface cart { add: func(); put: func(); }");
    fs::create_dir_all(wit.join("deps/empty")).expect("a folder");
    fs::write(&own, whole.replacen("interface ", "/**/\ninterface ", 1)).expect("it can be written");
    let generated = rusm(&folder, &["gen"], "");
    let said = text(&generated.stdout);
    assert!(generated.status.success(), "{}", text(&generated.stderr));
    assert!(
        said.contains("note: wasi:io/streams@0.2.0 is no contract") && said.contains("a resource"),
        "{said}"
    );
    let module = |name: &str| folder.join("src/gen").join(name);
    fs::write(module("mine.ts"), "export const mine = 1;\n").expect("a file");
    assert!(module("cart.ts").is_file() && module("cart@2.0.0.ts").is_file());
    let put = |name: &str| fs::read_to_string(module(name)).expect("a module").contains("  put(");
    assert_eq!((put("cart.ts"), put("cart@2.0.0.ts")), (false, true));

    // The contract that the service has is gone, and a feature gates a function of the one that is there.
    let gated = whole.replacen(
        "interface greeter {",
        "interface host {\n    @unstable(feature = fast)\n    bulk: func();",
        1,
    );
    assert_ne!(gated, whole, "the template has changed");
    fs::write(&own, gated).expect("it can be written");
    let failed = rusm(&folder, &["build"], "");
    let said = text(&failed.stderr);
    assert_eq!(failed.status.code(), Some(1));
    assert!(said.contains("./gen/greeter.ts"), "{said}");
    assert!(said.contains("`bulk` of") && said.contains("because the feature `fast` gates it"), "{said}");
    assert!(said.contains("note: wasi:io/streams@0.2.0 is no contract"), "{said}");
    assert!(!module("greeter.ts").exists() && module("host.ts").is_file() && module("mine.ts").is_file());
}

#[test]
fn names_of_packages_of_our_own_are_no_names_of_projects() {
    for name in ["rusm", "rusm-rs", "rusm-ts", "rusm-anything"] {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let made = rusm(Path::new("."), &["new", folder.to_str().expect("a path")], "");
        assert_eq!(made.status.code(), Some(1), "{name}");
        assert!(text(&made.stderr).contains("packages of RUSM's own"), "{}", text(&made.stderr));
        assert!(!folder.exists());
    }
}

#[test]
fn a_reader_that_has_left_is_no_panic() {
    let folder = new("left", "ts");
    for arguments in [&["build"][..], &["gen"], &["check"], &["caps", "nothing"], &["doctor"], &["ps"]] {
        let mut command = Command::new(RUSM);
        command.args(["--project", folder.to_str().expect("a path")]).args(arguments).stdin(Stdio::null());
        let (reader, writer) = std::io::pipe().expect("a pipe");
        command.stdout(writer.try_clone().expect("another end")).stderr(writer);
        drop(reader);
        let status = command.status().expect("it starts");
        assert!(status.code().is_some_and(|code| code < 100), "{arguments:?}: {status}");
    }
}

#[test]
fn a_manifest_with_mistakes_is_refused_with_their_place() {
    let folder = new("mistakes", "ts");
    let manifest = folder.join("rusm.toml");
    let whole = fs::read_to_string(&manifest).expect("the template's manifest");
    let built = rusm(&folder, &["build"], "");
    assert!(built.status.success(), "{}", text(&built.stderr));

    let mistakes = [
        ("'(\"Hello\")'", "'(\"Hello\", 1)'", "rusm.toml:"),
        ("'(\"Hello\")'", "'(7)'", "rusm.toml:"),
        ("'(\"Hello\")'", "'(\"\")'", "I need words"),
        ("path = \".\"", "path = \"nowhere\"", "nowhere"),
        ("intensity = 3", "intensty = 3", "did you mean `intensity`?"),
    ];
    for (right, wrong, message) in mistakes {
        assert!(whole.contains(right), "the template has changed: {right}");
        fs::write(&manifest, whole.replace(right, wrong)).expect("it can be written");
        let failed = rusm(&folder, &["run", "--no-build"], "");
        let said = text(&failed.stderr);
        assert_eq!(failed.status.code(), Some(1), "{wrong}: {said}");
        assert!(said.contains(message), "{wrong}: {said}");
    }
}
