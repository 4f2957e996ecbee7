//! index DIRECTORY: an inverted index of the text files of a directory, and answers to queries on standard input.
//!
//! A query is words; the answer is the lines that have all of them, best first. The index is also written to
//! `DIRECTORY/index.txt`, read back and compared. Compiled with an old compiler: edition 2021, Rust 1.63.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    file: String,
    line: usize,
}

/// The places of each word, and how often it is there.
#[derive(Debug, Default, PartialEq)]
struct Index {
    words: BTreeMap<String, BTreeMap<Place, usize>>,
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

impl Index {
    fn add_directory(&mut self, directory: &Path) -> Result<usize, Box<dyn Error>> {
        let mut paths = fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        let mut lines = 0;
        for path in &paths {
            let file = path.file_name().ok_or("a file without a name")?.to_string_lossy().into_owned();
            for (index, line) in BufReader::new(File::open(path)?).lines().enumerate() {
                lines += 1;
                for word in words(&line?) {
                    let place = Place { file: file.clone(), line: index + 1 };
                    *self.words.entry(word).or_default().entry(place).or_insert(0) += 1;
                }
            }
        }
        Ok(lines)
    }

    fn search(&self, query: &str) -> Vec<(usize, Place)> {
        let lists: Option<Vec<_>> = words(query).map(|word| self.words.get(&word)).collect();
        let lists = match lists {
            Some(lists) if !lists.is_empty() => lists,
            _ => return Vec::new(),
        };
        let common = lists.iter().map(|list| list.keys().cloned().collect::<BTreeSet<_>>());
        let common = common.reduce(|a, b| &a & &b).unwrap_or_default();
        let score = |place: &Place| lists.iter().map(|list| list[place]).sum::<usize>();
        let mut found: Vec<_> = common.into_iter().map(|place| (score(&place), place)).collect();
        found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        found
    }

    fn save(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        for (word, places) in &self.words {
            for (place, count) in places {
                writeln!(out, "{}\t{}\t{}\t{}", word, count, place.line, place.file)?;
            }
        }
        out.flush()
    }

    fn load(path: &Path) -> Result<Self, Box<dyn Error>> {
        let mut index = Self::default();
        for line in fs::read_to_string(path)?.lines() {
            let mut fields = line.splitn(4, '\t');
            let mut next = || fields.next().ok_or_else(|| format!("a field is missing: {:?}", line));
            let (word, count, number, file) = (next()?.to_owned(), next()?.parse()?, next()?.parse()?, next()?);
            let place = Place { file: file.to_owned(), line: number };
            index.words.entry(word).or_default().insert(place, count);
        }
        Ok(index)
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).ok_or("usage: index DIRECTORY")?;
    let directory = Path::new(&directory);
    let mut index = Index::default();
    let lines = index.add_directory(directory)?;
    println!("{} words in {} lines", index.words.len(), lines);

    let saved = directory.join("index.txt");
    index.save(&saved)?;
    println!("saved {} bytes, the same after loading: {}", fs::metadata(&saved)?.len(), Index::load(&saved)? == index);

    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(20));
    println!("slept long enough: {}", start.elapsed() >= Duration::from_millis(20));

    for query in io::stdin().lock().lines() {
        let query = query?;
        println!("? {}", query);
        for (score, place) in index.search(&query).into_iter().take(4) {
            println!("  {} {}:{}", score, place.file, place.line);
        }
    }
    let missing = fs::read_to_string(directory.join("absent.txt"));
    println!("absent: {:?}", missing.map_err(|error| error.kind()));
    fs::rename(&saved, directory.join("kept.txt"))?;
    println!("renamed: {}", !saved.exists());
    "not a number".parse::<u8>()?;
    Ok(())
}

fn main() {
    if let Err(error) = run() {
        println!("index: {}", error);
        std::process::exit(4);
    }
}
