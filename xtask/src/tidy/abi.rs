//! docs/abi.md was looked at since gate-abi was last changed.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// The document.
pub(super) const DOCUMENT: &str = "docs/abi.md";

/// The sources of what it says.
const SOURCES: &str = "crates/gate-abi/src/";

/// How the line begins and ends that has their fingerprint.
const LINE: (&str, &str) = ("Written for the ABI with fingerprint `", "`.");

/// What the fingerprint is of: files by their paths.
#[derive(Debug, Default)]
pub(super) struct Sources(BTreeMap<String, String>);

impl Sources {
    /// Takes a file of the workspace, if it is one of those. Tests are not.
    pub(super) fn add(&mut self, path: &str, text: &str) {
        let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
        if path.starts_with(SOURCES) && !is_test {
            self.0.insert(path.to_owned(), text.to_owned());
        }
    }

    /// 16 hexadecimal digits.
    fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for part in self.0.iter().flat_map(|(path, text)| [path, text]) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Compares it with what the document says.
    pub(super) fn check(&self, document: &str, problems: &mut Vec<String>) {
        let said = document.lines().find_map(|line| line.strip_prefix(LINE.0)?.strip_suffix(LINE.1));
        let found = self.fingerprint();
        if said != Some(&found) {
            let said = said.unwrap_or("none");
            problems.push(format!(
                "{DOCUMENT}: fingerprint {said}, but that of {SOURCES} is {found}: see that it still holds, then write that"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sources;

    fn problems(files: &[(&str, &str)], document: &str) -> Vec<String> {
        let mut sources = Sources::default();
        for (path, text) in files {
            sources.add(path, text);
        }
        let mut problems = Vec::new();
        sources.check(document, &mut problems);
        problems
    }

    #[test]
    fn changes_are_noticed() {
        let files = [("crates/gate-abi/src/a.rs", "a"), ("crates/gate-abi/src/b/c.rs", "c")];
        let [problem] = &problems(&files, "nothing")[..] else { panic!("one problem") };
        assert!(problem.starts_with("docs/abi.md: fingerprint none, but that of "), "{problem}");
        let found = problem.split(" is ").nth(1).unwrap().split(':').next().unwrap();
        let document = format!("# Title\n\nWritten for the ABI with fingerprint `{found}`.\n");
        assert_eq!(problems(&files, &document), [""; 0]);

        // In any order, and with files that do not count.
        let others = [files[1], files[0], ("crates/gate-abi/src/a/tests.rs", "t"), ("README.md", "r")];
        assert_eq!(problems(&others, &document), [""; 0]);
        for (path, text) in [("crates/gate-abi/src/a.rs", "b"), ("crates/gate-abi/src/d.rs", "")] {
            let changed = [files[0], files[1], (path, text)];
            assert!(problems(&changed, &document)[0].contains(found), "{path}");
        }
    }
}
