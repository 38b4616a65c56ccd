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
    assert_eq!(stock.memory, 8 << 20);
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
fn bad_values_say_what_is_expected() {
    assert!(error("[components.a]\npath = \"a\"\ncapabilities = { memory = \"8 MB\" }").contains("64MiB"));
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
fn broken_toml_names_its_line() {
    assert!(error("[components\n").starts_with("rusm.toml:1: "));
}
