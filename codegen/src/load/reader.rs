use std::collections::{HashMap, HashSet};

use heck::ToUpperCamelCase as _;
use wit_parser::{
    Docs, Function as WitFunction, FunctionKind, InterfaceId, Resolve, Span, Stability, Type as WitType,
    TypeDefKind, TypeId,
};

use super::{ContractError, place, type_names};
use crate::names::{self, Kind};
use crate::{
    Case, Contract, Field, Function, Gated, Param, Shape, StreamParam, Type, TypeDef, TypeKind, canonical,
    printer,
};

mod references;

/// What a contract is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// To make code of it: its names have to be names in every language.
    Generate,
    /// To know what a component is a service of.
    #[cfg(feature = "host")]
    Read,
}

pub(super) fn read(
    resolve: &Resolve,
    id: InterfaceId,
    name: &str,
    strictness: Strictness,
) -> Result<Contract, ContractError> {
    let interface = &resolve.interfaces[id];
    let version = interface.package.and_then(|package| resolve.packages[package].name.version.as_ref());
    let contract = Contract {
        id: name.to_owned(),
        version: version.map(ToString::to_string),
        name: interface.name.clone().unwrap_or_default(),
        docs: docs(&interface.docs),
        types: Vec::new(),
        constructor: None,
        functions: Vec::new(),
        referable: false,
        gated: Vec::new(),
        wit: String::new(),
    };
    let mut reader =
        Reader { resolve, contract, places: HashMap::new(), read: Vec::new(), depth: 0, spelt: 0 };
    if reader.contract.versioned_id().len() > LONGEST_ID {
        let what = format!("a contract whose name has more than {LONGEST_ID} bytes");
        return Err(reader.unsupported(interface.span, what, "shorten it"));
    }
    for function in interface.functions.values() {
        if let Stability::Unstable { feature, .. } = &function.stability {
            let (name, place) = (function.name.clone(), place(resolve, function.span));
            reader.contract.gated.push(Gated { function: name, feature: feature.clone(), place });
            continue;
        }
        let read = reader.function(function)?;
        if let Some(twin) = reader.contract.function(read.key) {
            let what = format!("`{}` and `{}` have the same key on the wire", twin.name, read.name);
            return Err(reader.unsupported(function.span, what, "rename one of them"));
        }
        match read.shape {
            Shape::Constructor { .. } => reader.contract.constructor = Some(read),
            _ => reader.contract.functions.push(read),
        }
    }
    reader.contract.referable = reader.has_reference(id)?;
    reader.name_types(id);
    if strictness == Strictness::Generate {
        reader.check_names(id)?;
    }
    let mut contract = reader.contract;
    contract.wit = printer::print(&contract);
    Ok(contract)
}

struct Reader<'a> {
    resolve: &'a Resolve,
    contract: Contract,
    /// Where each named type that was read stands.
    places: HashMap<TypeId, usize>,
    /// What was read of each, by its place.
    read: Vec<ReadType>,
    /// How many types the one that is being read is nested in.
    depth: usize,
    /// How long the canonical texts of the functions are so far, in bytes.
    spelt: usize,
}

/// A type that stands in the contract, and what it comes to with every named type spelt out.
struct ReadType {
    id: TypeId,
    /// How long it is in canonical text, at least, in bytes.
    length: usize,
    /// How many types it is nested.
    depth: usize,
}

/// A type in a signature: one that the wire carries, or a stream beside it.
enum Signature {
    Plain(Type),
    /// A stream, as a parameter or a result.
    Stream(Type),
    /// A stream with a value before it, or one that may be refused: as a result.
    StreamOut {
        head: Option<Type>,
        item: Type,
        refusal: Option<Option<Type>>,
    },
}

impl<'a> Reader<'a> {
    fn function(&mut self, function: &WitFunction) -> Result<Function, ContractError> {
        let span = function.span;
        match function.kind {
            FunctionKind::Freestanding => {}
            FunctionKind::AsyncFreestanding => {
                let what = format!("`{}` is an `async func`", function.name);
                return Err(self.unsupported(span, what, "write `func`: every call may be awaited"));
            }
            _ => {
                let what = format!("`{}` belongs to a resource", function.item_name());
                return Err(self.unsupported(
                    span,
                    what,
                    "write a function of the interface; a service is the resource",
                ));
            }
        }
        let mut params = Vec::new();
        let mut stream = None;
        for (place, param) in function.params.iter().enumerate() {
            let span = if param.span.is_known() { param.span } else { span };
            match self.signature(&param.ty, span)? {
                Signature::Plain(ty) => params.push(Param { name: param.name.clone(), ty }),
                Signature::Stream(item) if stream.is_none() => {
                    stream = Some(StreamParam { name: param.name.clone(), place, item });
                }
                Signature::Stream(_) => {
                    return Err(self.unsupported(
                        span,
                        "a second stream among the parameters".into(),
                        "a call carries one stream in: make its items a variant, or split the function",
                    ));
                }
                Signature::StreamOut { .. } => return Err(self.misplaced_stream(span)),
            }
        }
        let result = function.result.as_ref().map(|ty| self.signature(ty, span)).transpose()?;
        let shape = self.shape(function, stream.as_ref(), result)?;
        let types: Vec<Type> = params.iter().map(|param| param.ty.clone()).collect();
        self.bound(&types, stream.as_ref(), &shape, span)?;
        let canonical = canonical::text(&self.contract, &function.name, &types, stream.as_ref(), &shape);
        let key = canonical::key(&canonical);
        Ok(Function {
            name: function.name.clone(),
            docs: docs(&function.docs),
            key,
            canonical,
            params,
            stream,
            shape,
            since: match &function.stability {
                Stability::Stable { since, .. } => Some(since.clone()),
                Stability::Unstable { .. } | Stability::Unknown => None,
            },
        })
    }

    fn shape(
        &self,
        function: &WitFunction,
        stream: Option<&StreamParam>,
        result: Option<Signature>,
    ) -> Result<Shape, ContractError> {
        let span = function.span;
        if function.name == CONSTRUCTOR {
            return match (stream, result) {
                (None, None) => Ok(Shape::Constructor { refusal: None }),
                (None, Some(Signature::Plain(Type::Result(None, error)))) => {
                    Ok(Shape::Constructor { refusal: Some(error.map(|error| *error)) })
                }
                (Some(_), _) => Err(self.unsupported(
                    span,
                    "a constructor with a stream".into(),
                    "start the service first, then stream into a function of it",
                )),
                _ => Err(self.unsupported(
                    span,
                    "a constructor answers only whether it accepts".into(),
                    "write no result, `-> result` or `-> result<_, e>`",
                )),
            };
        }
        match result {
            None if stream.is_some() => Err(self.unsupported(
                span,
                "a stream into a function without a result".into(),
                "write `-> result`, so that the caller learns when it was read",
            )),
            None => Ok(Shape::Cast),
            Some(Signature::Plain(result)) => Ok(Shape::Call { result }),
            Some(Signature::Stream(item)) => Ok(Shape::StreamOut { head: None, item, refusal: None }),
            Some(Signature::StreamOut { head, item, refusal }) => {
                Ok(Shape::StreamOut { head, item, refusal })
            }
        }
    }

    fn signature(&mut self, ty: &WitType, span: Span) -> Result<Signature, ContractError> {
        if let Some(TypeDefKind::Stream(item)) = self.kind(ty) {
            return Ok(Signature::Stream(self.item(item.as_ref(), span)?));
        }
        if let Some((head, item)) = self.answered_stream(ty, span)? {
            return Ok(Signature::StreamOut { head, item, refusal: None });
        }
        if let Some(TypeDefKind::Result(result)) = self.kind(ty)
            && let Some(ok) = &result.ok
            && let Some((head, item)) = self.answered_stream(ok, span)?
        {
            let error = result.err.as_ref().map(|ty| self.ty(ty, span)).transpose()?;
            return Ok(Signature::StreamOut { head, item, refusal: Some(error) });
        }
        self.ty(ty, span).map(Signature::Plain)
    }

    /// `stream<t>` or `tuple<head, stream<t>>`: what comes before it, and its items.
    fn answered_stream(
        &mut self,
        ty: &WitType,
        span: Span,
    ) -> Result<Option<(Option<Type>, Type)>, ContractError> {
        match self.kind(ty) {
            Some(TypeDefKind::Stream(item)) => Ok(Some((None, self.item(item.as_ref(), span)?))),
            Some(TypeDefKind::Tuple(tuple)) => {
                let [head, stream] = tuple.types.as_slice() else { return Ok(None) };
                let Some(TypeDefKind::Stream(item)) = self.kind(stream) else { return Ok(None) };
                let head = self.ty(head, span)?;
                Ok(Some((Some(head), self.item(item.as_ref(), span)?)))
            }
            _ => Ok(None),
        }
    }

    /// What a type is made of; none of one that WIT has itself.
    fn kind(&self, ty: &WitType) -> Option<&'a TypeDefKind> {
        match ty {
            WitType::Id(id) => Some(&self.resolve.types[*id].kind),
            _ => None,
        }
    }

    /// A few lines of WIT can spell out to more than a machine holds: each record twice in the next.
    fn bound(
        &mut self,
        params: &[Type],
        stream: Option<&StreamParam>,
        shape: &Shape,
        span: Span,
    ) -> Result<(), ContractError> {
        let answer: [Option<&Type>; 3] = match shape {
            Shape::Constructor { refusal } => [refusal.as_ref().and_then(Option::as_ref), None, None],
            Shape::Call { result } => [Some(result), None, None],
            Shape::Cast => [None; 3],
            Shape::StreamOut { head, item, refusal } => {
                [head.as_ref(), Some(item), refusal.as_ref().and_then(Option::as_ref)]
            }
        };
        let stream = stream.map(|stream| &stream.item);
        for ty in params.iter().chain(stream).chain(answer.into_iter().flatten()) {
            self.spelt = self.spelt.saturating_add(self.size(ty).0);
        }
        if self.spelt <= LONGEST_SPELT {
            return Ok(());
        }
        let what = format!(
            "a contract whose types come to more than {} MiB when they are spelt out",
            LONGEST_SPELT >> 20
        );
        Err(self.unsupported(span, what, "split it, or pass what repeats as a list"))
    }

    /// How long a type is in canonical text, at least, and how many types it is nested.
    fn size(&self, ty: &Type) -> (usize, usize) {
        let all = |types: &mut dyn Iterator<Item = &Type>| {
            types.map(|ty| self.size(ty)).fold((1, 0), |(length, depth), (other, nested)| {
                (other.saturating_add(length), depth.max(nested + 1))
            })
        };
        match ty {
            Type::List(of) | Type::Option(of) => all(&mut std::iter::once(&**of)),
            Type::Result(ok, error) => all(&mut [ok, error].into_iter().flatten().map(|ty| &**ty)),
            Type::Tuple(parts) => all(&mut parts.iter()),
            Type::Named(place) => (self.read[*place].length, self.read[*place].depth),
            _ => (1, 0),
        }
    }

    fn item(&mut self, item: Option<&WitType>, span: Span) -> Result<Type, ContractError> {
        match item {
            Some(item) => self.ty(item, span),
            None => Err(self.unsupported(span, "a stream of nothing".into(), "write `stream<bool>`")),
        }
    }

    fn ty(&mut self, ty: &WitType, span: Span) -> Result<Type, ContractError> {
        Ok(match ty {
            WitType::Bool => Type::Bool,
            WitType::U8 => Type::U8,
            WitType::U16 => Type::U16,
            WitType::U32 => Type::U32,
            WitType::U64 => Type::U64,
            WitType::S8 => Type::S8,
            WitType::S16 => Type::S16,
            WitType::S32 => Type::S32,
            WitType::S64 => Type::S64,
            WitType::F32 => Type::F32,
            WitType::F64 => Type::F64,
            WitType::Char => Type::Char,
            WitType::String => Type::String,
            WitType::ErrorContext => {
                return Err(self.unsupported(
                    span,
                    "`error-context`".into(),
                    "write `string`, or a variant of your own",
                ));
            }
            WitType::Id(id) => {
                self.depth += 1;
                let read =
                    if self.depth > DEEPEST { Err(self.too_deep(span)) } else { self.defined(*id, span) };
                self.depth -= 1;
                return read;
            }
        })
    }

    fn too_deep(&self, span: Span) -> ContractError {
        self.unsupported(
            span,
            format!("types that are nested more than {DEEPEST} deep"),
            "pass a list of them",
        )
    }

    fn defined(&mut self, id: TypeId, span: Span) -> Result<Type, ContractError> {
        let id = type_names::origin(self.resolve, id);
        let def = &self.resolve.types[id];
        let span = if def.span.is_known() && def.name.is_some() { def.span } else { span };
        let unsupported = |what: &str, instead: &str| Err(self.unsupported(span, what.into(), instead));
        match &def.kind {
            TypeDefKind::Resource | TypeDefKind::Handle(_) => {
                return unsupported(
                    "a resource",
                    "pass a `pid` from `rusm:actor/types`: a service is the resource",
                );
            }
            TypeDefKind::Future(_) => {
                return unsupported("a `future`", "write the type itself: every call may be awaited");
            }
            TypeDefKind::Stream(_) => return Err(self.misplaced_stream(span)),
            TypeDefKind::Map(..) => return unsupported("a `map`", "write `list<tuple<k, v>>`"),
            TypeDefKind::FixedLengthList(..) => {
                return unsupported("a list of fixed length", "write `list<t>` or `tuple<t, t>`");
            }
            TypeDefKind::Unknown => return unsupported("an unknown type", "define it"),
            _ => {}
        }
        if self.is_pid(id) {
            return Ok(self.reference(id, span)?.map_or(Type::Pid, Type::Ref));
        }
        match &def.name {
            Some(_) => self.named(id, span),
            None => self.anonymous(&def.kind.clone(), span),
        }
    }

    fn named(&mut self, id: TypeId, span: Span) -> Result<Type, ContractError> {
        if let Some(place) = self.places.get(&id) {
            return Ok(Type::Named(*place));
        }
        let def = &self.resolve.types[id];
        let kind = match &def.kind {
            TypeDefKind::Record(record) => {
                let mut fields = Vec::new();
                for field in &record.fields {
                    let ty = self.ty(&field.ty, field.span)?;
                    fields.push(Field { name: field.name.clone(), docs: docs(&field.docs), ty });
                }
                if fields.is_empty() {
                    return Err(self.unsupported(
                        span,
                        "a record without fields".into(),
                        "leave it out, or write `bool`",
                    ));
                }
                TypeKind::Record(fields)
            }
            TypeDefKind::Variant(variant) => {
                let mut cases = Vec::new();
                for case in &variant.cases {
                    let ty = case.ty.as_ref().map(|ty| self.ty(ty, case.span)).transpose()?;
                    cases.push(Case { name: case.name.clone(), docs: docs(&case.docs), ty });
                }
                TypeKind::Variant(cases)
            }
            TypeDefKind::Enum(of) => {
                TypeKind::Enum(of.cases.iter().map(|case| bare(&case.name, &case.docs)).collect())
            }
            TypeDefKind::Flags(of) if of.flags.is_empty() => {
                return Err(self.unsupported(
                    span,
                    "flags without a flag".into(),
                    "leave them out, or write `bool`",
                ));
            }
            TypeDefKind::Flags(of) => {
                TypeKind::Flags(of.flags.iter().map(|flag| bare(&flag.name, &flag.docs)).collect())
            }
            TypeDefKind::Type(of) => TypeKind::Alias(self.ty(of, span)?),
            other => TypeKind::Alias(self.anonymous(&other.clone(), span)?),
        };
        let (length, depth) = self.size_of(&kind);
        if depth > DEEPEST {
            return Err(self.too_deep(span));
        }
        self.contract.types.push(TypeDef { name: String::new(), docs: docs(&def.docs), kind });
        self.read.push(ReadType { id, length, depth });
        self.places.insert(id, self.read.len() - 1);
        Ok(Type::Named(self.read.len() - 1))
    }

    /// As [`Self::size`], of what a named type is.
    fn size_of(&self, kind: &TypeKind) -> (usize, usize) {
        let parts: Vec<(&str, Option<&Type>)> = match kind {
            TypeKind::Alias(of) => return self.size(of),
            TypeKind::Record(fields) => fields.iter().map(|field| (&*field.name, Some(&field.ty))).collect(),
            TypeKind::Variant(cases) | TypeKind::Enum(cases) | TypeKind::Flags(cases) => {
                cases.iter().map(|case| (&*case.name, case.ty.as_ref())).collect()
            }
        };
        parts.iter().fold((1, 1), |(length, depth): (usize, usize), (name, ty)| {
            let (other, nested) = ty.map_or((0, 0), |ty| self.size(ty));
            (length.saturating_add(other).saturating_add(name.len()), depth.max(nested + 1))
        })
    }

    fn anonymous(&mut self, kind: &TypeDefKind, span: Span) -> Result<Type, ContractError> {
        let mut boxed = |ty: &WitType| self.ty(ty, span).map(Box::new);
        Ok(match kind {
            TypeDefKind::List(of) => Type::List(boxed(of)?),
            TypeDefKind::Option(of) => Type::Option(boxed(of)?),
            TypeDefKind::Result(result) => Type::Result(
                result.ok.as_ref().map(&mut boxed).transpose()?,
                result.err.as_ref().map(&mut boxed).transpose()?,
            ),
            TypeDefKind::Tuple(tuple) if tuple.types.is_empty() => {
                return Err(self.unsupported(span, "an empty tuple".into(), "leave it out"));
            }
            TypeDefKind::Tuple(tuple) if tuple.types.len() > LONGEST_TUPLE => {
                return Err(self.unsupported(
                    span,
                    format!("a tuple of more than {LONGEST_TUPLE} parts"),
                    "write a record",
                ));
            }
            TypeDefKind::Tuple(tuple) => {
                let parts = tuple.types.iter().map(|ty| self.ty(ty, span));
                Type::Tuple(parts.collect::<Result<_, _>>()?)
            }
            other => {
                return Err(self.unsupported(
                    span,
                    format!("a {}", other.as_str()),
                    "define a type of its own",
                ));
            }
        })
    }

    /// The names that the interface has for its types, and ones for those of others that it has none for.
    fn name_types(&mut self, interface: InterfaceId) {
        let local = type_names::local(self.resolve, interface);
        let functions = self.resolve.interfaces[interface].functions.keys();
        let taken: HashSet<String> =
            local.values().chain(functions).map(|name| name.to_upper_camel_case()).collect();
        let foreign: Vec<TypeId> =
            self.read.iter().map(|read| read.id).filter(|id| !local.contains_key(id)).collect();
        let foreign = type_names::foreign(self.resolve, &foreign, taken);
        for (def, read) in self.contract.types.iter_mut().zip(&self.read) {
            let name = local.get(&read.id).or_else(|| foreign.get(&read.id));
            def.name = name.cloned().unwrap_or_default();
        }
    }

    /// Names that WIT tells apart and a language does not: `sha-256` and `sha256` are both `Sha256`.
    fn check_names(&self, interface: InterfaceId) -> Result<(), ContractError> {
        let interface = &self.resolve.interfaces[interface];
        let types = self.contract.types.iter().zip(&self.read);
        self.distinct(
            Kind::Type,
            &types.map(|(def, read)| (&*def.name, self.resolve.types[read.id].span)).collect::<Vec<_>>(),
        )?;
        let functions = interface.functions.values();
        let functions: Vec<_> =
            functions.filter(|function| !matches!(function.stability, Stability::Unstable { .. })).collect();
        self.distinct(
            Kind::Function,
            &functions.iter().map(|function| (&*function.name, function.span)).collect::<Vec<_>>(),
        )?;
        for function in functions {
            let params = function.params.iter().map(|param| (&*param.name, param.span));
            self.distinct(Kind::Param, &params.collect::<Vec<_>>())?;
        }
        for read in &self.read {
            let (kind, names): (Kind, Vec<(&str, Span)>) = match &self.resolve.types[read.id].kind {
                TypeDefKind::Record(record) => {
                    (Kind::Field, record.fields.iter().map(|field| (&*field.name, field.span)).collect())
                }
                TypeDefKind::Flags(flags) => {
                    (Kind::Field, flags.flags.iter().map(|flag| (&*flag.name, flag.span)).collect())
                }
                TypeDefKind::Variant(variant) => {
                    (Kind::Case, variant.cases.iter().map(|case| (&*case.name, case.span)).collect())
                }
                TypeDefKind::Enum(of) => {
                    (Kind::Case, of.cases.iter().map(|case| (&*case.name, case.span)).collect())
                }
                _ => continue,
            };
            self.distinct(kind, &names)?;
        }
        Ok(())
    }

    fn distinct(&self, kind: Kind, names: &[(&str, Span)]) -> Result<(), ContractError> {
        let Some(clash) = names::clash(kind, names.iter().map(|(name, _)| *name)) else { return Ok(()) };
        let (first, (second, span)) = (names[clash.first].0, names[clash.second]);
        let what =
            format!("`{first}` and `{second}` are both `{}` in {}", clash.spelt, clash.language.name());
        Err(self.unsupported(span, what, "rename one of them"))
    }

    fn misplaced_stream(&self, span: Span) -> ContractError {
        let instead = "write it as one parameter, or in the result: `stream<t>`, `tuple<head, stream<t>>`, or either in `result<.., e>`";
        self.unsupported(span, "a stream inside of another type".into(), instead)
    }

    fn unsupported(&self, span: Span, what: String, instead: &str) -> ContractError {
        ContractError::Unsupported { place: place(self.resolve, span), what, instead: instead.into() }
    }
}

fn bare(name: &str, text: &Docs) -> Case {
    Case { name: name.to_owned(), docs: docs(text), ty: None }
}

fn docs(docs: &Docs) -> String {
    docs.contents.as_deref().unwrap_or_default().trim().to_owned()
}

/// The function that answers spawn.
const CONSTRUCTOR: &str = "init";

/// As many parts as a tuple of Rust may have and still be compared, printed and hashed.
const LONGEST_TUPLE: usize = 12;

/// How deep types may be nested in all: guests write and read them by recursion, on stacks of half a MiB.
pub(super) const DEEPEST: usize = 200;

/// The types of all functions of a contract, spelt out, in bytes: a hundred times what large contracts have.
const LONGEST_SPELT: usize = 4 << 20;

/// A contract's record in a component has a byte for the length of its name.
const LONGEST_ID: usize = 255;
