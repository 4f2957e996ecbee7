//! What the user can say.

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Break(String),
    Breakpoints,
    Delete(Option<u32>),
    Continue,
    Step(u64),
    Backtrace,
    Locals(u64),
    Global(Option<String>),
    Memory { address: u64, length: u64 },
    Snapshot(String),
    Help,
    Quit,
}

/// The names of commands, with what is enough to say.
const NAMES: [(&str, &str); 12] = [
    ("break", "b"),
    ("breakpoints", "breakp"),
    ("delete", "d"),
    ("continue", "c"),
    ("step", "s"),
    ("backtrace", "bt"),
    ("locals", "l"),
    ("global", "g"),
    ("memory", "m"),
    ("snapshot", "sn"),
    ("help", "h"),
    ("quit", "q"),
];

/// How many bytes of memory are shown at most.
const MAX_MEMORY: u64 = 1 << 20;

impl Command {
    /// Reads a line. There is none in an empty one, or in one that starts with `#`.
    pub(super) fn parse(line: &str) -> Result<Option<Self>, String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let known = |(name, short): &&(&str, &str)| *short == word || *name == word;
        let begins = |(name, short): &&(&str, &str)| name.starts_with(word) && word.starts_with(short);
        let name = NAMES.iter().find(known).or_else(|| NAMES.iter().find(begins)).map(|(name, _)| *name);
        let none = |command: Self| {
            if rest.is_empty() { Ok(command) } else { Err(format!("{word} takes nothing behind it")) }
        };
        let text = |what: &str| {
            if rest.is_empty() { Err(format!("{word} needs {what} behind it")) } else { Ok(rest.to_owned()) }
        };
        Ok(Some(match name {
            Some("break") => Self::Break(text("a place: an offset (0x1f), a function, or FILE:LINE")?),
            Some("breakpoints") => none(Self::Breakpoints)?,
            Some("delete") => Self::Delete(if rest.is_empty() { None } else { Some(number(rest)?) }),
            Some("continue") => none(Self::Continue)?,
            Some("step") => Self::Step(if rest.is_empty() { 1 } else { number::<u64>(rest)?.max(1) }),
            Some("backtrace") => none(Self::Backtrace)?,
            Some("locals") => Self::Locals(if rest.is_empty() { 0 } else { number(rest)? }),
            Some("global") => Self::Global((!rest.is_empty()).then(|| rest.to_owned())),
            Some("memory") => {
                let rest = text("an address")?;
                let (address, length) = rest.split_once(char::is_whitespace).unwrap_or((&rest, "64"));
                let length = number::<u64>(length.trim())?;
                if length > MAX_MEMORY {
                    return Err(format!("at most {MAX_MEMORY} bytes of memory are shown at once"));
                }
                Self::Memory { address: number(address)?, length }
            }
            Some("snapshot") => Self::Snapshot(text("the name of a file")?),
            Some("help") => none(Self::Help)?,
            Some("quit") => none(Self::Quit)?,
            _ => return Err(format!("there is no command {} (help lists them)", crate::text::escaped(word))),
        }))
    }
}

/// A decimal number, or a hexadecimal one behind `0x`.
fn number<N: TryFrom<u64>>(text: &str) -> Result<N, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let number = number.and_then(|number| N::try_from(number).ok());
    number.ok_or_else(|| format!("{} is no number that could be meant", crate::text::escaped(text)))
}

#[cfg(test)]
mod tests {
    use super::Command;

    #[track_caller]
    fn check(line: &str, expect: Result<Option<Command>, &str>) {
        match (Command::parse(line), expect) {
            (Err(message), Err(part)) => assert!(message.contains(part), "{line}: {message}"),
            (found, expect) => assert_eq!(found, expect.map_err(str::to_owned), "{line}"),
        }
    }

    #[test]
    fn commands_and_their_beginnings_are_read() {
        check("break main.c:7", Ok(Some(Command::Break("main.c:7".to_owned()))));
        check(
            "  b  operator new(unsigned long) ",
            Ok(Some(Command::Break("operator new(unsigned long)".to_owned()))),
        );
        check("breakpoints", Ok(Some(Command::Breakpoints)));
        check("delete", Ok(Some(Command::Delete(None))));
        check("d 2", Ok(Some(Command::Delete(Some(2)))));
        check("c", Ok(Some(Command::Continue)));
        check("cont", Ok(Some(Command::Continue)));
        check("s", Ok(Some(Command::Step(1))));
        check("step 10", Ok(Some(Command::Step(10))));
        check("snapshot out.wasm", Ok(Some(Command::Snapshot("out.wasm".to_owned()))));
        check("bt", Ok(Some(Command::Backtrace)));
        check("locals 1", Ok(Some(Command::Locals(1))));
        check("g", Ok(Some(Command::Global(None))));
        check("memory 0x10", Ok(Some(Command::Memory { address: 16, length: 64 })));
        check("m 16 0x20", Ok(Some(Command::Memory { address: 16, length: 32 })));
        check("quit", Ok(Some(Command::Quit)));
        check("", Ok(None));
        check("# nothing", Ok(None));
    }

    #[test]
    fn what_is_no_command_says_so() {
        check("frobnicate", Err("no command frobnicate"));
        check("\x1b[2J", Err("no command \\u{1b}[2J"));
        check("break", Err("needs a place"));
        check("continue 7", Err("takes nothing"));
        check("memory here", Err("no number"));
        check("memory 0 0xffffffff", Err("at most"));
        check("delete 0x1ffffffff", Err("no number"));
        check("continued", Err("no command"));
    }
}
