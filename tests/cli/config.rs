//! `tokometer.toml`.

use crate::headless::{levels, valid};
use crate::process::Place;

const RUN: [&str; 5] = [
    "--sim",
    "--time-scale=1000",
    "--warmup=0",
    "--idle=0s",
    "--json",
];

#[test]
fn a_file_gives_defaults_and_flags_go_first() {
    let place = Place::new();
    let file = place.directory.path().join("mine.toml");
    std::fs::write(&file, "users = [1, 2]\nrest = \"0s\"\nmax-tokens = 40\n").unwrap();
    let file = file.to_str().unwrap();
    let ended = place.run_in(&RUN, &[("TOKOMETER_CONFIG", file)]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(levels(&valid(&ended.out)), [(1, 1, 0), (2, 2, 0)]);
    let flags = [&RUN[..], &["--users=3", "--no-record"]].concat();
    let ended = place.run_in(&flags, &[("TOKOMETER_CONFIG", file)]);
    assert_eq!(levels(&valid(&ended.out)), [(3, 3, 0)]);
}

#[test]
fn a_file_that_cannot_be_used_stops_only_what_would_use_it() {
    let place = Place::new();
    let file = place.directory.path().join("mine.toml");
    std::fs::write(&file, "user = 4\nusers = [0]\n").unwrap();
    let file = file.to_str().unwrap();
    let ended = place.run_in(&RUN, &[("TOKOMETER_CONFIG", file)]);
    assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{ended:?}");
    let first =
        format!("error: {file}, line 1: `user` is not a flag of `tokometer run` (`users`?)");
    assert!(ended.err.contains(&first), "{}", ended.err);
    assert!(
        ended.err.contains("line 2: `users`: invalid value '0'"),
        "{}",
        ended.err
    );
    let ended = place.run_in(&["runs"], &[("TOKOMETER_CONFIG", file)]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let ended = place.run_in(&RUN, &[("TOKOMETER_CONFIG", "/no/such/file")]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("/no/such/file"), "{}", ended.err);
}
