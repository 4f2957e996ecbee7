//! The file system against a model: a map from paths to what is there.

use std::collections::BTreeMap;

use gate_abi::errno::Errno;
use proptest::prelude::*;

use super::{CREATE, LIMITS, READ};
use crate::{Fs, InodeId, NodeType};

/// What is at a path. Files are numbers, so that several paths can lead to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Directory,
    File(usize),
}

/// Paths without a leading slash; the root is not in the map.
#[derive(Default)]
struct Model {
    tree: BTreeMap<String, Node>,
    contents: Vec<Vec<u8>>,
}

impl Model {
    fn parent_ok(&self, path: &str) -> Result<(), Errno> {
        let Some((parent, _)) = path.rsplit_once('/') else { return Ok(()) };
        self.parent_ok(parent)?;
        match self.tree.get(parent) {
            Some(Node::Directory) => Ok(()),
            Some(Node::File(_)) => Err(Errno::NotDir),
            None => Err(Errno::NoEnt),
        }
    }

    fn get(&self, path: &str) -> Result<Option<Node>, Errno> {
        self.parent_ok(path)?;
        Ok(self.tree.get(path).copied())
    }

    fn is_empty(&self, path: &str) -> bool {
        let below = format!("{path}/");
        !self.tree.keys().any(|path| path.starts_with(&below))
    }

    fn write(&mut self, path: &str, data: &[u8]) -> Result<(), Errno> {
        let file = match self.get(path)? {
            Some(Node::Directory) => return Err(Errno::IsDir),
            Some(Node::File(file)) => file,
            None => {
                self.contents.push(Vec::new());
                self.tree.insert(path.into(), Node::File(self.contents.len() - 1));
                self.contents.len() - 1
            }
        };
        self.contents[file].extend(data);
        Ok(())
    }

    fn create_dir(&mut self, path: &str) -> Result<(), Errno> {
        if self.get(path)?.is_some() {
            return Err(Errno::Exist);
        }
        self.tree.insert(path.into(), Node::Directory);
        Ok(())
    }

    fn remove_dir(&mut self, path: &str) -> Result<(), Errno> {
        match self.get(path)?.ok_or(Errno::NoEnt)? {
            Node::File(_) => return Err(Errno::NotDir),
            Node::Directory if !self.is_empty(path) => return Err(Errno::NotEmpty),
            Node::Directory => {}
        }
        self.tree.remove(path);
        Ok(())
    }

    fn unlink(&mut self, path: &str) -> Result<(), Errno> {
        if self.get(path)?.ok_or(Errno::NoEnt)? == Node::Directory {
            return Err(Errno::IsDir);
        }
        self.tree.remove(path);
        Ok(())
    }

    fn link(&mut self, old: &str, new: &str) -> Result<(), Errno> {
        let node = self.get(old)?.ok_or(Errno::NoEnt)?;
        if node == Node::Directory {
            return Err(Errno::Perm);
        }
        if self.get(new)?.is_some() {
            return Err(Errno::Exist);
        }
        self.tree.insert(new.into(), node);
        Ok(())
    }

    fn rename(&mut self, old: &str, new: &str) -> Result<(), Errno> {
        let from = self.get(old)?;
        let to = self.get(new)?;
        let node = from.ok_or(Errno::NoEnt)?;
        if old == new || (node != Node::Directory && to == Some(node)) {
            return Ok(());
        }
        if node == Node::Directory && new.starts_with(&format!("{old}/")) {
            return Err(Errno::Inval);
        }
        match (to, node) {
            (None, _) | (Some(Node::File(_)), Node::File(_)) => {}
            (Some(Node::Directory), Node::Directory) if self.is_empty(new) => {}
            (Some(Node::Directory), Node::Directory) => return Err(Errno::NotEmpty),
            (Some(Node::Directory), Node::File(_)) => return Err(Errno::IsDir),
            (Some(Node::File(_)), Node::Directory) => return Err(Errno::NotDir),
        }
        let below = format!("{old}/");
        let is_moved = |path: &&String| *path == old || path.starts_with(&below);
        let moved: Vec<String> = self.tree.keys().filter(is_moved).cloned().collect();
        for path in moved {
            let node = self.tree.remove(&path).unwrap();
            self.tree.insert(format!("{new}{}", &path[old.len()..]), node);
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Op {
    Write(String, u8),
    CreateDir(String),
    RemoveDir(String),
    Unlink(String),
    Link(String, String),
    Rename(String, String),
}

fn op() -> impl Strategy<Value = Op> {
    let path = || {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4)
            .prop_map(|names| names.join("/"))
    };
    prop_oneof![
        (path(), any::<u8>()).prop_map(|(path, byte)| Op::Write(path, byte)),
        path().prop_map(Op::CreateDir),
        path().prop_map(Op::CreateDir),
        path().prop_map(Op::RemoveDir),
        path().prop_map(Op::Unlink),
        (path(), path()).prop_map(|(old, new)| Op::Link(old, new)),
        (path(), path()).prop_map(|(old, new)| Op::Rename(old, new)),
    ]
}

fn write(fs: &mut Fs, root: InodeId, path: &str, data: &[u8]) -> Result<(), Errno> {
    let inode = fs.open(root, path, CREATE, 0)?;
    let end = fs.stat(inode)?.size;
    assert_eq!(fs.write(inode, end, data, 0)?, data.len());
    fs.release(inode);
    Ok(())
}

/// Everything below a directory: paths with the contents of files, and with nothing for directories.
fn walk(fs: &mut Fs, dir: InodeId, prefix: &str, out: &mut BTreeMap<String, Option<Vec<u8>>>) {
    let mut cookie = 2;
    while let Some(entry) = fs.next_entry(dir, cookie).unwrap() {
        cookie = entry.cookie;
        let path = format!("{prefix}{}", entry.name);
        if entry.kind == NodeType::Directory {
            walk(fs, entry.inode, &format!("{path}/"), out);
            out.insert(path, None);
        } else {
            let inode = fs.open(dir, &entry.name, READ, 0).unwrap();
            let mut contents = vec![0; usize::try_from(fs.stat(inode).unwrap().size).unwrap()];
            assert_eq!(fs.read(inode, 0, &mut contents), Ok(contents.len()));
            fs.release(inode);
            out.insert(path, Some(contents));
        }
    }
}

proptest! {
    #[test]
    fn behaves_like_a_map(ops in prop::collection::vec(op(), 1..60)) {
        let mut fs = Fs::new(LIMITS);
        let root = fs.add_preopen("/", 0).unwrap();
        let empty = fs.used_bytes();
        let mut model = Model::default();
        for op in ops {
            let (got, expect) = match &op {
                Op::Write(path, byte) => (write(&mut fs, root, path, &[*byte]), model.write(path, &[*byte])),
                Op::CreateDir(path) => (fs.create_dir(root, path, 0).map(drop), model.create_dir(path)),
                Op::RemoveDir(path) => (fs.remove_dir(root, path, 0), model.remove_dir(path)),
                Op::Unlink(path) => (fs.unlink(root, path, 0), model.unlink(path)),
                Op::Link(old, new) => (fs.link((root, old), false, (root, new), 0), model.link(old, new)),
                Op::Rename(old, new) => (fs.rename((root, old), (root, new), 0), model.rename(old, new)),
            };
            prop_assert_eq!(got, expect, "{:?}", op);
            prop_assert_eq!(fs.used_bytes(), fs.count_used(), "{:?}", op);
        }
        let mut all = BTreeMap::new();
        walk(&mut fs, root, "", &mut all);
        let contents = |node: &Node| match node {
            Node::File(file) => Some(model.contents[*file].clone()),
            Node::Directory => None,
        };
        let expect: BTreeMap<_, _> = model.tree.iter().map(|(path, node)| (path.clone(), contents(node))).collect();
        prop_assert_eq!(&all, &expect);
        // Taking everything away again gives everything back.
        for (path, contents) in all.iter().rev() {
            let removed = match contents {
                Some(_) => fs.unlink(root, path, 0),
                None => fs.remove_dir(root, path, 0),
            };
            prop_assert_eq!(removed, Ok(()), "{}", path);
        }
        prop_assert_eq!((fs.used_bytes(), fs.used_inodes(), fs.stat(root).unwrap().nlink), (empty, 1, 2));
    }
}
