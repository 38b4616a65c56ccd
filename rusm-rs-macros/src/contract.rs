use std::path::{Path, PathBuf};

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote;
use rusm_codegen::section::{self, Role};
use rusm_codegen::{Contract, Wit, rust};
use syn::{Error, LitStr};

pub(crate) fn expand(arguments: TokenStream) -> TokenStream {
    let result = syn::parse2::<LitStr>(arguments.clone()).map_err(|error| {
        let span = if arguments.is_empty() { Span::call_site() } else { error.span() };
        Error::new(span, "expected the contract as a string: `contract!(\"namespace:package/interface\")`")
    });
    result
        .and_then(|id| {
            let found = Found::load(&id)?;
            let module = rust::module(&found.contract, &rust::Options::default());
            let embedded = found.embed(Role::Uses);
            Ok(quote!(#module #embedded))
        })
        .unwrap_or_else(Error::into_compile_error)
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

    /// The contract as a section of the component, and its files as inputs of the build.
    pub(crate) fn embed(&self, role: Role) -> TokenStream {
        let record = section::record(role, &self.contract);
        let (length, bytes) = (record.len(), Literal::byte_string(&record));
        let files = self.files.iter().filter_map(|file| std::path::absolute(file).ok());
        let files = files.map(|file| file.display().to_string());
        let name = section::SECTION;
        quote! {
            const _: () = {
                #[cfg(target_arch = "wasm32")]
                #[used]
                #[unsafe(link_section = #name)]
                static CONTRACT: [u8; #length] = *#bytes;
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
