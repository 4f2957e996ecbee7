//! What users write.

use super::*;

fn parse(given: &[&str]) -> Result<Config, String> {
    let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
    Config::parse(&given)
}

#[test]
fn values_are_taken() {
    let config = parse(&[
        "random.bitsperminute=99999999999",
        "origin.bufsize=65520",
        "http.allow=example.com, *.example.org",
        "http.allow=third.example",
        "shell.enabled=true",
        "kv.file=/tmp/a=b",
    ])
    .unwrap();
    assert_eq!(config.random_bits_per_minute, u32::MAX);
    assert_eq!(config.origin_buffer_bytes, 65520);
    let rule = |text: &str| text.parse::<Rule>().unwrap();
    assert_eq!(config.http.rules, [rule("example.com"), rule("*.example.org"), rule("third.example")]);
    assert!(config.shell);
    assert_eq!(config.kv_file, Some("/tmp/a=b".into()));
}

#[test]
fn private_addresses_are_allowed_for_all_or_none() {
    for order in
        [["http.private=true", "http.allow=example.com"], ["http.allow=example.com", "http.private=true"]]
    {
        let config = parse(&order).unwrap();
        let rule = "example.com".parse::<Rule>().unwrap();
        assert_eq!(config.http.rules, [rule.allow_private_addresses()]);
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let check = |given: &str, expected: &str| {
        let error = parse(&[given]).unwrap_err();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains(given), "{error}");
    };
    check("random", "write it like");
    check("random.bitsperminute=", "not a number");
    check("random.bits=1", "there is no");
    check("log.rate=0", "not a number");
    check("http.allow=ftp://example.com", "not a server");
    check("localhost.addr=example.com", "not the address");
    check("origin.bufsize=1048577", "1 to 1048576");
    check("shell.enabled=yes", "neither true nor false");
}
