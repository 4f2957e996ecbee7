//! Tests of which servers can be reached.

use super::*;

#[track_caller]
fn check(rules: &[&str], url: &str, expected: Result<Reach, ErrorNumber>) {
    let rules = rules.iter().map(|text| text.parse().unwrap()).collect();
    let url = Url::parse(url).unwrap();
    assert_eq!(Policy { rules }.check(&url), expected, "{url}");
}

const PUBLIC: Result<Reach, ErrorNumber> = Ok(Reach::Public);
const NO: Result<Reach, ErrorNumber> = Err(ErrorNumber::NotAllowed);
const PRIVATE: Result<Reach, ErrorNumber> = Err(ErrorNumber::PrivateAddress);

#[test]
fn nothing_is_allowed_by_default() {
    check(&[], "https://example.com/", NO);
}

#[test]
fn names_are_compared_as_a_whole() {
    let rules = ["example.com"];
    check(&rules, "https://example.com/any?thing", PUBLIC);
    check(&rules, "https://EXAMPLE.com/", PUBLIC);
    check(&rules, "https://example.com:443/", PUBLIC);
    check(&rules, "http://example.com/", NO);
    check(&rules, "https://example.com:444/", NO);
    check(&rules, "https://example.com./", NO);
    check(&rules, "https://www.example.com/", NO);
    check(&rules, "https://badexample.com/", NO);
    check(&rules, "https://example.com.bad/", NO);
    check(&["bücher.example"], "https://xn--bcher-kva.example/", PUBLIC);
    check(&["xn--bcher-kva.example"], "https://BÜCHER.example/", PUBLIC);
}

#[test]
fn a_star_stands_for_what_is_before_a_dot() {
    let rules = ["*.example.com"];
    check(&rules, "https://www.example.com/", PUBLIC);
    check(&rules, "https://a.b.example.com/", PUBLIC);
    check(&rules, "https://example.com/", NO);
    check(&rules, "https://badexample.com/", NO);
    check(&["*"], "https://any.example/", PUBLIC);
    check(&["*"], "http://any.example/", NO);
}

#[test]
fn schemes_and_ports_are_compared() {
    check(&["http://example.com"], "http://example.com/", PUBLIC);
    check(&["http://example.com"], "http://example.com:80/", PUBLIC);
    check(&["http://example.com"], "https://example.com/", NO);
    check(&["http://example.com:8080"], "http://example.com:8080/", PUBLIC);
    check(&["http://example.com:8080"], "http://example.com/", NO);
    check(&["example.com:443"], "https://example.com/", PUBLIC);
    check(&["example.com:*"], "https://example.com:1234/", PUBLIC);
    check(&["http://*:*"], "http://example.com:1234/", PUBLIC);
    check(&["example.com", "http://example.com"], "http://example.com/", PUBLIC);
}

#[test]
fn addresses_are_judged_at_once() {
    check(&["*"], "https://1.1.1.1/", PUBLIC);
    for private in
        ["127.0.0.1", "127.1", "0x7f.0.0.1", "2130706433", "10.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "0"]
    {
        check(&["*"], &format!("https://{private}/"), PRIVATE);
    }
    check(&["127.0.0.1"], "https://127.0.0.1/", Ok(Reach::All));
    check(&["127.0.0.1"], "https://127.0.0.2/", NO);
    check(&["http://[::1]:8080"], "http://[::1]:8080/", Ok(Reach::All));
    check(&["[::1]"], "https://[0:0::1]/", Ok(Reach::All));
    check(&["[::1]:*"], "https://[::2]:1/", NO);
}

#[test]
fn private_addresses_can_be_allowed() {
    let rule = |text: &str| text.parse::<Rule>().unwrap();
    let policy = Policy { rules: vec![rule("*"), rule("*.internal").allow_private_addresses()] };
    assert_eq!(policy.check(&Url::parse("https://db.internal/").unwrap()), Ok(Reach::All));
    assert_eq!(policy.check(&Url::parse("https://example.com/").unwrap()), PUBLIC);
}

#[test]
fn rules_are_checked() {
    for text in [
        "",
        "*.",
        ".",
        "*example.com",
        "a.*.b",
        "*.*",
        "ftp://example.com",
        "https://",
        "example.com/",
        "example.com:",
        "example.com:0",
        "example.com:65536",
        "example.com:-1",
        "user@example.com",
        "exa mple.com",
        "a%2eb",
        "::1",
        "[::1",
        "https://https://a",
        "a?b",
        "a#b",
        "*.[::1]",
        "example.com:1:2",
    ] {
        assert_eq!(text.parse::<Rule>(), Err(RuleError { text: text.to_owned() }));
    }
}

#[test]
fn rules_are_printed_as_they_are_read() {
    for (text, printed) in [
        ("example.com", "https://example.com"),
        ("http://*.Example.com:*", "http://*.example.com:*"),
        ("*:8443", "https://*:8443"),
        ("[0:0::1]:1", "https://[::1]:1"),
        ("192.0.2.1", "https://192.0.2.1"),
    ] {
        let rule: Rule = text.parse().unwrap();
        assert_eq!(rule.to_string(), printed);
        assert_eq!(printed.parse(), Ok(rule));
    }
}
