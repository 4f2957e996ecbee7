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
    assert_eq!(config.http_allow, ["example.com", "*.example.org", "third.example"]);
    assert!(config.shell);
    assert_eq!(config.kv_file, Some("/tmp/a=b".into()));
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
    check("origin.bufsize=65521", "1 to 65520");
    check("shell.enabled=yes", "neither true nor false");
}
