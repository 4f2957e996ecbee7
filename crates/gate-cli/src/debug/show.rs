//! What is shown of a stopped program: from the description that `gate inspect --json` gives, whose texts a stranger made.

use std::fmt::Write;

use serde_json::Value;

use crate::text::escaped;

/// How many calls are shown at each end of the stack.
const MAX_CALLS: usize = 50;

/// A description of a stopped program.
pub(super) struct Description(Value);

impl Description {
    /// Reads one. There is none in what a process says that was taken over.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(json).ok()?;
        value.get("state")?.is_object().then_some(Self(value))
    }

    fn state(&self, key: &str) -> &Value {
        &self.0["state"][key]
    }

    fn calls(&self) -> &[Value] {
        self.state("frames").as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// Where the program is, in a line or more.
    pub(super) fn place(&self) -> String {
        match self.calls().first() {
            Some(call) => show_call(call),
            None => format!("  in no function (phase: {})\n", text(self.state("phase"))),
        }
    }

    /// The offset of the breakpoint that the program is at, if it is at one.
    pub(super) fn breakpoint(&self) -> Option<u64> {
        let site = &self.calls().first()?["site"];
        site["offset"].as_u64().filter(|_| site["kind"] == "breakpoint")
    }

    /// All calls.
    pub(super) fn backtrace(&self) -> String {
        let calls = self.calls();
        if calls.is_empty() {
            return "no function has been called that has not returned\n".to_owned();
        }
        let shown = |position: usize| position < MAX_CALLS || calls.len() - position <= MAX_CALLS;
        let mut text = String::new();
        for (position, call) in calls.iter().enumerate() {
            if shown(position) {
                text.push_str(&show_call(call));
            } else if shown(position - 1) {
                text.push_str("      …\n");
            }
        }
        text
    }

    /// The values of a call.
    pub(super) fn locals(&self, number: u64) -> Result<String, String> {
        let call = self.calls().iter().find(|call| call["number"] == number);
        let call = call.ok_or_else(|| format!("there is no call {number} (backtrace lists them)"))?;
        let mut text = String::new();
        let live = |value: &&(usize, &Value)| value.1["live"] == true;
        let locals = call["locals"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (index, local) in locals.iter().enumerate().filter(|value| live(&value)) {
            text.push_str(&named(index, local));
        }
        for (index, operand) in call["operands"].as_array().into_iter().flatten().enumerate() {
            let _ = writeln!(
                text,
                "  operand {index}: {} {}",
                self::text(&operand["type"]),
                self::text(&operand["value"])
            );
        }
        if text.is_empty() {
            text.push_str("nothing that the call would read again\n");
        }
        Ok(text)
    }

    /// The values of globals: of one, or of all.
    pub(super) fn globals(&self, name: Option<&str>) -> Result<String, String> {
        let globals = self.state("globals").as_array().map(Vec::as_slice).unwrap_or_default();
        let wanted = |(index, global): &(usize, &Value)| {
            name.is_none_or(|name| global["name"] == name || index.to_string() == name)
        };
        let found: String =
            globals.iter().enumerate().filter(wanted).map(|(index, global)| named(index, global)).collect();
        match name {
            Some(name) if found.is_empty() => Err(format!("there is no global {}", escaped(name))),
            _ => Ok(found),
        }
    }

    /// The size of the first memory in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.state("memories")[0]["pages"].as_u64().unwrap_or_default().saturating_mul(65_536)
    }
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn named(index: usize, value: &Value) -> String {
    let name = value["name"].as_str().map(|name| format!(" {}", escaped(name))).unwrap_or_default();
    format!("  {index}{name}: {} {}\n", text(&value["type"]), text(&value["value"]))
}

fn show_call(call: &Value) -> String {
    let function = &call["function"];
    let name = match function["name"].as_str() {
        Some(name) => escaped(name),
        None => format!("function {}", function["index"]),
    };
    let place = match call["site"]["kind"].as_str() {
        Some("call") => "in a call",
        Some("loop") => "at the head of a loop",
        Some("entry") => "at its entry",
        Some("import") => "about to be called",
        Some("breakpoint") => "at a breakpoint",
        _ => "somewhere",
    };
    let offset = call["site"]["offset"].as_u64().unwrap_or_default();
    let number = call["number"].as_u64().unwrap_or_default();
    let mut text = format!("{number:>4}: {name}, {place} at {offset:#x}\n");
    for line in call["lines"].as_array().into_iter().flatten() {
        let inlined = match line["function"].as_str() {
            Some(inlined) if Some(inlined) != function["name"].as_str() => format!("{} ", escaped(inlined)),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "        {inlined}at {}:{}:{}",
            self::text(&line["file"]),
            line["line"],
            line["column"]
        );
    }
    text
}

/// Bytes of memory, sixteen a line.
pub(super) fn memory(address: u64, bytes: &[u8]) -> String {
    let mut text = String::new();
    for (offset, line) in (address..).step_by(16).zip(bytes.chunks(16)) {
        let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let printable = |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' };
        let ascii: String = line.iter().map(printable).collect();
        let _ = writeln!(text, "  {offset:08x}  {:47}  {ascii}", hex.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Description, memory};

    #[test]
    fn what_a_stranger_made_is_escaped() {
        let document = json!({"state": {"phase": "main", "memories": [{"pages": 2}],
            "globals": [{"name": "\u{1b}[2J", "type": "i32", "value": "1"}],
            "frames": [{"number": 0, "function": {"index": 3, "name": "a\nb"}, "site": {"offset": 16, "kind": "loop"},
                "lines": [{"function": "in\rline", "file": "\u{7}.c", "line": 3, "column": 1}],
                "locals": [{"name": "n", "type": "i32", "value": "7", "live": true},
                    {"name": "m", "type": "i32", "value": "0", "live": false}],
                "operands": [{"type": "f64", "value": "0.5"}]}]}});
        let description = Description::read(document.to_string().as_bytes()).unwrap();
        let place = "   0: a\\nb, at the head of a loop at 0x10\n        in\\rline at \\u{7}.c:3:1\n";
        assert_eq!(description.place(), place);
        assert_eq!(description.backtrace(), place);
        assert_eq!(description.locals(0).unwrap(), "  0 n: i32 7\n  operand 0: f64 0.5\n");
        assert!(description.locals(1).unwrap_err().contains("no call 1"));
        assert_eq!(description.globals(Some("0")).unwrap(), "  0 \\u{1b}[2J: i32 1\n");
        assert!(description.globals(Some("1")).is_err());
        assert_eq!(description.memory_bytes(), 131_072);
    }

    #[test]
    fn nonsense_is_no_description() {
        for bytes in [&b""[..], b"{", b"[]", b"{\"state\": null}"] {
            assert!(Description::read(bytes).is_none());
        }
    }

    #[test]
    fn memory_is_shown_in_lines() {
        assert_eq!(
            memory(0x10, b"Hello, \x1bworld!\xff123"),
            "  00000010  48 65 6c 6c 6f 2c 20 1b 77 6f 72 6c 64 21 ff 31  Hello, .world!.1\n  00000020  32 33                                            23\n"
        );
    }
}
