//! The URL standard, by the crate that Servo has for it.

use ::url::{Url, quirks};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Lower, WasmStr};

use super::table::{Imports, url as import};
use crate::guest::Guest;

type Store<'a> = StoreContextMut<'a, Guest>;

pub(super) fn add(imports: &mut Imports<'_>) -> wasmtime::Result<()> {
    imports.func_wrap(&import::PARSE, |store: Store<'_>, (text, base): (WasmStr, Option<WasmStr>)| {
        let text = text.to_str(&store)?;
        let base = base.as_ref().map(|base| base.to_str(&store)).transpose()?;
        Ok((parse(&text, base.as_deref()).as_ref().map(Parts::of),))
    })?;
    imports.func_wrap(&import::CHANGE, |store: Store<'_>, (href, part, value): (WasmStr, Part, WasmStr)| {
        let (href, value) = (href.to_str(&store)?, value.to_str(&store)?);
        Ok((change(&href, part, &value).as_ref().map(Parts::of),))
    })
}

fn parse(text: &str, base: Option<&str>) -> Option<Url> {
    if text.len() > LONGEST || base.is_some_and(|base| base.len() > LONGEST) {
        return None;
    }
    let base = base.map(Url::parse).transpose().ok()?;
    Url::options().base_url(base.as_ref()).parse(text).ok()
}

/// As the standard's setters: most of them ignore what does not fit.
fn change(href: &str, part: Part, value: &str) -> Option<Url> {
    if value.len() > LONGEST {
        return None;
    }
    let mut url = parse(href, None)?;
    match part {
        Part::Href => return parse(value, None),
        Part::Protocol => drop(quirks::set_protocol(&mut url, value)),
        Part::Username => drop(quirks::set_username(&mut url, value)),
        Part::Password => drop(quirks::set_password(&mut url, value)),
        Part::Host => drop(quirks::set_host(&mut url, value)),
        Part::Hostname => drop(quirks::set_hostname(&mut url, value)),
        Part::Port => drop(quirks::set_port(&mut url, value)),
        Part::Pathname => quirks::set_pathname(&mut url, value),
        Part::Search => quirks::set_search(&mut url, value),
        Part::Hash => quirks::set_hash(&mut url, value),
    }
    Some(url)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[allow(dead_code, reason = "the guest makes them")]
enum Part {
    #[component(name = "href")]
    Href,
    #[component(name = "protocol")]
    Protocol,
    #[component(name = "username")]
    Username,
    #[component(name = "password")]
    Password,
    #[component(name = "host")]
    Host,
    #[component(name = "hostname")]
    Hostname,
    #[component(name = "port")]
    Port,
    #[component(name = "pathname")]
    Pathname,
    #[component(name = "search")]
    Search,
    #[component(name = "hash")]
    Hash,
}

#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
struct Parts {
    href: String,
    origin: String,
    protocol: String,
    username: String,
    password: String,
    host: String,
    hostname: String,
    port: String,
    pathname: String,
    search: String,
    hash: String,
}

impl Parts {
    fn of(url: &Url) -> Self {
        Self {
            href: quirks::href(url).to_owned(),
            origin: quirks::origin(url),
            protocol: quirks::protocol(url).to_owned(),
            username: quirks::username(url).to_owned(),
            password: quirks::password(url).to_owned(),
            host: quirks::host(url).to_owned(),
            hostname: quirks::hostname(url).to_owned(),
            port: quirks::port(url).to_owned(),
            pathname: quirks::pathname(url).to_owned(),
            search: quirks::search(url).to_owned(),
            hash: quirks::hash(url).to_owned(),
        }
    }
}

/// As long as texts may be, in bytes: browsers take a few times more, servers much less.
const LONGEST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn href(text: &str, base: Option<&str>) -> Option<String> {
        parse(text, base).map(|url| url.to_string())
    }

    #[test]
    fn a_text_is_a_url_by_itself_or_relative_to_one() {
        assert_eq!(href("HTTP://ÄB.example:80/a/../b?q#f", None).unwrap(), "http://xn--b-zfa.example/b?q#f");
        assert_eq!(href("../c?x", Some("https://a.example/b/d")).unwrap(), "https://a.example/c?x");
        assert_eq!(href("//b.example", Some("https://a.example/b")).unwrap(), "https://b.example/");
        for (text, base) in
            [("a", None), ("", None), ("http://", None), ("x", Some("mailto:a@b")), ("x", Some("y"))]
        {
            assert_eq!(href(text, base), None, "{text} {base:?}");
        }
        let long = format!("https://a.example/{}", "a".repeat(LONGEST));
        assert_eq!(href(&long, None), None);
        assert_eq!(href("a", Some(&long)), None);
    }

    #[test]
    fn a_part_that_does_not_fit_changes_nothing() {
        let changed =
            |part, value| change("https://u:p@a.example:8080/b?q#f", part, value).map(|url| url.to_string());
        assert_eq!(changed(Part::Host, "c.example:443").unwrap(), "https://u:p@c.example/b?q#f");
        assert_eq!(changed(Part::Port, "99999").unwrap(), "https://u:p@a.example:8080/b?q#f");
        assert_eq!(changed(Part::Protocol, "ftp").unwrap(), "ftp://u:p@a.example:8080/b?q#f");
        assert_eq!(changed(Part::Protocol, "mailto").unwrap(), "https://u:p@a.example:8080/b?q#f");
        assert_eq!(changed(Part::Search, "?a b").unwrap(), "https://u:p@a.example:8080/b?a%20b#f");
        assert_eq!(changed(Part::Hash, "").unwrap(), "https://u:p@a.example:8080/b?q");
        assert_eq!(changed(Part::Href, "nothing"), None);
        assert_eq!(changed(Part::Pathname, &"a".repeat(LONGEST + 1)), None);
    }
}
