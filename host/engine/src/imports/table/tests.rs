mod attempts;
mod floods;
mod mirror;

use std::collections::BTreeSet;

use rusm_codegen::{ACTOR_WIT, resolve_world};
use wasmtime::component::Linker;
use wasmtime::{Config, Engine};
use wit_parser::WorldItem;

use super::{TABLE, grants_of_import, program};
use crate::Lane;
use crate::imports::register;

type Names = BTreeSet<(String, String)>;

/// The functions that a world of `wit/` imports.
fn in_wit(world: &str) -> Names {
    let (resolve, world) = resolve_world(&ACTOR_WIT, world).expect("the actor world");
    let interfaces = resolve.worlds[world].imports.values().filter_map(|item| match item {
        WorldItem::Interface { id, .. } => Some(*id),
        _ => None,
    });
    let functions = interfaces.flat_map(|id| {
        let name = resolve.id_of(id).expect("it is one of the package");
        resolve.interfaces[id].functions.keys().map(move |function| (name.clone(), function.clone()))
    });
    functions.collect()
}

fn named(imports: &[&super::Import]) -> Names {
    let named = imports.iter().map(|import| (import.interface.to_owned(), import.name.to_owned()));
    let names: Names = named.collect();
    assert_eq!(names.len(), imports.len(), "one stands there twice");
    names
}

/// Of a program, which its component imports beside the world.
fn beside() -> (String, String) {
    (program::EXIT.interface.to_owned(), program::EXIT.name.to_owned())
}

#[test]
fn the_table_has_what_the_world_has_and_no_more() {
    let mut world = in_wit("imports");
    world.extend(in_wit("imports-async"));
    world.insert(beside());
    assert_eq!(named(TABLE), world);
    assert!(TABLE.iter().all(|import| !import.rights.is_empty()));
}

#[test]
fn each_lane_has_what_its_world_has_and_no_more() {
    for (lane, worlds) in [(Lane::Sync, &["imports"][..]), (Lane::Async, &["imports", "imports-async"])] {
        let engine = Engine::new(Config::new().concurrency_support(lane == Lane::Async)).expect("an engine");
        let taken = register(&mut Linker::new(&engine), lane).expect("each is registered once");
        let mut world: Names = worlds.iter().flat_map(|world| in_wit(world)).collect();
        // For guests of either lane.
        world.extend(
            in_wit("imports-async").into_iter().filter(|(name, _)| {
                name.starts_with("rusm:actor/text@") || name.starts_with("rusm:actor/url@")
            }),
        );
        world.insert(beside());
        assert_eq!(named(&taken), world, "{lane:?}");
    }
}

#[test]
fn an_import_tells_the_grants_that_it_uses() {
    for (interface, function, kinds) in [
        ("rusm:actor/process@0.1.0", "self", &[][..]),
        ("rusm:actor/process@0.1.0", "link", &["link", "control"]),
        ("rusm:actor/wait@0.1.0", "spawn", &["spawn", "register"]),
        ("rusm:actor/wait@0.0.9", "spawn", &[]),
        ("wasi:cli/environment@0.2.6", "get-environment", &["env"]),
        ("wasi:filesystem/preopens@0.2.6", "get-directories", &["read", "write"]),
        ("wasi:sockets/tcp@0.2.6", "[method]tcp-socket.start-connect", &["connect"]),
        ("wasi:sockets/tcp@0.2.6", "[method]tcp-socket.start-bind", &["listen"]),
        ("wasi:clocks/monotonic-clock@0.2.6", "now", &[]),
    ] {
        assert_eq!(grants_of_import(interface, function), kinds, "{interface} {function}");
    }
}
