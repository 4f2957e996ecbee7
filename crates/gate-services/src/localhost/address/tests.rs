//! Tests of where requests go.

use proptest::prelude::*;

use super::*;

#[test]
fn addresses_are_read() {
    for (text, base) in [
        ("http://example.com", "http://example.com/"),
        ("http://example.com:8080/", "http://example.com:8080/"),
        ("https://127.0.0.1:443", "https://127.0.0.1/"),
        ("http://[::1]:1", "http://[::1]:1/"),
    ] {
        let address: Address = text.parse().unwrap();
        assert_eq!((address.base.as_str(), address.socket), (base, None));
    }
    let address: Address = "unix:///run/some socket".parse().unwrap();
    assert_eq!(address.base.as_str(), "http://localhost/");
    assert_eq!(address.socket, Some("/run/some socket".into()));
    for text in [
        "",
        "example.com",
        "http://",
        "http://example.com/path",
        "http://example.com/?query",
        "http://user@example.com",
        "http://:password@example.com",
        "http://example.com/#fragment",
        "ftp://example.com",
        "unix://",
        "unix:///",
        "unix://host/path",
        "unix:/path",
        "unix:///a?b",
    ] {
        assert_eq!(text.parse::<Address>(), Err(AddressError { text: text.to_owned() }));
    }
}

#[track_caller]
fn check(uri: &str, expected: Option<(&str, Option<&str>)>) {
    let base = Url::parse("http://server:81").unwrap();
    let found = resolve(&base, uri);
    let found =
        found.map(|(url, name)| (url.to_string(), name.map(|name| name.to_str().unwrap().to_owned())));
    let expected = expected.map(|(path, name)| (format!("http://server:81{path}"), name.map(str::to_owned)));
    assert_eq!(found, expected, "{uri:?}");
}

#[test]
fn relative_uris_lead_to_the_server() {
    check("", Some(("/", None)));
    check("/", Some(("/", None)));
    check("/a/b?c=d&e?f#g", Some(("/a/b?c=d&e?f", None)));
    check("a/b", Some(("/a/b", None)));
    check("?a", Some(("/?a", None)));
    check("/a:b", Some(("/a:b", None)));
    check("?a:b", Some(("/?a:b", None)));
    check("#a", Some(("/", None)));
    check("/%2f %41ü", Some(("/%2f%20%41%C3%BC", None)));
    check("//name/a", Some(("/a", Some("name"))));
    check("//name", Some(("/", Some("name"))));
    check("//name?a", Some(("/?a", Some("name"))));
    check("//[::1]/a", Some(("/a", Some("[::1]"))));
    // Nobody is named.
    check("///a", Some(("/a", None)));
    check("////evil/a", Some(("//evil/a", None)));
    check("/\\evil/a", Some(("//evil/a", None)));
    check("\\\\evil/a", Some(("//evil/a", None)));
    check("/../a", Some(("/a", None)));
}

#[test]
fn other_uris_are_refused() {
    for uri in [
        "http://server/",
        "http:",
        "mailto:a",
        "a:b",
        "1:2",
        ":",
        "//name:1/",
        "//user@name/",
        "//user:password@name/",
        "//na me/",
        "//[::1",
        "//[1]/",
        "//[::1]:1/",
        "//na%41me/",
        "/a\nb",
        "/a\r",
        "/\0",
        "/%",
        "/%4",
        "/%zz",
        "/a%",
        "/\x7f",
    ] {
        check(uri, None);
    }
}

proptest! {
    #[test]
    fn no_uri_leads_elsewhere(uri in "[/\\\\:@?#%a.\\[\\]\u{fc} ]{0,12}|.{0,20}") {
        let base = Url::parse("http://server:81").unwrap();
        if let Some((url, _)) = resolve(&base, &uri) {
            prop_assert_eq!(url.origin(), base.origin());
            prop_assert!(url.username().is_empty() && url.password().is_none());
            // Nor when it is read again.
            prop_assert_eq!(Url::parse(url.as_str()).unwrap().origin(), base.origin());
        }
    }
}
