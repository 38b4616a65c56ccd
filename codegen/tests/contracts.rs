//! Contracts from WIT: shapes read from signatures, keys, and mistakes with their place.
#![cfg(feature = "host")]

use rusm_codegen::section::{self, Role};
use rusm_codegen::{Contract, ContractError, Shape, Type, Wit};

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
    assert_eq!(
        function("f: func() -> stream<u8>;").shape,
        Shape::StreamOut { item: Type::U8, refusal: None }
    );
    assert_eq!(
        function("f: func() -> result<stream<u8>, string>;").shape,
        Shape::StreamOut { item: Type::U8, refusal: Some(Some(Type::String)) }
    );
    let shape = Shape::StreamIn { name: "b".into(), place: 1, item: Type::U8, result: Type::Bool };
    assert_eq!(function("f: func(a: u8, b: stream<u8>, c: u8) -> bool;").shape, shape);
    assert_eq!(function("init: func();").shape, Shape::Constructor { refusal: None });
    assert_eq!(function("init: func() -> result;").shape, Shape::Constructor { refusal: Some(None) });
}

#[test]
fn a_key_spells_types_out_and_leaves_names_of_types_and_versions_out() {
    let add = function("record item { sku: string, qty: u32 } add: func(item: item) -> result<u32, string>;");
    assert_eq!(add.canonical, "shop:cart/cart#add(record{sku:string,qty:u32}) -> result<u32,string>");
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
fn what_a_contract_cannot_contain_is_named_with_its_place_and_what_to_use_instead() {
    let cases = [
        ("resource file;\nf: func() -> file;", "wit/cart.wit:5:1: a resource; pass a `pid`"),
        ("f: func() -> future<u8>;", "wit/cart.wit:4:1: a `future`; write the type itself"),
        ("f: func(v: list<stream<u8>>);", "wit/cart.wit:4:9: a stream inside of another type"),
        ("f: func(a: stream<u8>, b: stream<u8>) -> u8;", "a second stream; a call carries one stream"),
        ("f: func(a: stream<u8>) -> stream<u8>;", "a stream in and a stream out"),
        ("f: func(a: stream<u8>);", "a stream into a function without a result; write `-> result`"),
        ("f: async func() -> u8;", "`f` is an `async func`; write `func`"),
        (
            "then: func() -> u8;",
            "a function cannot be called `then`, because it would make a TypeScript client awaitable",
        ),
        ("init: func() -> u8;", "a constructor answers only whether it accepts"),
        ("init: func(s: stream<u8>) -> result;", "a constructor with a stream"),
        ("record client { a: u8 }\nf: func(c: client);", "a type cannot be called `client`"),
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
fn a_keyword_as_a_name_gets_a_hint() {
    let text = mistake("take: func(own: u8);");
    assert!(text.ends_with("to use the keyword as a name, write `%own`"), "{text}");
    assert_eq!(function("take: func(%own: u8);").params[0].name, "own");
}

#[test]
fn modules_of_interfaces_with_one_name_go_into_files_of_their_own() {
    let contract = |package: &str, name: &str| {
        let text = format!("package {package};\n\ninterface {name} {{ f: func(); }}\n");
        Wit::parse("wit/a.wit", &text).and_then(|wit| wit.contract(&format!("{package}/{name}")))
    };
    let all: Result<Vec<Contract>, ContractError> =
        [("shop:one", "cart"), ("shop:two", "cart"), ("shop:one", "stock")]
            .map(|(package, name)| contract(package, name))
            .into_iter()
            .collect();
    let names = rusm_codegen::typescript::file_names(&all.expect("contracts"));
    assert_eq!(names, ["shop-one-cart.ts", "shop-two-cart.ts", "stock.ts"]);
}
