//! `*` and `?` inside one name, `**` for any depth. A leading dot is matched only by a dot.

use std::path::{Path, PathBuf};

pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Every path below `root` that fits, relative to it, in the order of names.
pub(super) fn expand(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let mut found = Vec::new();
    walk(root, Path::new(""), &parts, &mut found);
    found.sort();
    found.dedup();
    found
}

fn walk(root: &Path, at: &Path, parts: &[&str], found: &mut Vec<PathBuf>) {
    let Some((first, rest)) = parts.split_first() else {
        return found.push(at.to_owned());
    };
    if *first == "**" {
        walk(root, at, rest, found);
    }
    for (name, is_dir) in names(&root.join(at)) {
        let deeper = *first == "**" && is_dir && !name.starts_with('.');
        if deeper {
            walk(root, &at.join(&name), parts, found);
        } else if *first != "**" && fits(first, &name) && (is_dir || rest.is_empty()) {
            walk(root, &at.join(&name), rest, found);
        }
    }
}

fn names(dir: &Path) -> Vec<(String, bool)> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    // A link to a folder is not followed by `**`: it might lead in a circle.
    let named = entries.filter_map(|entry| {
        let is_dir = entry.file_type().ok()?.is_dir();
        Some((entry.file_name().into_string().ok()?, is_dir))
    });
    named.collect()
}

fn fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    matches(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
}

/// Row by row over the pattern: which prefixes of the name it can match so far.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let mut row: Vec<bool> = (0..=name.len()).map(|length| length == 0).collect();
    for sign in pattern {
        let mut next = vec![false; name.len() + 1];
        next[0] = row[0] && *sign == '*';
        for (index, letter) in name.iter().enumerate() {
            next[index + 1] = match sign {
                '*' => row[index + 1] || next[index],
                '?' => row[index],
                sign => row[index] && sign == letter,
            };
        }
        row = next;
    }
    row[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_match_within_a_name() {
        for (pattern, name, expected) in [
            ("*.py", "app.py", true),
            ("*.py", ".hidden.py", false),
            (".*", ".env", true),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
            ("?", "", false),
            ("**", "anything", true),
            ("*a*a*a*a*a*b", &"a".repeat(200), false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn two_stars_cross_folders() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        for file in ["x.py", "a/y.py", "a/b/z.py", "a/b/z.txt"] {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        let found =
            |pattern| expand(dir.path(), pattern).iter().map(|p| p.display().to_string()).collect::<Vec<_>>();
        assert_eq!(found("**/*.py"), ["a/b/z.py", "a/y.py", "x.py"]);
        assert_eq!(found("a/*.py"), ["a/y.py"]);
        assert_eq!(found("*.rb"), Vec::<String>::new());
    }
}
