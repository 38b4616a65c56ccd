use super::{Emitter, Ident, Literal, ToTokens as _, TokenStream, Type, TypeKind, docs, names, quote};
use crate::{Case, Field, Shape, TypeDef};

impl Emitter<'_> {
    pub(super) fn types(&self) -> TokenStream {
        let types = self.contract.types.iter().enumerate().map(|(place, def)| self.definition(place, def));
        quote!(#(#types)*)
    }

    fn definition(&self, place: usize, def: &TypeDef) -> TokenStream {
        let name = self.types[place].clone();
        let text = docs(&def.docs);
        let body = match &def.kind {
            TypeKind::Alias(of) => {
                let of = self.ty(of);
                return quote!(#text pub type #name = #of;);
            }
            TypeKind::Record(fields) => self.record(&name, fields),
            TypeKind::Variant(cases) => self.variant(&name, cases),
            TypeKind::Enum(cases) => self.variant(&name, cases),
            TypeKind::Flags(flags) => flags_struct(&name, flags),
        };
        let derives = self.derives(place);
        let error = self.is_error(place).then(|| {
            quote! {
                impl rt::Display for #name {
                    fn fmt(&self, f: &mut rt::Formatter<'_>) -> rt::FmtResult {
                        rt::Debug::fmt(self, f)
                    }
                }

                impl rt::Error for #name {}
            }
        });
        quote!(#text #derives #body #error)
    }

    fn record(&self, name: &Ident, fields: &[Field]) -> TokenStream {
        let names: Vec<Ident> = fields.iter().map(|field| names::field(&field.name)).collect();
        let types = fields.iter().map(|field| self.ty(&field.ty));
        let texts = fields.iter().map(|field| docs(&field.docs));
        quote! {
            pub struct #name { #(#texts pub #names: #types,)* }

            impl rt::Encode for #name {
                fn encode(&self, writer: &mut rt::Writer) {
                    #(rt::Encode::encode(&self.#names, writer);)*
                }
            }

            impl rt::Decode for #name {
                fn decode(reader: &mut rt::Reader<'_>) -> rt::Result<Self, rt::DecodeError> {
                    rt::Result::Ok(Self { #(#names: rt::Decode::decode(reader)?,)* })
                }
            }
        }
    }

    fn variant(&self, name: &Ident, cases: &[Case]) -> TokenStream {
        let definitions = cases.iter().map(|case| {
            let (text, case_name) = (docs(&case.docs), names::case(&case.name));
            let payload = case.ty.as_ref().map(|ty| self.ty(ty)).map(|ty| quote!((#ty)));
            quote!(#text #case_name #payload)
        });
        let encoders = cases.iter().enumerate().map(|(tag, case)| {
            let (tag, case_name) = (Literal::u64_suffixed(tag as u64), names::case(&case.name));
            match &case.ty {
                None => quote!(Self::#case_name => writer.varint(#tag)),
                Some(_) => quote!(Self::#case_name(value) => {
                    writer.varint(#tag);
                    rt::Encode::encode(value, writer);
                }),
            }
        });
        let last = cases.len().saturating_sub(1);
        let decoders = cases.iter().enumerate().map(|(tag, case)| {
            let case_name = names::case(&case.name);
            let pattern =
                if tag == last { quote!(_) } else { Literal::u32_unsuffixed(tag as u32).into_token_stream() };
            let payload = case.ty.as_ref().map(|_| quote!((rt::Decode::decode(reader)?)));
            quote!(#pattern => Self::#case_name #payload)
        });
        let count = Literal::u32_unsuffixed(cases.len() as u32);
        quote! {
            pub enum #name { #(#definitions,)* }

            impl rt::Encode for #name {
                fn encode(&self, writer: &mut rt::Writer) {
                    match self { #(#encoders,)* }
                }
            }

            impl rt::Decode for #name {
                fn decode(reader: &mut rt::Reader<'_>) -> rt::Result<Self, rt::DecodeError> {
                    rt::Result::Ok(match reader.tag(#count)? { #(#decoders,)* })
                }
            }
        }
    }

    fn derives(&self, place: usize) -> TokenStream {
        let kind = &self.contract.types[place].kind;
        let eq = (!self.has_float(&Type::Named(place))).then(|| quote!(, rt::Eq, rt::Hash));
        let more = match kind {
            TypeKind::Enum(_) => quote!(, rt::Copy, rt::PartialOrd, rt::Ord),
            TypeKind::Flags(_) => quote!(, rt::Copy, rt::Default),
            _ => quote!(),
        };
        quote!(#[derive(rt::Debug, rt::Clone, rt::PartialEq #eq #more)])
    }

    /// Whether two values of the type can be unequal to themselves.
    fn has_float(&self, ty: &Type) -> bool {
        match ty {
            Type::F32 | Type::F64 => true,
            Type::List(of) | Type::Option(of) => self.has_float(of),
            Type::Result(ok, error) => [ok, error].into_iter().flatten().any(|ty| self.has_float(ty)),
            Type::Tuple(parts) => parts.iter().any(|ty| self.has_float(ty)),
            Type::Named(place) => match &self.contract.types[*place].kind {
                TypeKind::Record(fields) => fields.iter().any(|field| self.has_float(&field.ty)),
                TypeKind::Variant(cases) => {
                    cases.iter().filter_map(|case| case.ty.as_ref()).any(|ty| self.has_float(ty))
                }
                TypeKind::Alias(of) => self.has_float(of),
                TypeKind::Enum(_) | TypeKind::Flags(_) => false,
            },
            _ => false,
        }
    }

    /// Whether a function may answer with this type as its error.
    fn is_error(&self, place: usize) -> bool {
        let is_it =
            |ty: Option<&Type>| ty.is_some_and(|ty| *self.contract.resolved(ty) == Type::Named(place));
        self.contract.all_functions().any(|function| match &function.shape {
            Shape::Constructor { refusal } | Shape::StreamOut { refusal, .. } => {
                refusal.as_ref().is_some_and(|refusal| is_it(refusal.as_ref()))
            }
            Shape::Call { result } => match self.contract.resolved(result) {
                Type::Result(_, error) => is_it(error.as_deref()),
                _ => false,
            },
            Shape::Cast => false,
        })
    }
}

fn flags_struct(name: &Ident, flags: &[Case]) -> TokenStream {
    let names: Vec<Ident> = flags.iter().map(|flag| names::field(&flag.name)).collect();
    let texts = flags.iter().map(|flag| docs(&flag.docs));
    let places = (0..flags.len()).map(Literal::usize_unsuffixed);
    let count = Literal::usize_unsuffixed(flags.len());
    quote! {
        pub struct #name { #(#texts pub #names: bool,)* }

        impl rt::Encode for #name {
            fn encode(&self, writer: &mut rt::Writer) {
                writer.flags(&[#(self.#names,)*]);
            }
        }

        impl rt::Decode for #name {
            fn decode(reader: &mut rt::Reader<'_>) -> rt::Result<Self, rt::DecodeError> {
                let mut flags = [false; #count];
                reader.flags(&mut flags)?;
                rt::Result::Ok(Self { #(#names: flags[#places],)* })
            }
        }
    }
}
