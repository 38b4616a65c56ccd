//! Contracts from WIT: shapes read from signatures, keys, and mistakes with their place.
#![cfg(feature = "host")]

use rusm_codegen::section::{self, Role};
use rusm_codegen::{Contract, ContractError, Reference, Shape, StreamParam, Streams, Type, Wit};

fn contract(body: &str) -> Result<Contract, ContractError> {
    let text = format!("package shop:cart@1.2.3;\n\ninterface cart {{\n{body}\n}}\n");
    Wit::parse("wit/cart.wit", &text)?.contract("shop:cart/cart")
}

fn function(body: &str) -> rusm_codegen::Function {
    let contract = contract(body).expect("a contract");
    contract.all_functions().next().expect("a function").clone()
}

fn mistake(body: &str) -> String {
    contract(body).expect_err("a mistake").to_string()
}

#[test]
fn the_signature_says_what_a_function_is() {
    assert_eq!(function("f: func();").shape, Shape::Cast);
    assert_eq!(function("f: func() -> u8;").shape, Shape::Call { result: Type::U8 });
    let out = |head: Option<Type>, refusal| Shape::StreamOut { head, item: Type::U8, refusal };
    assert_eq!(function("f: func() -> stream<u8>;").shape, out(None, None));
    let refusal = Some(Some(Type::String));
    assert_eq!(function("f: func() -> result<stream<u8>, string>;").shape, out(None, refusal.clone()));
    let head = Some(Type::U32);
    assert_eq!(function("f: func() -> tuple<u32, stream<u8>>;").shape, out(head.clone(), None));
    let opened = function("f: func() -> result<tuple<u32, stream<u8>>, string>;");
    assert_eq!(opened.shape, out(head, refusal));
    assert_eq!(opened.reply(), Some(Type::Result(Some(Box::new(Type::U32)), Some(Box::new(Type::String)))));
    let fed = function("f: func(a: u8, b: stream<u8>, c: u8) -> bool;");
    assert_eq!(fed.shape, Shape::Call { result: Type::Bool });
    assert_eq!(fed.stream, Some(StreamParam { name: "b".into(), place: 1, item: Type::U8 }));
    let both = function("f: func(lines: stream<string>) -> stream<string>;");
    assert_eq!(both.streams(), Streams { to_callee: true, to_caller: true });
    assert_eq!(both.canonical, "shop:cart/cart@1#f(stream<string>) -> stream<string>");
    assert_eq!(opened.canonical, "shop:cart/cart@1#f() -> result<tuple<u32,stream<u8>>,string>");
    assert_eq!(function("init: func();").shape, Shape::Constructor { refusal: None });
    assert_eq!(function("init: func() -> result;").shape, Shape::Constructor { refusal: Some(None) });
}

#[test]
fn a_key_spells_types_out_and_leaves_names_of_types_out() {
    let add = function("record item { sku: string, qty: u32 } add: func(item: item) -> result<u32, string>;");
    assert_eq!(add.canonical, "shop:cart/cart@1#add(record{sku:string,qty:u32}) -> result<u32,string>");
    // sha256sum of that text begins with these bytes.
    let digest = {
        use std::process::{Command, Stdio};
        let mut sum = Command::new("sha256sum")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("coreutils");
        use std::io::Write as _;
        sum.stdin.take().expect("its input").write_all(add.canonical.as_bytes()).expect("it reads");
        String::from_utf8(sum.wait_with_output().expect("it ends").stdout).expect("hex")
    };
    let bytes: Vec<u8> =
        (0..4).map(|at| u8::from_str_radix(&digest[at * 2..at * 2 + 2], 16).expect("hex")).collect();
    assert_eq!(add.key.to_le_bytes(), bytes[..]);
    let renamed =
        function("record thing { sku: string, qty: u32 } add: func(what: thing) -> result<u32, string>;");
    assert_eq!(renamed.key, add.key);
    let changed =
        function("record item { sku: string, qty: u64 } add: func(item: item) -> result<u32, string>;");
    assert_ne!(changed.key, add.key);
}

#[test]
fn a_key_has_what_compatible_versions_share() {
    let key = |version: &str| {
        let text = format!("package a:b{version}; interface c {{ get: func(key: string) -> u32; }}");
        Wit::parse("c.wit", &text).and_then(|wit| wit.contract("a:b/c")).expect(version).functions[0].key
    };
    for (one, other) in [("@1.0.0", "@1.4.2"), ("@0.2.0", "@0.2.9"), ("@2.0.0", "@2.0.0+build")] {
        assert_eq!(key(one), key(other), "{one} {other}");
    }
    let apart =
        ["", "@0.0.1", "@0.0.2", "@0.1.0", "@0.2.0", "@1.0.0-rc.1", "@1.0.0-rc.2", "@1.0.0", "@2.0.0"];
    for (place, one) in apart.iter().enumerate() {
        for other in &apart[place + 1..] {
            assert_ne!(key(one), key(other), "{one} {other}");
        }
    }
}

#[test]
fn what_a_contract_cannot_contain_is_named_with_its_place_and_what_to_use_instead() {
    let cases = [
        ("resource file;\nf: func() -> file;", "wit/cart.wit:5:1: a resource; pass a `pid`"),
        ("f: func() -> future<u8>;", "wit/cart.wit:4:1: a `future`; write the type itself"),
        ("f: func(v: list<stream<u8>>);", "wit/cart.wit:4:9: a stream inside of another type"),
        (
            "f: func(a: stream<u8>, b: stream<u8>) -> u8;",
            "a second stream among the parameters; a call carries one stream in",
        ),
        (
            "f: func() -> tuple<stream<u8>, u32>;",
            "a stream inside of another type; write it as one parameter",
        ),
        ("f: func() -> tuple<u8, u8, stream<u8>>;", "a stream inside of another type"),
        ("f: func(a: tuple<u8, stream<u8>>) -> u8;", "a stream inside of another type"),
        ("f: func(a: stream<u8>);", "a stream into a function without a result; write `-> result`"),
        ("f: async func() -> u8;", "`f` is an `async func`; write `func`"),
        ("init: func() -> u8;", "a constructor answers only whether it accepts"),
        ("init: func(s: stream<u8>) -> result;", "a constructor with a stream"),
        (
            "enum h { a,\nsha-256,\nsha256 }\nf: func() -> h;",
            "wit/cart.wit:6:1: `sha-256` and `sha256` are both `Sha256` in Rust; rename one of them",
        ),
        (
            "record h { ipv-4: u32, ipv4: u32 }\nf: func() -> h;",
            "`ipv-4` and `ipv4` are both `ipv4` in TypeScript",
        ),
        (
            "flags h { sha-256, sha256 }\nf: func() -> h;",
            "`sha-256` and `sha256` are both `sha256` in TypeScript",
        ),
        (
            "get-x-2: func() -> string;\nget-x2: func() -> u32;",
            "`get-x-2` and `get-x2` are both `getX2` in TypeScript",
        ),
        ("f: func(a-1: u8, a1: u8);", "`a-1` and `a1` are both `a1` in TypeScript"),
        ("record a-b { a: u8 }\nrecord A-b { a: u8 }\nf: func(a: a-b, b: A-b);", "are both `AB` in Rust"),
        (
            "f: func(a: tuple<u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8>);",
            "a tuple of more than 12 parts; write a record",
        ),
        ("f: func(v: list<u8, 4>) -> u8;", "a list of fixed length"),
        ("f: func(v: map<string, u8>) -> u8;", "a `map`; write `list<tuple<k, v>>`"),
    ];
    for (body, expected) in cases {
        let text = mistake(body);
        assert!(text.contains(expected), "{body}\n  gave {text}\n  expected {expected}");
        assert!(text.starts_with("wit/cart.wit:"), "{text}");
    }
}

#[test]
fn a_mistake_of_syntax_shows_its_line() {
    let text = mistake("f: func(a: u8 -> u8;");
    assert!(text.contains("wit/cart.wit:4:"), "{text}");
}

#[test]
fn an_unknown_contract_names_the_nearest() {
    let wit = Wit::parse("a.wit", "package shop:cart; interface cart { f: func(); }").expect("it parses");
    let error = wit.contract("shop:cart/carts").expect_err("there is none").to_string();
    assert!(error.ends_with("did you mean `shop:cart/cart`?"), "{error}");
}

#[test]
fn types_of_other_interfaces_come_along_and_pids_are_pids() {
    let text = "package a:b; interface t { record item { of: option<list<u8>> } type alias = item; }
        interface c { use t.{alias}; use rusm:actor/types@0.1.0.{pid}; f: func(v: alias, p: pid) -> result<pid, alias>; }";
    let contract = Wit::parse("a.wit", text).expect("it parses").contract("a:b/c").expect("a contract");
    let f = &contract.functions[0];
    assert_eq!(
        f.canonical,
        "a:b/c#f(record{of:option<list<u8>>},pid) -> result<pid,record{of:option<list<u8>>}>"
    );
}

#[test]
fn an_alias_of_pid_called_ref_stands_for_a_service_of_its_interface() {
    let read = |listener: &str, room: &str| {
        let text = format!(
            "package a:b@1.2.0; interface l {{ use rusm:actor/types@0.1.0.{{pid}}; {listener} }}
            interface room {{ use l.{{ref as listener}}; use rusm:actor/types@0.1.0.{{pid}}; {room} }}"
        );
        let wit = Wit::parse("a.wit", &text).expect("it parses");
        (wit.contract("a:b/l"), wit.contract("a:b/room"))
    };
    let own = "type ref = pid; f: func(who: ref) -> list<ref>;";
    let (listener, room) = read(
        own,
        "record m { who: option<listener>, p: pid } type member = listener; type ref = pid;
        join: func(m: m, who: member) -> result<ref, pid>; all: func() -> stream<listener>;",
    );
    let (listener, room) = (listener.expect("a contract"), room.expect("a contract"));
    let reference = |contract: &str, name: &str| {
        Type::Ref(Reference { contract: format!("a:b/{contract}@1.2.0"), name: name.into() })
    };
    assert_eq!(listener.functions[0].params[0].ty, reference("l", "l"));
    assert_eq!(listener.references(), Vec::<&Reference>::new(), "its own services are of no other contract");
    assert_eq!(room.references(), [&Reference { contract: "a:b/l@1.2.0".into(), name: "l".into() }]);
    assert_eq!(room.functions[0].params[1].ty, reference("l", "l"), "by another name, too");
    let Type::Result(ok, error) = room.functions[0].reply().expect("an answer") else {
        panic!("it is a result")
    };
    assert_eq!((*ok.expect("a value"), *error.expect("an error")), (reference("room", "room"), Type::Pid));
    // On the wire it is a pid, so that a client that says `pid` calls the same function.
    let canonical = "a:b/room@1#join(record{who:option<pid>,p:pid},pid) -> result<pid,pid>";
    assert_eq!(room.functions[0].canonical, canonical);
    assert!(room.wit.contains("join: func(m: m, who: pid) -> result<pid, pid>"), "{}", room.wit);
    // What is no service.
    let text = |read: Result<Contract, ContractError>| read.expect_err("it has a mistake").to_string();
    let (_, room) = read("type ref = pid;", "f: func(who: listener);");
    let why = text(room);
    assert!(
        why.starts_with("a.wit:1:73: `ref` in `l` stands for a service of `l`, which has no functions;"),
        "{why}"
    );
    let (_, room) = read(own, "type ref = listener; f: func(who: ref);");
    let why = text(room);
    assert!(
        why.contains("`ref` in `room` stands for a service of `room`, not of `l`; give the alias"),
        "{why}"
    );
    // A type of one's own may have that name.
    let (listener, _) = read("record ref { of: u8 } f: func(who: ref) -> string;", "f: func(who: listener);");
    assert!(matches!(listener.expect("a contract").functions[0].params[0].ty, Type::Named(_)));
}

#[test]
fn a_component_gives_its_contracts_back_with_the_same_keys() {
    let body = "/// Why not.\nvariant %result { %ok(u8), no }\nrecord r { %type: %result, %from: tuple<u8, %result> }
        init: func(r: r) -> result<_, %result>;
        /// One.\nadd: func(r: r) -> r;\nwatch: func() -> result<stream<r>, string>;\nload: func(a: u8, s: stream<r>) -> result;";
    let contract = contract(body).expect("a contract");
    let mut component = vec![0, b'a', b's', b'm', 0x0d, 0, 1, 0];
    let mut records = section::record(Role::Implements, &contract);
    records.extend(section::record(Role::Uses, &contract));
    section::append(&mut component, &records);
    let read = section::read(&component).expect("it reads back");
    assert_eq!((read.implements.len(), read.uses.len()), (1, 1));
    for (own, back) in contract.all_functions().zip(read.implements[0].all_functions()) {
        assert_eq!((own.key, &own.canonical, &own.docs), (back.key, &back.canonical, &back.docs));
    }
    assert!(contract.missing_from(&read.implements).is_empty());
    // A damaged section is an error, whatever is damaged.
    for end in 1..records.len() {
        let mut damaged = vec![0, b'a', b's', b'm', 0x0d, 0, 1, 0];
        section::append(&mut damaged, &records[..end]);
        let whole = end == section::record(Role::Implements, &contract).len();
        assert_eq!(section::read(&damaged).is_ok(), whole, "cut at {end}");
    }
}

#[test]
fn the_version_that_brought_a_function_goes_into_the_component_and_not_into_its_key() {
    let contract = contract(
        "/// One.\n@since(version = 1.2.0)\nadd: func() -> u8;\n@since(version = 1.1.0-rc.1)\ninit: func();\nget: func();",
    )
    .expect("a contract");
    let since = |contract: &Contract| -> Vec<Option<String>> {
        contract.all_functions().map(|function| function.since.as_ref().map(ToString::to_string)).collect()
    };
    assert_eq!(since(&contract), [Some("1.1.0-rc.1".into()), Some("1.2.0".into()), None]);
    let add = &contract.functions[0];
    assert_eq!((&*add.canonical, &*add.docs), ("shop:cart/cart@1#add() -> u8", "One."));
    let mut component = vec![0, b'a', b's', b'm', 0x0d, 0, 1, 0];
    section::append(&mut component, &section::record(Role::Implements, &contract));
    let read = section::read(&component).expect("it reads back");
    assert_eq!(since(&read.implements[0]), since(&contract));
    assert_eq!(read.implements[0].functions[0], *add);
}

#[test]
fn a_version_says_which_package_is_meant_and_the_projects_own_is_the_first() {
    let folder = project(&[
        ("main.wit", "package demo:shop@2.0.0; interface cart { add: func(sku: string, qty: u32) -> u32; }"),
        ("deps/one/x.wit", "package demo:shop@1.0.0; interface cart { add: func(sku: string) -> u32; }"),
        ("deps/two.wit", "package demo:bank@1.0.0; interface till { pay: func(); }"),
        ("deps/three.wit", "package demo:bank@1.1.0; interface till { pay: func(); }"),
    ]);
    let wit = Wit::load(folder.path()).expect("it reads");
    let params = |id: &str| {
        wit.contract(id).map(|contract| (contract.versioned_id(), contract.functions[0].params.len()))
    };
    assert_eq!(params("demo:shop/cart"), Ok(("demo:shop/cart@2.0.0".into(), 2)));
    assert_eq!(params("demo:shop/cart@2.0.0"), Ok(("demo:shop/cart@2.0.0".into(), 2)));
    assert_eq!(params("demo:shop/cart@1.0.0"), Ok(("demo:shop/cart@1.0.0".into(), 1)));
    for unknown in ["9.9.9", "nonsense", ""] {
        let text = params(&format!("demo:shop/cart@{unknown}")).expect_err("there is none").to_string();
        assert!(
            text.contains("it has demo:shop/cart@2.0.0, demo:shop/cart@1.0.0")
                || text.contains("it has demo:shop/cart@1.0.0, demo:shop/cart@2.0.0"),
            "{text}"
        );
    }
    let text = params("demo:bank/till").expect_err("which of them").to_string();
    assert!(
        text.contains("several versions of `demo:bank/till`")
            && text.contains("@1.0.0, demo:bank/till@1.1.0; write which one"),
        "{text}"
    );
    let ids: Vec<String> = wit.contracts().iter().map(ToString::to_string).collect();
    assert_eq!(
        ids,
        ["demo:shop/cart@2.0.0", "demo:bank/till@1.0.0", "demo:bank/till@1.1.0", "demo:shop/cart@1.0.0"]
    );
}

#[test]
fn every_file_of_a_package_may_begin_with_a_comment() {
    let head = "// Of us all.\n/* And more. */\npackage a:b;\n";
    let files = [
        ("wit/a.wit", format!("{head}/// What it does.\ninterface a {{ // Nothing.\n f: func(); }}\n")),
        ("wit/b.wit", format!("{head}interface b {{ g: func(); }}\n")),
    ];
    let folder = project(&[(files[0].0, &files[0].1), (files[1].0, &files[1].1)]);
    let wit = Wit::load(&folder.path().join("wit")).expect("it is a package");
    let contract = wit.contract("a:b/a").expect("a contract");
    assert_eq!((contract.docs.as_str(), contract.functions[0].docs.as_str()), ("What it does.", ""));
    assert!(wit.contract("a:b/b").is_ok());
}

#[test]
fn folders_of_dependencies_without_wit_are_passed_over_and_named_where_a_package_is_missing() {
    let folder = project(&[
        ("main.wit", "package t:x; interface greeter { ping: func() -> string; }"),
        ("deps/r/README.md", "hi"),
        ("deps/log.wasm", ""),
    ]);
    std::fs::create_dir(folder.path().join("deps/empty")).expect("a folder");
    Wit::load(folder.path()).expect("it reads");
    let folder = project(&[
        ("main.wit", "package t:x; interface greeter { use o:log/log.{level}; ping: func() -> level; }"),
        ("deps/log.wasm", ""),
        ("deps/o/o.wit", "package o:o; interface o { f: func(); }"),
        ("deps/o/deps/log/log.wit", "package o:log; interface log { type level = u8; }"),
    ]);
    let text = Wit::load(folder.path()).expect_err("a package is missing").to_string();
    assert!(
        text.contains("deps/log.wasm was not read") && text.contains("deps/o/deps was not read"),
        "{text}"
    );
    assert!(mistake("f: func(a: float32);").ends_with("`float32` is written `f32` now"));
}

#[test]
fn only_the_contract_that_is_asked_for_is_read_strictly() {
    let text = "package t:x; interface greeter { ping: func() -> string; }
        interface streams { resource input-stream { read: func(len: u64) -> list<u8>; } }
        interface jobs { run: async func() -> string; }
        interface twins { enum h { a-1, a1 } f: func() -> h; }";
    let wit = Wit::parse("a.wit", text).expect("it reads");
    wit.contract("t:x/greeter").expect("a contract");
    for other in ["streams", "jobs", "twins"] {
        wit.contract(&format!("t:x/{other}")).expect_err(other);
    }
}

#[test]
fn aliases_name_types_and_no_name_depends_on_an_order() {
    let text = |functions: &str| {
        format!(
            "package t:c; interface ea {{ enum error-code {{ x, y }} }} interface eb {{ enum error-code {{ x, z }} }}
            interface ec {{ enum error-code {{ x, w }} record pair {{ code: error-code }} enum pid {{ a }} }}
            interface x {{ use ea.{{error-code as a-error}}; use eb.{{error-code}}; use ec.{{pair, pid as own-pid}};
            use rusm:actor/types@0.1.0.{{pid}}; {functions} }}"
        )
    };
    let names = |functions: &str| {
        let contract =
            Wit::parse("a.wit", &text(functions)).and_then(|wit| wit.contract("t:c/x")).expect("a contract");
        let again =
            Wit::parse("b.wit", &contract.wit).and_then(|wit| wit.contract("t:c/x")).expect("its text");
        let keys =
            |contract: &Contract| contract.functions.iter().map(|function| function.key).collect::<Vec<_>>();
        assert_eq!(keys(&again), keys(&contract));
        let mut names: Vec<String> = contract.types.into_iter().map(|def| def.name).collect();
        names.sort();
        names
    };
    let (one, two) = ("f: func(a: a-error, b: error-code) -> own-pid;", "g: func(c: pair) -> pid;");
    assert_eq!(names(&format!("{one} {two}")), ["a-error", "ec-error-code", "error-code", "own-pid", "pair"]);
    assert_eq!(names(&format!("{two} {one}")), names(&format!("{one} {two}")));
    // A function may have the name of a type that comes along.
    let text =
        "package t:c; interface t { record get { a: u8 } record outer { a: get } record rusm-pid { a: u8 } }
        interface x { use t.{outer}; get: func(a: outer); pid: func() -> outer; }";
    let contract = Wit::parse("a.wit", text).and_then(|wit| wit.contract("t:c/x")).expect("a contract");
    Wit::parse("b.wit", &contract.wit).and_then(|wit| wit.contract("t:c/x")).expect(&contract.wit);
}

#[test]
fn what_a_feature_gates_is_left_out_and_named() {
    let contract =
        contract("@unstable(feature = fast)\nbulk: func() -> u32;\n@since(version = 1.0.0)\nping: func();")
            .expect("a contract");
    assert_eq!(contract.functions.len(), 1);
    let gated = &contract.gated[0];
    assert_eq!((&*gated.function, &*gated.feature), ("bulk", "fast"));
    assert!(gated.place.starts_with("wit/cart.wit:5:"), "{}", gated.place);
}

#[test]
fn no_text_ends_whoever_reads_it() {
    function("/**/\nf: func();");
    function("/***/\n/** a */ f: func(/**/);");
    // Twice itself, thirty times over: four lines spell out to gigabytes.
    let mut twice = String::from("record t0 { a: u8 }\n");
    for at in 1..40 {
        twice += &format!("record t{at} {{ a: t{0}, b: t{0} }}\n", at - 1);
    }
    assert!(mistake(&format!("{twice}f: func(a: t39);")).contains("more than 4 MiB when they are spelt out"));
    let list = format!("f: func(a: {}u8{});", "list<".repeat(100_000), ">".repeat(100_000));
    assert!(mistake(&list).contains("nested more than 200 deep"));
    let mut chain = String::from("type t0 = u8;\n");
    for at in 1..20_000 {
        chain += &format!("record t{at} {{ a: t{} }}\n", at - 1);
    }
    assert!(mistake(&format!("{chain}f: func(a: t19999);")).contains("nested more than 200 deep"));
    // Whatever is read first.
    let all: String = (0..20_000).map(|at| format!("f-{at}: func(a: t{at});\n")).collect();
    let text = mistake(&format!("{chain}{all}"));
    assert!(text.contains("nested more than 200 deep"), "{text}");
    let name = "a".repeat(300);
    let text = format!("package a:b; interface {name} {{ f: func(); }}");
    let error = Wit::parse("a.wit", &text)
        .and_then(|wit| wit.contract(&format!("a:b/{name}")))
        .expect_err("too long");
    assert!(error.to_string().contains("more than 255 bytes"), "{error}");
}

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

#[test]
fn a_keyword_as_a_name_gets_a_hint() {
    let text = mistake("take: func(own: u8);");
    assert!(text.ends_with("to use the keyword as a name, write `%own`"), "{text}");
    assert_eq!(function("take: func(%own: u8);").params[0].name, "own");
}

#[test]
fn modules_of_interfaces_with_one_name_go_into_files_of_their_own() {
    let contract = |package: &str, name: &str| {
        let text = format!("package {package};\n\ninterface {name} {{ f: func(); }}\n");
        let id = match package.split_once('@') {
            None => format!("{package}/{name}"),
            Some((package, version)) => format!("{package}/{name}@{version}"),
        };
        Wit::parse("wit/a.wit", &text).and_then(|wit| wit.contract(&id))
    };
    let all: Result<Vec<Contract>, ContractError> =
        [("shop:one", "cart"), ("shop:two", "cart"), ("shop:one", "stock")]
            .map(|(package, name)| contract(package, name))
            .into_iter()
            .collect();
    let names = rusm_codegen::typescript::file_names(&all.expect("contracts"));
    assert_eq!(names, ["shop-one-cart.ts", "shop-two-cart.ts", "stock.ts"]);
    let all: Result<Vec<Contract>, ContractError> =
        [("a:b-c", "d"), ("a-b:c", "d"), ("s:s@2.0.0", "cart"), ("s:s@1.0.0", "cart")]
            .map(|(package, name)| contract(package, name))
            .into_iter()
            .collect();
    let names = rusm_codegen::typescript::file_names(&all.expect("contracts"));
    assert_eq!(names, ["a_b-c_d.ts", "a-b_c_d.ts", "cart.ts", "cart@1.0.0.ts"]);
}
