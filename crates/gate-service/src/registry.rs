//! Which services there are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use gate_packet::MAX_NAME_LENGTH;

use crate::{Client, Factory};

/// Services by name.
#[derive(Clone, Default)]
pub struct Registry {
    /// What is looked through when a name is not here.
    parent: Option<Arc<Registry>>,
    factories: BTreeMap<String, Arc<dyn Factory>>,
}

impl Registry {
    /// No services.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The services of `parent`, to which others can be added, or put in the place of some.
    #[must_use]
    pub fn above(parent: Arc<Registry>) -> Self {
        Self { parent: Some(parent), factories: BTreeMap::new() }
    }

    /// Adds a service. One of a parent with the same name is no longer found.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn register(&mut self, factory: Arc<dyn Factory>) -> Result<(), RegisterError> {
        let properties = factory.properties();
        let name = properties.name.to_owned();
        if name.is_empty() || name.len() > MAX_NAME_LENGTH || !name.chars().all(is_name_char) {
            return Err(RegisterError::Name { name });
        }
        let revision = properties.revision;
        if revision.is_empty() || revision.len() > MAX_NAME_LENGTH || !revision.chars().all(is_visible) {
            return Err(RegisterError::Revision { name, revision: revision.to_owned() });
        }
        if self.factories.contains_key(&name) {
            return Err(RegisterError::Duplicate { name });
        }
        self.factories.insert(name, factory);
        Ok(())
    }

    /// The service with this name, whoever may discover it.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<&Arc<dyn Factory>> {
        let text = std::str::from_utf8(name).ok()?;
        self.factories.get(text).or_else(|| self.parent.as_ref()?.find(name))
    }

    /// The service with this name, if the program can discover it.
    #[must_use]
    pub fn discover(&self, name: &[u8], client: &Client) -> Option<&Arc<dyn Factory>> {
        self.find(name).filter(|factory| factory.is_discoverable(client))
    }

    /// All services that the program can discover, ordered by name.
    #[must_use]
    pub fn list(&self, client: &Client) -> Vec<Arc<dyn Factory>> {
        let mut all = BTreeMap::new();
        self.collect(&mut all);
        all.into_values().filter(|factory| factory.is_discoverable(client)).cloned().collect()
    }

    fn collect<'a>(&'a self, all: &mut BTreeMap<&'a str, &'a Arc<dyn Factory>>) {
        if let Some(parent) = &self.parent {
            parent.collect(all);
        }
        all.extend(self.factories.iter().map(|(name, factory)| (name.as_str(), factory)));
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("parent", &self.parent)
            .field("names", &self.factories.keys())
            .finish_non_exhaustive()
    }
}

/// Letters, numbers, and visible signs. Narrower than what other hosts allow by the signs that are not ASCII.
fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c.is_ascii_punctuation()
}

fn is_visible(c: char) -> bool {
    !c.is_whitespace() && !c.is_control()
}

/// Why a service is not added to a registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum RegisterError {
    /// There is one with that name.
    #[error("there are two services named {name:?}")]
    Duplicate { name: String },
    /// The name is empty, too long, or has signs in it that names cannot have.
    #[error("service name {name:?} is not 1 to {MAX_NAME_LENGTH} bytes of letters, numbers and punctuation")]
    Name { name: String },
    /// Likewise the revision.
    #[error("revision {revision:?} of service {name:?} is not 1 to {MAX_NAME_LENGTH} bytes without spaces")]
    Revision { name: String, revision: String },
}
