use std::collections::{HashMap, HashSet};

use heck::ToUpperCamelCase as _;
use wit_parser::{InterfaceId, Resolve, Type as WitType, TypeDefKind, TypeId, TypeOwner};

/// What an interface calls the types that it defines or uses: the first name of each. `use types.{error-code as a-error}`
/// gives the type of another interface its name here.
pub(super) fn local(resolve: &Resolve, interface: InterfaceId) -> HashMap<TypeId, String> {
    let mut names = HashMap::new();
    for (name, id) in &resolve.interfaces[interface].types {
        names.entry(origin(resolve, *id)).or_insert_with(|| name.clone());
    }
    names
}

/// The type that a `use`, or a row of them, brings in.
pub(super) fn origin(resolve: &Resolve, id: TypeId) -> TypeId {
    let def = &resolve.types[id];
    match def.kind {
        TypeDefKind::Type(WitType::Id(of)) if resolve.types[of].owner != def.owner => origin(resolve, of),
        _ => id,
    }
}

/// Names for types that an interface mentions by way of others and has no name for: the type's own, with its interface's,
/// its package's, its namespace and its version before it for as long as another thing has that name.
pub(super) fn foreign(
    resolve: &Resolve,
    types: &[TypeId],
    mut taken: HashSet<String>,
) -> HashMap<TypeId, String> {
    let mut names = HashMap::new();
    let mut open: Vec<TypeId> = types.to_vec();
    for words in 0..=LONGEST {
        let mut wanted: HashMap<String, Vec<(TypeId, String)>> = HashMap::new();
        for id in open.drain(..) {
            let name = longer(resolve, id, words);
            wanted.entry(name.to_upper_camel_case()).or_default().push((id, name));
        }
        for (spelt, ids) in wanted {
            match ids.as_slice() {
                [(id, name)] if words == LONGEST || !taken.contains(&spelt) => {
                    names.insert(*id, name.clone());
                    taken.insert(spelt);
                }
                several => open.extend(several.iter().map(|(id, _)| *id)),
            }
        }
    }
    // What is still open are names that differ in nothing but their case: they meet the check of names.
    names.extend(open.into_iter().map(|id| (id, longer(resolve, id, LONGEST))));
    names
}

/// The type's name with so many words of where it is from before it.
fn longer(resolve: &Resolve, id: TypeId, words: usize) -> String {
    let def = &resolve.types[id];
    let mut parts = vec![def.name.clone().unwrap_or_default()];
    if let TypeOwner::Interface(owner) = def.owner {
        let interface = &resolve.interfaces[owner];
        parts.push(interface.name.clone().unwrap_or_default());
        if let Some(package) = interface.package {
            let name = &resolve.packages[package].name;
            parts.extend([name.name.clone(), name.namespace.clone()]);
            if let Some(version) = &name.version {
                let version = version.to_string().to_lowercase();
                let words =
                    version.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
                parts.push(format!("v{}", words.collect::<Vec<_>>().join("-")));
            }
        }
    }
    parts.truncate(words + 1);
    parts.retain(|part| !part.is_empty());
    parts.reverse();
    parts.join("-")
}

/// Interface, package, namespace, version.
const LONGEST: usize = 4;
