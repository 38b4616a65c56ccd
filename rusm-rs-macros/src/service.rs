use proc_macro2::{Span, TokenStream};
use quote::quote;
use rusm_codegen::section::Role;
use rusm_codegen::{Shape, rust};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, Item, LitStr, Token, parenthesized};

use crate::contract::Found;

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    // The item stays, so that one mistake does not make every use of the type another one.
    let kept = item.clone();
    try_expand(arguments, item).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote!(#kept #error)
    })
}

fn try_expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    if arguments.is_empty() {
        return Err(Error::new(Span::call_site(), USAGE));
    }
    let Arguments { id, later } = syn::parse2(arguments)?;
    let (name, generics) = match syn::parse2::<Item>(item.clone())? {
        Item::Struct(item) => (item.ident, item.generics),
        Item::Enum(item) => (item.ident, item.generics),
        other => return Err(Error::new_spanned(other, "a service is a struct or an enum: its state")),
    };
    if !generics.params.is_empty() {
        return Err(Error::new_spanned(generics, "a service cannot be generic: one component has one state"));
    }
    let found = Found::load(&id)?;
    let mut options = rust::Options::default();
    for function in &later {
        let Some(known) = rust::function_of_method(&found.contract, function) else {
            let text =
                format!("the contract `{}` has no function with the method `{function}`", found.contract.id);
            return Err(Error::new(function.span(), text));
        };
        if !matches!(known.shape, Shape::Call { .. } | Shape::StreamIn { .. }) {
            return Err(Error::new(function.span(), "only a function with a result can answer later"));
        }
        options.later.push(known.name.clone());
    }
    let module = rust::module(&found.contract, &options);
    let embedded = found.embed(Role::Implements);
    let contract = rust::module_name(&found.contract);
    Ok(quote! {
        #item
        #module
        #embedded

        impl ::rusm_rs::__rt::Dispatch for #name {
            fn init(key: u32, body: &[u8]) -> ::core::result::Result<Self, ::rusm_rs::__rt::Outcome> {
                #contract::__init::<Self>(key, body)
            }

            fn handle(&mut self, key: u32, call: &mut ::rusm_rs::__rt::Incoming) -> ::rusm_rs::__rt::Answer {
                #contract::__handle(self, key, call)
            }

            fn info(&mut self, event: ::rusm_rs::Event) {
                #contract::Service::info(self, event);
            }

            fn terminate(&mut self, reason: ::rusm_rs::ExitReason) {
                #contract::Service::terminate(self, reason);
            }
        }

        /// One component is one service: a second `#[service]` or `#[main]` beside this one is an error.
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, reason = "its name is its message")]
        struct a_component_has_one_service_or_main;

        ::rusm_rs::__export_service!(#name);
    })
}

struct Arguments {
    id: LitStr,
    later: Vec<Ident>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let id = input.parse().map_err(|error| Error::new(error.span(), USAGE))?;
        let mut later = Vec::new();
        if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let word: Ident = input.parse()?;
            if word != "later" {
                return Err(Error::new(word.span(), "expected `later(function, ..)`"));
            }
            let functions;
            parenthesized!(functions in input);
            later = Punctuated::<Ident, Token![,]>::parse_terminated_with(&functions, Ident::parse_any)?
                .into_iter()
                .collect();
        }
        if !input.is_empty() {
            return Err(input.error("unexpected; the arguments are the contract and `later(..)`"));
        }
        Ok(Self { id, later })
    }
}

const USAGE: &str =
    "expected the contract as a string: `#[rusm_rs::service(\"namespace:package/interface\")]`";
