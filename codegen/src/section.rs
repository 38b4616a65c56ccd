//! Contracts inside of components: the custom section `rusm:contract`.
//!
//! Linkers join sections of one name, so the section is a row of records, each self-delimiting: the length of what
//! follows (`u32`, little endian), the role (0 implements, 1 uses), the id's length (`u8`) and the id
//! (`shop:cart/cart@1.2.0`), and the contract as WIT text. Rust guests carry it inside of their core module, TypeScript ones
//! beside it.

use crate::Contract;
#[cfg(feature = "host")]
use crate::{ContractError, Function, Wit};

/// The section's name.
pub const SECTION: &str = "rusm:contract";

/// What a component has to do with a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is a service of it.
    Implements,
    /// It has a client of it.
    Uses,
}

/// One record of the section.
pub fn record(role: Role, contract: &Contract) -> Vec<u8> {
    let id = contract.versioned_id();
    let id = id.as_bytes();
    let id = &id[..id.len().min(usize::from(u8::MAX))];
    let mut payload = vec![role as u8, id.len() as u8];
    payload.extend_from_slice(id);
    payload.extend_from_slice(contract.wit.as_bytes());
    let mut record = (payload.len() as u32).to_le_bytes().to_vec();
    record.append(&mut payload);
    record
}

/// Why a component's contracts could not be read.
#[cfg(feature = "host")]
#[derive(Debug, thiserror::Error)]
pub enum SectionError {
    /// The file is no component.
    #[error("not a WebAssembly component: {0}")]
    Binary(String),
    /// A record lies about its length or role.
    #[error("its `{SECTION}` section is damaged at byte {0}")]
    Record(usize),
    /// A record's WIT is no contract.
    #[error("its contract `{id}` cannot be read: {source}")]
    Contract {
        /// The contract's id.
        id: String,
        /// Why.
        source: ContractError,
    },
}

/// What a component says of its contracts.
#[cfg(feature = "host")]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contracts {
    /// Those it is a service of; the one that constructs it is the first.
    pub implements: Vec<Contract>,
    /// Those it has clients of.
    pub uses: Vec<Contract>,
}

#[cfg(feature = "host")]
impl Contracts {
    /// The contract that constructs the service, and its constructor, if it has one.
    pub fn constructor(&self) -> Option<(&Contract, &Function)> {
        let first = self.implements.first()?;
        Some((first, first.constructor.as_ref()?))
    }
}

/// Reads the contracts of a component, from the component itself and from its nested modules.
///
/// # Errors
/// [`SectionError`]; a component without the section has no contracts.
#[cfg(feature = "host")]
pub fn read(component: &[u8]) -> Result<Contracts, SectionError> {
    let mut contracts = Contracts::default();
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|error| SectionError::Binary(error.to_string()))?;
        if let wasmparser::Payload::CustomSection(section) = payload
            && section.name() == SECTION
        {
            read_records(section.data(), &mut contracts)?;
        }
    }
    Ok(contracts)
}

#[cfg(feature = "host")]
fn read_records(data: &[u8], contracts: &mut Contracts) -> Result<(), SectionError> {
    let mut rest = data;
    while !rest.is_empty() {
        let damaged = || SectionError::Record(data.len() - rest.len());
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (payload, after) = after.split_at_checked(length).ok_or_else(damaged)?;
        let ([role, id_length], text) = payload.split_first_chunk::<2>().ok_or_else(damaged)?;
        let (id, wit) = text.split_at_checked(usize::from(*id_length)).ok_or_else(damaged)?;
        let id = std::str::from_utf8(id).map_err(|_| damaged())?.to_owned();
        let wit = std::str::from_utf8(wit).map_err(|_| damaged())?;
        let known = match role {
            0 => &mut contracts.implements,
            1 => &mut contracts.uses,
            _ => return Err(damaged()),
        };
        if known.iter().all(|contract| contract.versioned_id() != id) {
            known.push(contract(&id, wit)?);
        }
        rest = after;
    }
    Ok(())
}

/// A contract of its id and its WIT text.
///
/// # Errors
/// [`SectionError::Contract`].
#[cfg(feature = "host")]
pub fn contract(id: &str, wit: &str) -> Result<Contract, SectionError> {
    let parsed = Wit::parse(id, wit).and_then(|wit| wit.foreign_contract(id));
    parsed.map_err(|source| SectionError::Contract { id: id.to_owned(), source })
}

/// The component with a section of these records at its end.
#[cfg(feature = "host")]
pub fn append(component: &mut Vec<u8>, records: &[u8]) {
    append_named(component, SECTION, records);
}

/// The component with a custom section of this name at its end.
#[cfg(feature = "host")]
pub fn append_named(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    use wasm_encoder::Section as _;
    wasm_encoder::CustomSection { name: name.into(), data: data.into() }.append_to(component);
}
