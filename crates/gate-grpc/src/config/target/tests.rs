//! Targets that are right and wrong.

use super::{Address, Security, Target, TargetError};

#[track_caller]
fn check_address(text: &str, shown: &str, authority: &str) {
    let address: Address = text.parse().unwrap();
    assert_eq!((address.to_string().as_str(), address.authority().as_str()), (shown, authority), "{text}");
}

#[test]
fn addresses() {
    check_address("unix:/run/x", "unix:/run/x", "localhost");
    check_address("unix:///run/x", "unix:/run/x", "localhost");
    check_address("unix:x", "unix:x", "localhost");
    check_address("localhost:80", "localhost:80", "localhost:80");
    check_address("example.com", "example.com:443", "example.com:443");
    check_address("dns:///a:1", "a:1", "a:1");
    check_address("dns:a:1", "a:1", "a:1");
    check_address("127.0.0.1:5", "127.0.0.1:5", "127.0.0.1:5");
    check_address("[::1]:5", "[::1]:5", "[::1]:5");
    check_address("[::1]", "[::1]:443", "[::1]:443");
}

#[test]
fn what_is_no_address() {
    let host = |found: &str| TargetError::Host { found: found.to_owned() };
    for (text, error) in [
        ("", TargetError::Empty),
        ("unix:", TargetError::NoPath),
        ("unix://", TargetError::NoPath),
        ("dns://8.8.8.8/a:1", TargetError::NameServer { server: "8.8.8.8".to_owned() }),
        ("dns:///", host("")),
        (":80", host(":80")),
        ("a:", host("a:")),
        ("a:0", host("a:0")),
        ("a:65536", host("a:65536")),
        ("a:+1", host("a:+1")),
        ("a:1:2", host("a:1:2")),
        ("a/b:1", host("a/b:1")),
        ("http://a:1", host("http://a:1")),
        ("[::1", host("[::1")),
        ("[a]:1", host("[a]:1")),
        ("[::1]1", host("[::1]1")),
        ("user@a:1", host("user@a:1")),
    ] {
        assert_eq!(text.parse::<Target>(), Err(error), "{text:?}");
    }
}

#[test]
fn options() {
    let parse = |options: &str| format!("a:1 {options}").parse::<Target>();
    let secure = |file: Option<&str>| Security::Tls { authorities: file.map(Into::into) };
    for (options, security, optional) in [
        ("", secure(None), false),
        ("optional", secure(None), true),
        ("insecure", Security::Insecure, false),
        ("optional  insecure", Security::Insecure, true),
        ("ca=/x/y.pem", secure(Some("/x/y.pem")), false),
    ] {
        let target = parse(options).unwrap();
        assert_eq!((target.security, target.optional), (security, optional), "{options}");
    }
    for word in ["Insecure", "ca=", "ca", "insecure=1", "x"] {
        assert_eq!(parse(word), Err(TargetError::Option { found: word.to_owned() }));
    }
    assert_eq!(parse("insecure ca=x"), Err(TargetError::InsecureAuthorities));
}
