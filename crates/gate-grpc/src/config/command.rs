//! Command lines.

use std::str::FromStr;

/// How a program is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommandLine {
    /// What to run: a path, or a name to look for in `PATH`.
    pub(crate) program: String,
    /// What it is told to be its name.
    pub(crate) name: String,
    pub(crate) arguments: Vec<String>,
}

/// Why a text is not a command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There are no words.
    #[error("there is no command")]
    Empty,
    /// There is a `@` with nothing behind it.
    #[error("there is no path behind \"@\"")]
    NoPath,
    /// There is nothing but `@` and a path.
    #[error("behind \"@\" and a path, the name of the program is missing")]
    NoName,
    /// There is a zero character.
    #[error("there is a zero character in it")]
    Zero,
}

impl FromStr for CommandLine {
    type Err = CommandError;

    fn from_str(text: &str) -> Result<Self, CommandError> {
        if text.contains('\0') {
            return Err(CommandError::Zero);
        }
        let mut words = text.split_whitespace().map(str::to_owned);
        let first = words.next().ok_or(CommandError::Empty)?;
        let (program, name) = match first.strip_prefix('@') {
            Some("") => return Err(CommandError::NoPath),
            Some(path) => (path.to_owned(), words.next().ok_or(CommandError::NoName)?),
            None => (first.clone(), first),
        };
        Ok(Self { program, name, arguments: words.collect() })
    }
}

#[cfg(test)]
mod tests;
