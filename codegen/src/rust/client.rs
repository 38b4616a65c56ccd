use super::names::{self, Locals};
use super::{Emitter, End, Function, Ident, Shape, TokenStream, Type, TypeKind, docs, quote};

/// A parameter of a client's method.
struct ClientParam {
    name: Ident,
    /// What callers may pass.
    ty: TokenStream,
    /// The value to be encoded.
    value: TokenStream,
    /// It may be a callback, for which the call is made within `refer`.
    carried: bool,
}

/// Whether the arguments go with a call that is waited for at once: then callbacks may be among them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    Yes,
    No,
}

impl Emitter<'_> {
    pub(super) fn client(&self) -> TokenStream {
        let spawn = self.spawn();
        let methods = self.contract.functions.iter().map(|function| self.client_method(function));
        let starters = self.contract.functions.iter().filter_map(|function| self.starter_method(function));
        quote! {
            /// Calls a service of this contract.
            #[derive(rt::Debug, rt::Clone, rt::PartialEq, rt::Eq, rt::Hash)]
            pub struct Client {
                core: rt::Client,
            }

            impl rt::Display for Client {
                fn fmt(&self, f: &mut rt::Formatter<'_>) -> rt::FmtResult {
                    rt::Display::fmt(&self.core, f)
                }
            }

            impl rt::Encode for Client {
                fn encode(&self, writer: &mut rt::Writer) {
                    rt::Encode::encode(&self.core, writer);
                }
            }

            impl rt::Decode for Client {
                fn decode(reader: &mut rt::Reader<'_>) -> rt::Result<Self, rt::DecodeError> {
                    rt::Decode::decode(reader).map(|core| Self { core })
                }
            }

            impl Client {
                #spawn

                /// A client of the service registered under this name at each call. Checks that there is one now
                /// and that it has every function of the contract.
                pub fn named(name: &str) -> rt::Result<Self, rt::CallError> {
                    rt::Client::named(name, CONTRACT).map(|core| Self { core })
                }

                /// A client of this process, without a check.
                pub fn from_pid(pid: rt::Pid) -> Self {
                    Self { core: rt::Client::from_pid(pid) }
                }

                /// A client of the calling process: a reference to it, to be given away.
                pub fn this() -> Self {
                    Self { core: rt::Client::this() }
                }

                /// The process; none if nobody has the client's name now.
                pub fn pid(&self) -> rt::Option<rt::Pid> {
                    self.core.pid()
                }

                /// The same client with another deadline for its calls; 5 seconds by default.
                pub fn with_deadline(&self, deadline: rt::Duration) -> Self {
                    Self { core: self.core.with_deadline(deadline) }
                }

                /// Watches the service: one `Event::Down` arrives when it ends. Denied for a name without the grant `lookup`.
                pub fn monitor(&self) -> rt::Result<rt::Monitor, rt::SendError> {
                    self.core.monitor()
                }

                /// Begins calls without waiting: `wait` on what its methods return.
                pub fn call_start(&self) -> Starter<'_> {
                    Starter { core: &self.core }
                }

                #(#methods)*
            }

            /// The calls of a client, begun without waiting.
            #[derive(rt::Debug, rt::Clone, rt::Copy)]
            pub struct Starter<'a> {
                core: &'a rt::Client,
            }

            impl Starter<'_> {
                #(#starters)*
            }
        }
    }

    fn spawn(&self) -> TokenStream {
        let function = self.contract.constructor.as_ref();
        let params = function.map(|function| self.client_params(function, Waits::No)).unwrap_or_default();
        let (names, types): (Vec<_>, Vec<_>) = params.iter().map(|param| (&param.name, &param.ty)).unzip();
        let error = function.and_then(|function| self.answer(function).1);
        let error = error.unwrap_or_else(|| quote!(rt::Never));
        let key = function.map_or_else(
            || quote!(rt::Option::None),
            |function| {
                let key = self.key(function);
                quote!(rt::Option::Some(#key))
            },
        );
        let locals = Locals::of(function);
        let (component, spawn, writer) = (locals.own("component"), locals.own("spawn"), locals.own("writer"));
        let encode = encode(&params, &writer);
        quote! {
            /// Starts the service and waits until its constructor is done.
            pub fn spawn(#component: &str #(, #names: #types)*) -> rt::Result<Self, rt::SpawnError<#error>> {
                Self::spawn_with(rt::Spawn::new(#component) #(, #names)*)
            }

            /// The same with options: link, monitor, name, capabilities, deadline.
            pub fn spawn_with(#spawn: rt::Spawn #(, #names: #types)*) -> rt::Result<Self, rt::SpawnError<#error>> {
                #encode
                rt::Client::spawn(#spawn, CONTRACT, #key, #writer.into_bytes()).map(|core| Self { core })
            }

            /// The service as the child of a supervisor, which starts it with these arguments each time.
            pub fn child(#spawn: rt::Spawn #(, #names: #types)*) -> rt::ChildSpec {
                #encode
                rt::ChildSpec::typed(#spawn, CONTRACT, #key, #writer.into_bytes())
            }
        }
    }

    fn client_method(&self, function: &Function) -> TokenStream {
        let (text, name, key) = (docs(&function.docs), names::method(&function.name), self.key(function));
        let waits = match function.shape {
            Shape::Call { .. } => Waits::Yes,
            _ => Waits::No,
        };
        let params = self.client_params(function, waits);
        let locals = Locals::of(Some(function));
        let writer = locals.own("writer");
        let encode = encode(&params, &writer);
        let mut heads: Vec<TokenStream> = heads(&params);
        let (value, error) = self.answer(function);
        let failure = failure(error.as_ref());
        if let Some(stream) = &function.stream {
            let (name, item) = (names::param(&stream.name), self.ty(&stream.item));
            // Read as long as its answer is, if that is a stream.
            let lives = match function.shape {
                Shape::StreamOut { .. } => Some(quote!('stream)),
                _ => None,
            };
            let source = if self.is_byte(&stream.item) {
                let lives = lives.iter();
                quote!(impl rt::Read #(+ #lives)*)
            } else {
                let lives = lives.iter();
                quote!(impl rt::IntoIterator<Item = #item #(, IntoIter: #lives)*>)
            };
            heads.insert(stream.place, quote!(#name: #source));
        }
        match (&function.shape, &function.stream) {
            (Shape::Constructor { .. }, _) => quote!(),
            (Shape::Cast, _) => quote! {
                #text
                pub fn #name(&self #(, #heads)*) -> rt::Result<(), rt::SendError> {
                    #encode
                    self.core.cast(#key, #writer)
                }
            },
            (Shape::Call { .. }, None) => {
                let decoder = decoder(&value, error.as_ref());
                let body = carrying(&params, quote!(#encode #decoder(self.core.call(#key, #writer))));
                quote! {
                    #text
                    pub fn #name(&self #(, #heads)*) -> rt::Result<#value, #failure> { #body }
                }
            }
            (Shape::Call { .. }, Some(stream)) => {
                let decoder = decoder(&value, error.as_ref());
                let (own, end) = (names::param(&stream.name), self.end(End::Writer, &stream.item));
                let (feed, pending) = (locals.own("feed"), locals.own("pending"));
                let refusal = error.clone().unwrap_or_else(|| quote!(rt::Never));
                let feeding = match self.is_byte(&stream.item) {
                    true => quote!(rt::feed_bytes::<#refusal>(#feed, #own)?),
                    false => quote!(rt::feed(#feed, #own)),
                };
                let body = quote! {
                    #encode
                    let (#feed, #pending) = self.core.stream_in::<#end, _>(#key, #writer, #decoder);
                    #feeding;
                    #pending.wait()
                };
                let body = carrying(&params, body);
                quote! {
                    #text
                    pub fn #name(&self #(, #heads)*) -> rt::Result<#value, #failure> { #body }
                }
            }
            (Shape::StreamOut { head, item, .. }, None) => {
                let (reader, accepted) = (self.end(End::Reader, item), self.accepted(function));
                let opened = opened(
                    head.as_ref(),
                    &quote!(self.core.stream_out::<#reader, _, _>(#key, #writer, #accepted)),
                );
                quote! {
                    #text
                    pub fn #name(&self #(, #heads)*) -> rt::Result<#value, #failure> {
                        #encode
                        #opened
                    }
                }
            }
            (Shape::StreamOut { head, item, .. }, Some(stream)) => {
                let (reader, accepted) = (self.end(End::Reader, item), self.accepted(function));
                let own = names::param(&stream.name);
                let source = match self.is_byte(&stream.item) {
                    true => quote!(rt::bytes(#own)),
                    false => quote!(rt::items(#own)),
                };
                let opened = opened(
                    head.as_ref(),
                    &quote!(self.core.duplex::<#reader, _, _>(#key, #writer, #source, #accepted)),
                );
                quote! {
                    #text
                    pub fn #name<'stream>(&self #(, #heads)*) -> rt::Result<#value, #failure> {
                        #encode
                        #opened
                    }
                }
            }
        }
    }

    fn starter_method(&self, function: &Function) -> Option<TokenStream> {
        let (text, name, key) = (docs(&function.docs), names::method(&function.name), self.key(function));
        let params = self.client_params(function, Waits::No);
        let writer = Locals::of(Some(function)).own("writer");
        let (encode, heads) = (encode(&params, &writer), heads(&params));
        let (value, error) = self.answer(function);
        let failure = failure(error.as_ref());
        let input = function.stream.as_ref().map(|stream| self.end(End::Writer, &stream.item));
        let (value, started) = match &function.shape {
            Shape::Constructor { .. } | Shape::Cast => return None,
            Shape::Call { .. } => {
                let decoder = decoder(&value, error.as_ref());
                let started = match &input {
                    None => quote!(self.core.call_start(#key, #writer, #decoder)),
                    Some(end) => quote!(self.core.stream_in::<#end, _>(#key, #writer, #decoder)),
                };
                (value, started)
            }
            Shape::StreamOut { head, item, .. } => {
                let (reader, accepted) = (self.end(End::Reader, item), self.accepted(function));
                let value = self.headed(head.as_ref(), &reader);
                let opened = match head {
                    None => quote!(rt::without_head),
                    Some(_) => quote!(rt::with_head),
                };
                let started = match &input {
                    None => {
                        quote!(self.core.stream_out_start::<#reader, _, _, _>(#key, #writer, #accepted, #opened))
                    }
                    Some(end) => {
                        quote!(self.core.duplex_start::<#end, #reader, _, _, _>(#key, #writer, #accepted, #opened))
                    }
                };
                (value, started)
            }
        };
        let pending = quote!(rt::Pending<rt::Result<#value, #failure>>);
        let answer = match input {
            None => pending,
            Some(end) => quote!((#end, #pending)),
        };
        Some(quote! {
            #text
            pub fn #name(&self #(, #heads)*) -> #answer {
                #encode
                #started
            }
        })
    }

    /// What reads the reply of a function that streams out: the value before the stream, or its refusal.
    fn accepted(&self, function: &Function) -> TokenStream {
        let Shape::StreamOut { head, refusal, .. } = &function.shape else { return quote!() };
        let head = self.payload(head.as_ref());
        decoder(&head, self.refusal(refusal.as_ref()).as_ref())
    }

    fn client_params(&self, function: &Function, waits: Waits) -> Vec<ClientParam> {
        let param = |param: &crate::Param| {
            let name = names::param(&param.name);
            let ty = self.ty(&param.ty);
            let (ty, value) = match self.contract.resolved(&param.ty) {
                Type::String => (quote!(impl rt::AsRef<str>), quote!(rt::AsRef::<str>::as_ref(&#name))),
                Type::List(of) => {
                    let of = self.ty(of);
                    (quote!(impl rt::AsRef<[#of]>), quote!(rt::AsRef::<[#of]>::as_ref(&#name)))
                }
                Type::Named(place)
                    if matches!(
                        self.contract.types[*place].kind,
                        TypeKind::Record(_) | TypeKind::Variant(_)
                    ) =>
                {
                    (quote!(impl rt::Borrow<#ty>), quote!(rt::Borrow::<#ty>::borrow(&#name)))
                }
                Type::Ref(_) if waits == Waits::Yes => (quote!(impl rt::Reference<#ty>), quote!(#name)),
                Type::Ref(_) => (quote!(impl rt::ClientOf<#ty>), quote!(rt::ClientOf::<#ty>::client(&#name))),
                _ => (ty, quote!(&#name)),
            };
            let is_reference = matches!(self.contract.resolved(&param.ty), Type::Ref(_));
            ClientParam { name, ty, value, carried: is_reference && waits == Waits::Yes }
        };
        function.params.iter().map(param).collect()
    }
}

/// A call in whose arguments callbacks may be: they are answered for as long as it takes.
fn carrying(params: &[ClientParam], call: TokenStream) -> TokenStream {
    let carried = params.iter().rev().filter(|param| param.carried);
    carried
        .fold(call, |call, ClientParam { name, .. }| quote!(rt::Reference::refer(#name, |#name| { #call })))
}

fn heads(params: &[ClientParam]) -> Vec<TokenStream> {
    let head = |ClientParam { name, ty, .. }: &ClientParam| quote!(#name: #ty);
    params.iter().map(head).collect()
}

fn encode(params: &[ClientParam], writer: &Ident) -> TokenStream {
    let values = params.iter().map(|param| &param.value);
    quote! {
        let mut #writer = rt::Writer::new();
        #(rt::Encode::encode(#values, &mut #writer);)*
    }
}

/// A stream that was opened, with what comes before it, if anything does.
fn opened(head: Option<&Type>, opened: &TokenStream) -> TokenStream {
    match head {
        None => quote!(#opened.map(|((), reader)| reader)),
        Some(_) => opened.clone(),
    }
}

fn decoder(value: &TokenStream, error: Option<&TokenStream>) -> TokenStream {
    match error {
        None => quote!(rt::plain::<#value>),
        Some(error) => quote!(rt::fallible::<#value, #error>),
    }
}

fn failure(error: Option<&TokenStream>) -> TokenStream {
    let error = error.map(|error| quote!(<#error>));
    quote!(rt::CallError #error)
}
