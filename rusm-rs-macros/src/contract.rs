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
            let folder = Folder::load(&id)?;
            let contract = folder.contract(&id)?;
            let module = rust::module(&contract, &rust::Options { name, ..rust::Options::default() });
            let embedded = folder.embed(Role::Uses, [&contract]);
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

/// The `wit/` folder of the crate or its project.
pub(crate) struct Folder(Wit);

impl Folder {
    /// Mistakes are shown at the first contract that is wanted of it.
    pub(crate) fn load(wanted: &LitStr) -> Result<Self, Error> {
        let fail = |text: String| Error::new(wanted.span(), text);
        let Some(folder) = find_wit() else {
            return Err(fail(
                "there is no `wit/` folder beside this crate's Cargo.toml or a rusm.toml above it: put the contract there"
                    .into(),
            ));
        };
        Wit::load(&folder).map(Self).map_err(|error| fail(error.to_string()))
    }

    pub(crate) fn contract(&self, id: &LitStr) -> Result<Contract, Error> {
        self.0.contract(&id.value()).map_err(|error| Error::new(id.span(), error.to_string()))
    }

    /// Contracts of it as a section of the component, in this order, and its files as inputs of the build.
    pub(crate) fn embed<'a>(
        &self,
        role: Role,
        contracts: impl IntoIterator<Item = &'a Contract>,
    ) -> TokenStream {
        let records: Vec<u8> =
            contracts.into_iter().flat_map(|contract| section::record(role, contract)).collect();
        let (length, bytes) = (records.len(), Literal::byte_string(&records));
        let files = self.0.files().iter().filter_map(|file| std::path::absolute(file).ok());
        let files = files.map(|file| file.display().to_string());
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
