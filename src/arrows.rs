//! The rule of the house: a room uses only rooms on lower floors, and inside a room no two files use each other, except a parent and
//! its children. Read from the source itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The floors, from the top. A room may use any room on a lower floor, none on its own or above.
const FLOORS: &[&[&str]] = &[
    &["cli"],
    &["tui", "headless"],
    &["report", "session", "capture"],
    &["load", "probe", "store", "sim"],
    &["metrics", "dialect"],
    &["event"],
    &["plan"],
    &["text"],
    &["platform"],
];

/// A use of `to`, a path below `crate`, in a line of a file.
struct Arrow {
    file: String,
    line: usize,
    to: String,
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// The module that a file is, `a::b`; empty for lib.rs.
fn module(file: &str) -> String {
    let path = file.trim_end_matches(".rs").replace('/', "::");
    let path = path.strip_suffix("::mod").unwrap_or(&path);
    if matches!(path, "lib" | "main" | "arrows") {
        String::new()
    } else {
        path.to_owned()
    }
}

fn files(below: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(below).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files(&entry.path(), &format!("{name}/"), found);
        } else if Path::new(&name).extension().is_some_and(|end| end == "rs") {
            found.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// Every file of src with its text, by its path.
fn source() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        "",
        &mut found,
    );
    found
}

/// The paths of a use tree, for example `a::{b, c::D}`.
fn paths(tree: &str) -> Vec<String> {
    let Some((head, rest)) = tree.split_once('{') else {
        return vec![tree.trim().to_owned()];
    };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut depth, mut parts, mut part) = (0, Vec::new(), String::new());
    for c in inner.chars() {
        match c {
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                part.push(c);
            }
        }
    }
    parts.push(part);
    let kept = parts.iter().filter(|part| !part.trim().is_empty());
    kept.flat_map(|part| paths(part))
        .map(|path| format!("{}{path}", head.trim()))
        .collect()
}

/// What a file uses below `crate`. Its tests may use what they like: they end the file.
fn arrows(file: &str, text: &str) -> Vec<Arrow> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let mut found = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(at) = rest.find("crate::") {
        line += rest[..at].matches('\n').count();
        let comment = rest[..at]
            .rsplit('\n')
            .next()
            .is_some_and(|start| start.trim_start().starts_with("//"));
        rest = &rest[at + "crate::".len()..];
        if comment {
            continue;
        }
        let end = rest
            .find([';', '(', ')', '<', '>', ' ', '\n', '?', '&'])
            .unwrap_or(rest.len());
        let tree = match rest.find('{') {
            Some(brace) if brace < end || rest[..brace].ends_with("::") && brace <= end => {
                &rest[..rest.find(';').unwrap_or(rest.len())]
            }
            _ => &rest[..end],
        };
        for path in paths(tree) {
            let to = path
                .split(" as ")
                .next()
                .unwrap_or(&path)
                .trim()
                .replace("::self", "");
            found.push(Arrow {
                file: file.to_owned(),
                line,
                to,
            });
        }
    }
    found
}

#[test]
fn every_room_has_a_floor_and_every_arrow_goes_down() {
    let mut wrong = Vec::new();
    for (file, text) in source() {
        let from = module(&file);
        let Some(room) = from.split("::").next().filter(|room| !room.is_empty()) else {
            continue;
        };
        let Some(height) = floor(room) else {
            wrong.push(format!("src/{file}: the room `{room}` is on no floor"));
            continue;
        };
        for arrow in arrows(&file, &text) {
            let to = arrow.to.split("::").next().unwrap_or_default();
            if to != room && floor(to).is_none_or(|below| below <= height) {
                let place = format!("src/{}:{}", arrow.file, arrow.line);
                wrong.push(format!(
                    "{place}: `{room}` may not use `{to}` ({})",
                    arrow.to
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "arrows that do not go down:\n{}",
        wrong.join("\n")
    );
}

/// The files that `file` uses inside its room; a parent and its children are one concept.
fn siblings(file: &str, text: &str, modules: &BTreeMap<String, String>) -> BTreeSet<String> {
    let from = module(file);
    let room = from.split("::").next().unwrap_or_default();
    let mut used = BTreeSet::new();
    for arrow in arrows(file, text) {
        let mut to = arrow.to.as_str();
        while !modules.contains_key(to) {
            let Some((parent, _)) = to.rsplit_once("::") else {
                break;
            };
            to = parent;
        }
        let related = from.starts_with(&format!("{to}::")) || to.starts_with(&format!("{from}::"));
        if to != from && !related && to.split("::").next() == Some(room) && modules.contains_key(to)
        {
            used.insert(to.to_owned());
        }
    }
    used
}

#[test]
fn no_two_files_of_a_room_use_each_other() {
    let source = source();
    let modules: BTreeMap<String, String> = source
        .keys()
        .map(|file| (module(file), file.clone()))
        .collect();
    let uses: BTreeMap<String, BTreeSet<String>> = source
        .iter()
        .map(|(file, text)| (module(file), siblings(file, text, &modules)))
        .collect();
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&String> = uses[from].iter().collect();
        while let Some(next) = open.pop() {
            if seen.insert(next.clone()) {
                open.extend(&uses[next]);
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        uses.keys().map(|from| (from, reach(from))).collect();
    let mut loops = BTreeSet::new();
    for (from, to) in &reached {
        let together: Vec<&str> = to
            .iter()
            .filter(|other| reached[other].contains(*from))
            .map(String::as_str)
            .collect();
        if !together.is_empty() {
            loops.insert(together.join(", "));
        }
    }
    let loops: Vec<String> = loops.into_iter().collect();
    assert!(
        loops.is_empty(),
        "files that use each other in a loop:\n{}",
        loops.join("\n")
    );
}

#[test]
fn the_readers_of_the_source_see_what_is_there() {
    let text = "use crate::a::{b, c::{D, self}};\nfn f() { crate::e::g(1) }\n// crate::h\n";
    let seen: Vec<(usize, String)> = arrows("x.rs", text)
        .into_iter()
        .map(|arrow| (arrow.line, arrow.to))
        .collect();
    let wanted = [(1, "a::b"), (1, "a::c::D"), (1, "a::c"), (2, "e::g")];
    assert_eq!(seen, wanted.map(|(line, to)| (line, to.to_owned())));
}

#[test]
fn the_rooms_are_listed_where_a_newcomer_looks() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let readme =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for room in FLOORS.iter().copied().flatten() {
        assert!(
            lib.contains(&format!("[`{room}`]")),
            "lib.rs does not list `{room}`"
        );
        assert!(
            readme.contains(&format!("`{room}`")),
            "README's Architecture does not list `{room}`"
        );
    }
}
