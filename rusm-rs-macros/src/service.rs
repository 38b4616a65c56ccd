use proc_macro2::{Literal, Span, TokenStream};
use quote::quote;
use rusm_codegen::section::Role;
use rusm_codegen::{Contract, Function, Shape, rust};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, Item, LitStr, Token, parenthesized};

use crate::contract::{Folder, Wanted};

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
    let arguments: Arguments = syn::parse2(arguments)?;
    let (name, generics) = match syn::parse2::<Item>(item.clone())? {
        Item::Struct(item) => (item.ident, item.generics),
        Item::Enum(item) => (item.ident, item.generics),
        other => return Err(Error::new_spanned(other, "a service is a struct or an enum: its state")),
    };
    if !generics.params.is_empty() {
        return Err(Error::new_spanned(generics, "a service cannot be generic: one component has one state"));
    }
    let folder = Folder::load(&arguments.contracts[0].id)?;
    let served = Served::all(&folder, &arguments)?;
    let modules = served.iter().enumerate().map(|(place, one)| one.module(place > 0));
    // The host takes the first one's constructor.
    let embedded = folder.embed(Role::Implements, served.iter().map(|one| &one.contract));
    let main = &served[0].module;
    let handle = handle(&served);
    Ok(quote! {
        #item
        #(#modules)*
        #embedded

        impl ::rusm_rs::__rt::Dispatch for #name {
            fn init(key: u32, body: &[u8]) -> ::core::result::Result<Self, ::rusm_rs::__rt::Outcome> {
                #main::__init::<Self>(key, body)
            }

            fn handle(&mut self, key: u32, call: &mut ::rusm_rs::__rt::Incoming) -> ::rusm_rs::__rt::Answer {
                #handle
            }

            fn info(&mut self, event: ::rusm_rs::Event) {
                #main::Service::info(self, event);
            }

            fn terminate(&mut self, reason: ::rusm_rs::ExitReason) {
                #main::Service::terminate(self, reason);
            }
        }

        /// One component is one service: a second `#[service]` or `#[main]` beside this one is an error.
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, reason = "its name is its message")]
        struct a_component_has_one_service_or_main;

        ::rusm_rs::__export_service!(#name);
    })
}

/// Which contract a key belongs to; the first one's `__handle` answers those that belong to none.
fn handle(served: &[Served<'_>]) -> TokenStream {
    let main = &served[0].module;
    let others = served[1..].iter().map(|one| {
        let module = &one.module;
        let keys = one.contract.functions.iter().map(|function| Literal::u32_suffixed(function.key));
        let keys: Vec<Literal> = keys.collect();
        if keys.is_empty() { quote!() } else { quote!(#(#keys)|* => #module::__handle(self, key, call),) }
    });
    if served.len() == 1 {
        return quote!(#main::__handle(self, key, call));
    }
    quote! {
        match key {
            #(#others)*
            _ => #main::__handle(self, key, call),
        }
    }
}

/// A contract of the service.
struct Served<'a> {
    wanted: &'a Wanted,
    contract: Contract,
    /// What its module is called.
    module: Ident,
    /// Its functions that answer later.
    later: Vec<String>,
}

impl<'a> Served<'a> {
    /// All of them, the one that constructs the service first.
    fn all(folder: &Folder, arguments: &'a Arguments) -> Result<Vec<Self>, Error> {
        let mut served: Vec<Self> = Vec::new();
        for wanted in &arguments.contracts {
            let contract = folder.contract(&wanted.id)?;
            let module = wanted.name.clone().unwrap_or_else(|| rust::module_name(&contract));
            let one = Self { wanted, contract, module, later: Vec::new() };
            refuse_twins(&served, &one)?;
            served.push(one);
        }
        let first = constructing(&served, arguments.init.as_ref())?;
        served[..=first].rotate_right(1);
        for later in &arguments.later {
            answer_later(&mut served, later)?;
        }
        Ok(served)
    }

    /// The module; `beside` another contract that constructs the service.
    fn module(&self, beside: bool) -> TokenStream {
        let options = rust::Options { later: self.later.clone(), name: Some(self.module.clone()), beside };
        rust::module(&self.contract, &options)
    }
}

/// One contract of a service cannot stand for another one.
fn refuse_twins(served: &[Served<'_>], one: &Served<'_>) -> Result<(), Error> {
    let Served { wanted, contract, module, .. } = one;
    let id = contract.versioned_id();
    for other in served {
        let other_id = other.contract.versioned_id();
        let meant = |function: &&Function| other.contract.functions.iter().any(|own| own.key == function.key);
        let text = if other_id == id {
            format!("the contract `{id}` is there twice")
        } else if same(&other.module, module) {
            let name = wanted.id.value();
            format!(
                "`{other_id}` and `{id}` would both have the module `{module}`; give one another name: `{name:?} as other_name`"
            )
        } else if let Some(function) = contract.functions.iter().find(meant) {
            format!(
                "`{}` means the same in `{other_id}` and in `{id}`: a service has compatible versions of one contract once, the latest one",
                function.name
            )
        } else {
            continue;
        };
        return Err(Error::new(wanted.id.span(), text));
    }
    Ok(())
}

/// Whether two identifiers are one name, raw or not.
fn same(one: &Ident, other: &Ident) -> bool {
    one.unraw() == other.unraw()
}

/// The place of the contract that constructs the service.
fn constructing(served: &[Served<'_>], init: Option<&Ident>) -> Result<usize, Error> {
    if let Some(init) = init {
        return served.iter().position(|one| same(&one.module, init)).ok_or_else(|| {
            let modules: Vec<String> = served.iter().map(|one| format!("`{}`", one.module)).collect();
            let text = format!(
                "no contract of the service has the module `{init}`; there is {}",
                modules.join(", ")
            );
            Error::new(init.span(), text)
        });
    }
    let constructors = || served.iter().enumerate().filter(|(_, one)| one.contract.constructor.is_some());
    match constructors().collect::<Vec<_>>().as_slice() {
        [] => Ok(0),
        [(place, _)] => Ok(*place),
        [(_, first), (_, second), ..] => {
            let text = format!(
                "`{}` and `{}` have constructors: say which one counts, by its module: `init({})`",
                first.contract.versioned_id(),
                second.contract.versioned_id(),
                first.module
            );
            Err(Error::new(second.wanted.id.span(), text))
        }
    }
}

/// Notes a function that answers later.
fn answer_later(served: &mut [Served<'_>], later: &Later) -> Result<(), Error> {
    let Later { module, function } = later;
    let several = served.len() > 1;
    let ids: Vec<String> = served.iter().map(|one| format!("`{}`", one.contract.id)).collect();
    let mut having: Vec<&mut Served<'_>> = served
        .iter_mut()
        .filter(|one| module.as_ref().is_none_or(|module| same(&one.module, module)))
        .filter(|one| rust::function_of_method(&one.contract, function).is_some())
        .collect();
    let one = match having.as_mut_slice() {
        [] => {
            let (noun, verb) = if several { ("contracts", "have") } else { ("contract", "has") };
            let text =
                format!("the {noun} {} {verb} no function with the method `{later}`", ids.join(" and "));
            return Err(Error::new(function.span(), text));
        }
        [one] => one,
        several => {
            let known: Vec<String> =
                several.iter().map(|one| format!("`{}::{function}`", one.module)).collect();
            let text = format!("`{function}` is in several contracts: write {}", known.join(" or "));
            return Err(Error::new(function.span(), text));
        }
    };
    let Some(known) = rust::function_of_method(&one.contract, function) else { return Ok(()) };
    if !matches!(known.shape, Shape::Call { .. }) {
        return Err(Error::new(function.span(), "only a function with a result can answer later"));
    }
    one.later.push(known.name.clone());
    Ok(())
}

struct Arguments {
    contracts: Vec<Wanted>,
    /// The module of the contract whose constructor counts.
    init: Option<Ident>,
    later: Vec<Later>,
}

/// A method that answers later, with the module of its contract where several have it.
struct Later {
    module: Option<Ident>,
    function: Ident,
}

impl std::fmt::Display for Later {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.module.as_ref().map_or(Ok(()), |module| write!(f, "{module}::"))?;
        write!(f, "{}", self.function)
    }
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let mut arguments = Self { contracts: Vec::new(), init: None, later: Vec::new() };
        loop {
            if input.peek(LitStr) {
                arguments.contracts.push(input.parse()?);
            } else if arguments.contracts.is_empty() {
                return Err(Error::new(input.span(), USAGE));
            } else {
                arguments.word(input)?;
            }
            if input.is_empty() {
                return Ok(arguments);
            }
            input.parse::<Token![,]>().map_err(|_| input.error(ARGUMENTS))?;
            if input.is_empty() {
                return Ok(arguments);
            }
        }
    }
}

impl Arguments {
    /// `init(module)` or `later(function, ..)`.
    fn word(&mut self, input: ParseStream<'_>) -> Result<(), Error> {
        let word: Ident = input.call(Ident::parse_any).map_err(|_| input.error(ARGUMENTS))?;
        let expected = match word.to_string().as_str() {
            "later" => "expected `later(function, ..)`",
            "init" => "expected `init(module)`: the module of the contract that constructs the service",
            _ => return Err(Error::new(word.span(), ARGUMENTS)),
        };
        if !input.peek(syn::token::Paren) {
            return Err(Error::new(word.span(), expected));
        }
        let inside;
        parenthesized!(inside in input);
        if word == "init" {
            let module = inside.call(Ident::parse_any).map_err(|error| Error::new(error.span(), expected))?;
            if !inside.is_empty() || self.init.replace(module).is_some() {
                return Err(Error::new(word.span(), expected));
            }
            return Ok(());
        }
        self.later.extend(Punctuated::<Later, Token![,]>::parse_terminated(&inside)?);
        Ok(())
    }
}

impl Parse for Later {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let first = input.call(Ident::parse_any)?;
        Ok(match input.parse::<Option<Token![::]>>()? {
            Some(_) => Self { module: Some(first), function: input.call(Ident::parse_any)? },
            None => Self { module: None, function: first },
        })
    }
}

const USAGE: &str =
    "expected the contract as a string: `#[rusm_rs::service(\"namespace:package/interface\")]`";

const ARGUMENTS: &str =
    "unexpected; the arguments are the contracts, `init(module)` and `later(function, ..)`";
