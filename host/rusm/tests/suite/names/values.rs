//! Values by chance, on the wire.

use fastrand::Rng;
use rusm_codegen::{Contract, Function, Type, TypeKind};
use rusm_wire::Writer;

pub(super) fn arguments(rng: &mut Rng, contract: &Contract, function: &Function) -> Vec<u8> {
    let mut writer = Writer::new();
    function.params.iter().for_each(|param| put(rng, contract, &param.ty, &mut writer));
    writer.into_bytes()
}

fn put(rng: &mut Rng, contract: &Contract, ty: &Type, writer: &mut Writer) {
    match ty {
        Type::Bool => writer.byte(rng.u8(0..2)),
        Type::U8 | Type::S8 => writer.byte(rng.u8(..)),
        Type::U16 => writer.varint(rng.u16(..).into()),
        Type::U32 => writer.varint(rng.u32(..).into()),
        Type::U64 => writer.varint(rng.u64(..)),
        Type::S16 => writer.zigzag(rng.i16(..).into()),
        Type::S32 => writer.zigzag(rng.i32(..).into()),
        Type::S64 => writer.zigzag(rng.i64(..)),
        Type::F32 => writer.f32(rng.f32() * 1e6 - 5e5),
        Type::F64 => writer.f64(rng.f64() * 1e9 - 5e8),
        Type::Char => writer.char(rng.char(..)),
        Type::String => writer.string(&text(rng)),
        // Both halves stay below 2^53.
        Type::Pid | Type::Ref(_) => (0..2).for_each(|_| writer.varint(rng.u64(..1 << 53))),
        Type::List(of) => {
            let length = rng.usize(0..4);
            writer.length(length);
            (0..length).for_each(|_| put(rng, contract, of, writer));
        }
        Type::Option(of) => {
            let some = rng.bool();
            writer.byte(u8::from(some));
            if some {
                put(rng, contract, of, writer);
            }
        }
        Type::Result(ok, error) => {
            let side = rng.u64(0..2);
            writer.varint(side);
            if let Some(ty) = if side == 0 { ok } else { error } {
                put(rng, contract, ty, writer);
            }
        }
        Type::Tuple(parts) => parts.iter().for_each(|ty| put(rng, contract, ty, writer)),
        Type::Named(place) => match &contract.types[*place].kind {
            TypeKind::Alias(of) => put(rng, contract, of, writer),
            TypeKind::Record(fields) => fields.iter().for_each(|field| put(rng, contract, &field.ty, writer)),
            TypeKind::Variant(cases) | TypeKind::Enum(cases) => {
                let case = rng.usize(..cases.len());
                writer.varint(case as u64);
                if let Some(ty) = &cases[case].ty {
                    put(rng, contract, ty, writer);
                }
            }
            TypeKind::Flags(flags) => {
                let bits: Vec<bool> = flags.iter().map(|_| rng.bool()).collect();
                writer.flags(&bits);
            }
        },
    }
}

fn text(rng: &mut Rng) -> String {
    (0..rng.usize(0..12)).map(|_| if rng.bool() { rng.alphanumeric() } else { rng.char(..) }).collect()
}
