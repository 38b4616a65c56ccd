use sha2::{Digest as _, Sha256};

use crate::contract::spell_result;
use crate::{Contract, Shape, StreamParam, Type, TypeKind};

/// What addresses a function: the first four bytes, little endian, of SHA-256 over its canonical text.
pub(crate) fn key(canonical: &str) -> u32 {
    let digest = Sha256::digest(canonical.as_bytes());
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// A function's signature with every named type spelt out, so that two functions have the same text exactly if they
/// mean the same on the wire: `shop:cart/cart@1#add(record{sku:string,qty:u32}) -> result<u32,variant{closed}>`. Of the
/// version there is what compatible ones share.
pub(crate) fn text(
    contract: &Contract,
    name: &str,
    params: &[Type],
    stream: Option<&StreamParam>,
    shape: &Shape,
) -> String {
    let spell_stream = |item: &Type| format!("stream<{}>", spell(contract, item));
    let mut params: Vec<String> = params.iter().map(|ty| spell(contract, ty)).collect();
    if let Some(stream) = stream {
        params.insert(stream.place, spell_stream(&stream.item));
    }
    let refusable = |ok: Option<String>, refusal: &Option<Type>| {
        let error = refusal.as_ref().map(|ty| spell(contract, ty));
        spell_result(",", ok, error)
    };
    let result = match shape {
        Shape::Cast | Shape::Constructor { refusal: None } => None,
        Shape::Constructor { refusal: Some(refusal) } => Some(refusable(None, refusal)),
        Shape::Call { result } => Some(spell(contract, result)),
        Shape::StreamOut { head, item, refusal } => {
            let stream = spell_stream(item);
            let answer = match head {
                None => stream,
                Some(head) => format!("tuple<{},{stream}>", spell(contract, head)),
            };
            Some(match refusal {
                None => answer,
                Some(refusal) => refusable(Some(answer), refusal),
            })
        }
    };
    let series = contract.series().map(|series| format!("@{series}")).unwrap_or_default();
    let head = format!("{}{series}#{name}({})", contract.id, params.join(","));
    result.map_or(head.clone(), |result| format!("{head} -> {result}"))
}

fn spell(contract: &Contract, ty: &Type) -> String {
    let inner = |ty: &Type| spell(contract, ty);
    ty.spell(",", "pid", &|place| match &contract.types[place].kind {
        TypeKind::Alias(of) => inner(of),
        TypeKind::Record(fields) => {
            let fields = fields.iter().map(|field| format!("{}:{}", field.name, inner(&field.ty)));
            format!("record{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        TypeKind::Variant(cases) => format!("variant{{{}}}", spell_cases(contract, cases)),
        TypeKind::Enum(cases) => format!("enum{{{}}}", spell_cases(contract, cases)),
        TypeKind::Flags(flags) => format!("flags{{{}}}", spell_cases(contract, flags)),
    })
}

fn spell_cases(contract: &Contract, cases: &[crate::Case]) -> String {
    let cases = cases.iter().map(|case| match &case.ty {
        None => case.name.clone(),
        Some(ty) => format!("{}({})", case.name, spell(contract, ty)),
    });
    cases.collect::<Vec<_>>().join(",")
}
