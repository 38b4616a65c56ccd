use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote;
use rusm_codegen::section::{self, Role};
use rusm_codegen::{Contract, Wit, rust};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitStr, Token};

pub(crate) fn expand(arguments: TokenStream) -> TokenStream {
    let result = syn::parse2::<Wanted>(arguments.clone()).map_err(|error| {
        let span = if arguments.is_empty() { Span::call_site() } else { error.span() };
        Error::new(span, "expected the contract as a string: `contract!(\"namespace:package/interface\")`")
    });
    result
        .and_then(|Wanted { id, name }| {
            let found = Found::load(&id)?;
            let module = rust::module(&found.contract, &rust::Options { name, ..rust::Options::default() });
            let embedded = embed(&[(&found, Role::Uses)]);
            Ok(quote!(#module #embedded))
        })
        .unwrap_or_else(Error::into_compile_error)
}

/// A contract, and what its module shall be called.
pub(crate) struct Wanted {
    pub(crate) id: LitStr,
    pub(crate) name: Option<Ident>,
}

impl Parse for Wanted {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let id = input.parse()?;
        let name = input.parse::<Option<Token![as]>>()?.map(|_| input.parse()).transpose()?;
        Ok(Self { id, name })
    }
}

/// A contract, and the files it came from.
pub(crate) struct Found {
    pub(crate) contract: Contract,
    files: Vec<PathBuf>,
}

impl Found {
    pub(crate) fn load(id: &LitStr) -> Result<Self, Error> {
        let fail = |text: String| Error::new(id.span(), text);
        let Some(folder) = find_wit() else {
            return Err(fail(
                "there is no `wit/` folder beside this crate's Cargo.toml or a rusm.toml above it: put the contract there"
                    .into(),
            ));
        };
        let wit = Wit::load(&folder).map_err(|error| fail(error.to_string()))?;
        let contract = wit.contract(&id.value()).map_err(|error| fail(error.to_string()))?;
        Ok(Self { contract, files: wit.files().to_vec() })
    }
}

/// Contracts as a section of the component, in this order, and their files as inputs of the build.
pub(crate) fn embed(contracts: &[(&Found, Role)]) -> TokenStream {
    let records: Vec<u8> =
        contracts.iter().flat_map(|(found, role)| section::record(*role, &found.contract)).collect();
    let (length, bytes) = (records.len(), Literal::byte_string(&records));
    let files: BTreeSet<String> = contracts
        .iter()
        .flat_map(|(found, _)| &found.files)
        .filter_map(|file| std::path::absolute(file).ok())
        .map(|file| file.display().to_string())
        .collect();
    let name = section::SECTION;
    quote! {
        const _: () = {
            #[cfg(target_arch = "wasm32")]
            #[used]
            #[unsafe(link_section = #name)]
            static CONTRACTS: [u8; #length] = *#bytes;
            #(const _: &[u8] = ::core::include_bytes!(#files);)*
        };
    }
}

fn find_wit() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("RUSM_WIT") {
        return Some(folder.into());
    }
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?);
    let own = package.join("wit");
    if own.is_dir() {
        return Some(own);
    }
    let project = package.ancestors().find(|folder: &&Path| folder.join("rusm.toml").is_file())?;
    Some(project.join("wit")).filter(|folder| folder.is_dir())
}
