use rusm_engine::Grant;

use super::*;

fn parse(text: &str) -> Result<Manifest, String> {
    Manifest::parse(Path::new("rusm.toml"), text).map_err(|error| error.to_string())
}

fn error(text: &str) -> String {
    parse(text).unwrap_err()
}

const TWO: &str = "[components.cart]\npath = \"cart\"\n[components.stock]\npath = \"stock\"\n";

#[test]
fn a_whole_manifest() {
    let text = format!(
        "{TWO}capabilities = {{ spawn = [\"cart\"], env = [\"HOME\"], memory = \"8MiB\", control = true }}\n\
         [supervisor]\nstrategy = \"rest-for-one\"\nintensity = 3\nperiod = \"10s\"\n\
         [[supervisor.children]]\ncomponent = \"cart\"\ninit = '(\"ann\")'\nrestart = \"transient\"\n\
         [[supervisor.children]]\nsupervisor = \"below\"\n\
         [[supervisors.below.children]]\ncomponent = \"stock\"\nname = \"stock-1\"\nshutdown = \"brutal-kill\"\n"
    );
    let manifest = parse(&text).unwrap();
    let stock = &manifest.components["stock"].profile;
    assert_eq!(stock.limits.memory, 8 << 20);
    assert_eq!(stock.grants, [Grant::Spawn("cart".into()), Grant::Env("HOME".into()), Grant::Control]);
    assert_eq!(manifest.root.strategy, Strategy::RestForOne);
    assert_eq!((manifest.root.intensity, manifest.root.period), (3, Duration::from_secs(10)));
    assert_eq!(manifest.root.children[0].restart, Restart::Transient);
    let What::Supervisor(below) = &manifest.root.children[1].what else { panic!("a supervisor") };
    assert_eq!(below.children[0].shutdown, Shutdown::BrutalKill);
    assert_eq!(manifest.root.children[1].shutdown, Shutdown::Infinity);
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest() {
    let text = error("[components.cart]\npath = \"cart\"\ncapabilitis = {}\n");
    assert!(text.starts_with("rusm.toml:3: unknown field `capabilitis`"), "{text}");
    assert!(text.ends_with("did you mean `capabilities`?"), "{text}");
}

#[test]
fn an_unknown_component_names_the_nearest() {
    let text = error(&format!("{TWO}[[supervisor.children]]\ncomponent = \"carrt\"\n"));
    assert_eq!(text, "rusm.toml:6: there is no component `carrt`; did you mean `cart`?");
}

#[test]
fn supervisors_in_a_circle_are_named() {
    let text = error(
        "[[supervisor.children]]\nsupervisor = \"a\"\n[[supervisors.a.children]]\nsupervisor = \"b\"\n\
         [[supervisors.b.children]]\nsupervisor = \"a\"\n",
    );
    assert_eq!(text, "rusm.toml:6: the supervisors form a cycle: supervisor -> a -> b -> a");
}

#[test]
fn targets_and_engines_are_known() {
    let text = "[components.a]\npath = \"a\"\ntarget = \"wasm32-wasip1\"\n\
                [components.b]\npath = \"b\"\nengine = \"starlingmonkey\"\n[node]\nmemory = \"2GiB\"\n";
    let manifest = parse(text).unwrap();
    assert_eq!(manifest.components["a"].target, Some(GuestTarget::Module));
    assert_eq!(manifest.components["b"].engine, Some(JavaScript::StarlingMonkey));
    assert_eq!(manifest.components["b"].profile.limits.memory, 128 << 20);
    assert_eq!(manifest.memory, Some(2 << 30));
    let text = error("[components.a]\npath = \"a\"\nengine = \"starlingmonky\"\n");
    assert!(text.starts_with("rusm.toml:3: ") && text.ends_with("did you mean `starlingmonkey`?"), "{text}");
    let text = error("[components.a]\npath = \"a\"\ntarget = \"wasm32-wasi\"\n");
    assert!(text.starts_with("rusm.toml:3: ") && text.contains("wasm32-wasip1"), "{text}");
    assert!(error("[node]\nmemory = \"much\"\n").starts_with("rusm.toml:2: "));
}

#[test]
fn bad_values_say_what_is_expected() {
    assert!(
        error("[components.a]\npath = \"a\"\ncapabilities = { memory = \"8 potatoes\" }").contains("64MiB")
    );
    assert!(error("[node]\nmemory = \"64\"").contains("64MiB"));
    assert!(error("[supervisor]\nperiod = \"soon\"").starts_with("rusm.toml:2: `soon` is no duration"));
    let child = format!("{TWO}[[supervisor.children]]\ncomponent = \"cart\"\n");
    assert!(error(&format!("{child}restart = \"permanant\"")).contains("did you mean `permanent`?"));
    assert!(error(&format!("{child}shutdown = \"never\"")).contains("\"infinity\""));
    assert!(error("[supervisor]\nstrategy = \"one-for-al\"").contains("one-for-one"));
    assert!(
        error("[[supervisor.children]]\nname = \"x\"\n").contains("either a `component` or a `supervisor`")
    );
}

#[test]
fn two_children_of_one_name_are_an_error() {
    let child = "[[supervisor.children]]\ncomponent = \"cart\"\n";
    let text = error(&format!("{TWO}{child}{child}"));
    assert_eq!(text, "rusm.toml:7: the name `cart` is that of the child in line 5; give one a `name`");
}

#[test]
fn a_name_is_of_one_child_whatever_it_is() {
    let below = "[supervisors.low]\n[supervisors.cart]\n";
    let child = |what: &str| format!("[[supervisor.children]]\nsupervisor = \"{what}\"\n");
    let twice = error(&format!("{TWO}{}{}{below}", child("low"), child("low")));
    assert!(twice.starts_with("rusm.toml:7: the name `low` is that of the child in line 5"), "{twice}");
    let component = "[[supervisor.children]]\ncomponent = \"cart\"\n";
    let both = error(&format!("{TWO}{component}{}{below}", child("cart")));
    assert!(both.starts_with("rusm.toml:7: the name `cart` is that of the child in line 5"), "{both}");
}

#[test]
fn broken_toml_names_its_line() {
    assert!(error("[components\n").starts_with("rusm.toml:1: "));
}

/// A manifest in a folder with the folders `data` and `cache`.
fn parse_beside_folders(text: &str) -> Result<Manifest, String> {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["data", "cache"] {
        std::fs::create_dir(folder.path().join(name)).expect("it can be made");
    }
    std::fs::write(folder.path().join("file"), "").expect("it can be made");
    let file = folder.path().join("rusm.toml");
    let base = folder.path().display().to_string() + "/";
    Manifest::parse(&file, text).map_err(|error| error.to_string().replace(&base, ""))
}

const PROFILES: &str = "[profiles.base]\nspawn = [\"cart\", \"stock\"]\nwrite = [\"data\", \"cache=/tmp\"]\n\
     connect = [\"example.org:443\"]\nmemory = \"8MiB\"\ncpu = \"50%\"\n";

#[test]
fn a_profile_is_inherited_and_narrowed() {
    let text = format!(
        "{PROFILES}[components.a]\npath = \"a\"\ncapabilities = {{ profile = \"base\", spawn = [\"cart\"], read = [\"data\"], \
         write = [], cpu = \"20%\" }}\n[components.b]\npath = \"b\"\ncapabilities = {{ profile = \"base\" }}\n"
    );
    let manifest = parse_beside_folders(&text).unwrap();
    let profile = |name: &str| &manifest.components[name].profile;
    let grants = |name: &str| profile(name).grants.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(grants("a"), ["connect:example.org:443", "spawn:cart", "read:/data"]);
    assert_eq!(profile("a").limits.cpu, Some(20));
    assert_eq!(
        grants("b"),
        ["spawn:cart", "spawn:stock", "write:/data", "write:/tmp", "connect:example.org:443"]
    );
    assert_eq!((profile("b").limits.memory, profile("b").limits.cpu), (8 << 20, Some(50)));
    let folders: Vec<_> = profile("b").folders.iter().map(|folder| folder.guest.as_str()).collect();
    assert_eq!(folders, ["/data", "/tmp"]);
}

#[test]
fn what_is_wider_than_the_profile_is_an_error_with_its_line() {
    let with = |capabilities: &str| {
        let text = format!(
            "{PROFILES}[components.a]\npath = \"a\"\n[components.a.capabilities]\nprofile = \"base\"\n{capabilities}\n"
        );
        parse_beside_folders(&text).unwrap_err()
    };
    let wider = "is wider than the profile that this one inherits";
    assert_eq!(with("spawn = [\"cart\", \"x\"]"), format!("rusm.toml:11: `spawn:x` {wider}"));
    assert_eq!(with("control = true"), format!("rusm.toml:11: `control` {wider}"));
    assert_eq!(with("connect = [\"*:443\"]"), format!("rusm.toml:11: `connect:*:443` {wider}"));
    assert_eq!(
        with("memory = \"9MiB\""),
        "rusm.toml:11: 9437184 is more than the 8388608 of the profile that this one inherits"
    );
    assert_eq!(
        with("cpu = \"60%\""),
        "rusm.toml:11: 60 is more than the 50 of the profile that this one inherits"
    );
}

#[test]
fn mistakes_in_capabilities_name_their_line() {
    let with = |capabilities: &str| {
        let text = format!("[components.a]\npath = \"a\"\n[components.a.capabilities]\n{capabilities}\n");
        parse_beside_folders(&text).unwrap_err()
    };
    assert_eq!(with("profile = \"bass\""), "rusm.toml:4: there is no profile `bass`");
    assert!(with("spwan = []").contains("did you mean `spawn`?"));
    assert_eq!(with("read = [\"nowhere\"]"), "rusm.toml:4: the folder `nowhere` does not exist");
    assert_eq!(with("read = [\"file\"]"), "rusm.toml:4: the folder `file` is no folder");
    assert_eq!(with("read = [\"data=tmp\"]"), "rusm.toml:4: `tmp` is no path of a guest: it begins with `/`");
    assert!(with("read = [\"data=/x\", \"cache=/x\"]").starts_with("rusm.toml:4: `/x` is data already"));
    assert!(
        with("connect = [\"example.org\"]").starts_with("rusm.toml:4: `example.org` is no host and port")
    );
    assert!(with("cpu = \"half\"").starts_with("rusm.toml:4: `half` is no share"));
    assert!(with("seed = -1").starts_with("rusm.toml:4:"));
    let circle = "[profiles.a]\nprofile = \"b\"\n[profiles.b]\nprofile = \"a\"\n";
    assert_eq!(
        parse_beside_folders(circle).unwrap_err(),
        "rusm.toml:4: the profiles form a cycle: a -> b -> a"
    );
}

#[test]
fn a_name_that_does_not_show_as_what_it_is_names_its_line() {
    let component = "[components.a]\npath = \"a\"\n";
    let child =
        |name: &str| format!("{component}[[supervisor.children]]\ncomponent = \"a\"\nname = \"{name}\"\n");
    let long = "x".repeat(300);
    for name in ["", "a\\nb", "a\\u001b[2J", "a\\u202Eb", &long] {
        let error = parse_beside_folders(&child(name)).unwrap_err();
        assert!(error.starts_with("rusm.toml:3: ") && error.contains("a name has "), "{error}");
    }
    let supervisor = format!(
        "{component}[[supervisor.children]]\nsupervisor = \"a\\u202Eb\"\n[supervisors.\"a\\u202Eb\"]\n"
    );
    let error = parse_beside_folders(&supervisor).unwrap_err();
    assert!(error.starts_with("rusm.toml:4: ") && error.contains("U+202E"), "{error}");
    let long = format!("[components.{long}]\npath = \"a\"\n");
    assert!(parse_beside_folders(&long).unwrap_err().contains("a name has 1 to 255 bytes, not 300"));
}
