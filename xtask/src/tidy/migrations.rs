//! Every migration exists for both databases, in the same order, under the same name.

use super::Finding;
use super::files::{SourceFile, SourceTree};

const FOLDERS: [&str; 2] = [
    "crates/switchboard-store/migrations/sqlite/",
    "crates/switchboard-store/migrations/postgres/",
];

/// Digits that open a name: year, month, day and a number of two digits within the day.
const STAMP_DIGITS: usize = 10;

pub(super) fn check(tree: &SourceTree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (here, there) in [(FOLDERS[0], FOLDERS[1]), (FOLDERS[1], FOLDERS[0])] {
        let files = migrations_in(tree, here);
        if files.is_empty() {
            findings.push(Finding::new(here, 0, "no migrations"));
        }
        for file in &files {
            let name = &file.path[here.len()..];
            if tree.find(&format!("{there}{name}")).is_none() {
                findings.push(Finding::new(
                    &file.path,
                    0,
                    format!("has no twin in {there}"),
                ));
            }
            if !is_stamped(name) {
                findings.push(Finding::new(
                    &file.path,
                    0,
                    "is not named YYYYMMDDNN_what_it_does.sql",
                ));
            }
            if !file.text.trim_start().starts_with("--") {
                findings.push(Finding::new(
                    &file.path,
                    1,
                    "does not begin with a comment that says why",
                ));
            }
        }
        for pair in files.windows(2) {
            if stamp(pair[0], here) == stamp(pair[1], here) {
                findings.push(Finding::new(
                    &pair[1].path,
                    0,
                    "has the number of its neighbour",
                ));
            }
        }
    }
    findings
}

/// The folder's files in the order they run.
fn migrations_in<'a>(tree: &'a SourceTree, folder: &str) -> Vec<&'a SourceFile> {
    let files = tree.with_ending("sql");
    files.filter(|file| file.path.starts_with(folder)).collect()
}

fn is_stamped(name: &str) -> bool {
    let Some((stamp, rest)) = name.split_once('_') else {
        return false;
    };
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let words = rest.trim_end_matches(".sql");
    stamp.len() == STAMP_DIGITS
        && stamp.bytes().all(|byte| byte.is_ascii_digit())
        && !words.is_empty()
        && words.bytes().all(is_word)
}

fn stamp<'a>(file: &'a SourceFile, folder: &str) -> &'a str {
    let name = &file.path[folder.len()..];
    name.split('_').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQLITE: &str = "crates/switchboard-store/migrations/sqlite/2026112101_tenants.sql";
    const POSTGRES: &str = "crates/switchboard-store/migrations/postgres/2026112101_tenants.sql";
    const TEXT: &str = "-- Tenants come first.\ncreate table tenants ();\n";

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        let findings = check(&SourceTree::of(files));
        findings
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn a_pair_with_comments_is_tidy() {
        assert!(messages(&[(SQLITE, TEXT), (POSTGRES, TEXT)]).is_empty());
    }

    #[test]
    fn a_missing_twin_is_found() {
        let second = "crates/switchboard-store/migrations/sqlite/2026112102_more.sql";
        let found = messages(&[(SQLITE, TEXT), (POSTGRES, TEXT), (second, TEXT)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("has no twin"));
    }

    #[test]
    fn names_carry_a_day_and_a_number() {
        assert!(is_stamped("2026112101_tenants_and_staff.sql"));
        assert!(!is_stamped("20261121_tenants.sql"));
        assert!(!is_stamped("2026112101.sql"));
        assert!(!is_stamped("2026112101_Tenants.sql"));
    }

    #[test]
    fn two_migrations_never_share_a_number() {
        let sqlite = "crates/switchboard-store/migrations/sqlite/2026112101_zones.sql";
        let postgres = "crates/switchboard-store/migrations/postgres/2026112101_zones.sql";
        let files = [
            (SQLITE, TEXT),
            (POSTGRES, TEXT),
            (sqlite, TEXT),
            (postgres, TEXT),
        ];
        assert_eq!(messages(&files).len(), 2);
    }
}
