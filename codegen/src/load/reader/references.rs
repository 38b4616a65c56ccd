//! Aliases of `pid` that stand for services.

use wit_parser::{InterfaceId, Span, Type as WitType, TypeDefKind, TypeId, TypeOwner};

use super::Reader;
use crate::Reference;
use crate::load::{ContractError, contract_id, type_names};

impl Reader<'_> {
    /// Whether an interface has one for its own services.
    pub(super) fn has_reference(&self, id: InterfaceId) -> Result<bool, ContractError> {
        let interface = &self.resolve.interfaces[id];
        let Some(ty) = interface.types.get(REFERENCE).filter(|ty| self.is_pid(**ty)) else {
            return Ok(false);
        };
        Ok(self.own_reference(*ty, interface.span)?.is_some())
    }

    pub(super) fn is_pid(&self, id: TypeId) -> bool {
        let def = &self.resolve.types[id];
        if let TypeDefKind::Type(WitType::Id(of)) = &def.kind {
            return self.is_pid(*of);
        }
        let TypeOwner::Interface(owner) = def.owner else { return false };
        let interface = &self.resolve.interfaces[owner];
        let in_actor = interface.package.is_some_and(|package| {
            let name = &self.resolve.packages[package].name;
            name.namespace == "rusm" && name.name == "actor"
        });
        in_actor && def.name.as_deref() == Some("pid")
    }

    /// The contract whose services an alias of `pid` stands for: that of the interface which calls it `ref`.
    pub(super) fn reference(&self, mut id: TypeId, span: Span) -> Result<Option<Reference>, ContractError> {
        let mut found: Option<Reference> = None;
        loop {
            if let Some(reference) = self.own_reference(id, span)? {
                if let Some(first) = found {
                    let what = format!(
                        "`ref` in `{}` stands for a service of `{0}`, not of `{}`",
                        first.name, reference.name
                    );
                    return Err(self.unsupported(span, what, "give the alias another name"));
                }
                found = Some(reference);
            }
            match &self.resolve.types[id].kind {
                TypeDefKind::Type(WitType::Id(of)) => id = type_names::origin(self.resolve, *of),
                _ => return Ok(found),
            }
        }
    }

    /// The contract of an interface, if this is what it calls `ref`.
    fn own_reference(&self, id: TypeId, span: Span) -> Result<Option<Reference>, ContractError> {
        let def = &self.resolve.types[id];
        let TypeOwner::Interface(owner) = def.owner else { return Ok(None) };
        if def.name.as_deref() != Some(REFERENCE) {
            return Ok(None);
        }
        let Some(id) = contract_id(self.resolve, owner, &[]) else { return Ok(None) };
        let interface = &self.resolve.interfaces[owner];
        let name = interface.name.clone().unwrap_or_default();
        if interface.functions.is_empty() {
            let what = format!("`ref` in `{name}` stands for a service of `{name}`, which has no functions");
            return Err(self.unsupported(span, what, "give the alias another name, or use `pid`"));
        }
        Ok(Some(Reference { contract: id.to_string(), name }))
    }
}

/// The alias of `pid` that stands for a service of its interface.
const REFERENCE: &str = "ref";
