//! Servers that want a key: who gets it, and where it never shows.

use std::path::Path;

use rstest::rstest;

use crate::canned::{self, Canned};
use crate::fronts::{self, Certificate};
use crate::headless::{levels, valid};
use crate::process::Place;

const KEY: &str = "sk-not-to-be-seen";

/// An OpenAI server that answers those with the right header.
fn keyed(wants: &str) -> Canned {
    let wants = wants.to_owned();
    Canned::start(move |asked| {
        if asked.head.contains(&wants) {
            return canned::openai(asked);
        }
        let said = r#"{"error": {"message": "Invalid API Key"}}"#;
        ("401 Unauthorized", "application/json", said.to_owned())
    })
}

/// All that a run and its reports wrote, and what was printed.
fn everything(directory: &Path, into: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            everything(&path, into);
        } else if path.file_name().is_some_and(|name| name != "key") {
            into.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
        }
    }
}

#[rstest]
#[case::usual(&[], &[("OPENAI_API_KEY", KEY)], "authorization: Bearer sk-not-to-be-seen")]
#[case::variable(&["--api-key-env=MY_KEY"], &[("MY_KEY", KEY), ("OPENAI_API_KEY", "another")], "authorization: Bearer sk-not-to-be-seen")]
#[case::file(&["--api-key-file=key"], &[], "authorization: Bearer sk-not-to-be-seen")]
#[case::basic(&["--basic-auth-env=ME"], &[("ME", "me:sk-not-to-be-seen")], "authorization: Basic bWU6c2stbm90LXRvLWJlLXNlZW4=")]
#[case::header(&["--header=X-Key: sk-not-to-be-seen"], &[], "x-key: sk-not-to-be-seen")]
#[case::query(&["--url=URL/v1?key=sk-not-to-be-seen&v=1"], &[], "?key=sk-not-to-be-seen&v=1 HTTP/1.1")]
#[case::https(&["--url=HTTPS", "--insecure", "--api-key-env=MY_KEY"], &[("MY_KEY", KEY)], "authorization: Bearer sk-not-to-be-seen")]
fn a_key_opens_the_server_and_shows_nowhere(
    #[case] flags: &[&str],
    #[case] environment: &[(&str, &str)],
    #[case] header: &str,
) {
    let server = keyed(header);
    let place = Place::new();
    std::fs::write(place.directory.path().join("key"), format!("{KEY}\n")).unwrap();
    let port = server.url.rsplit(':').next().unwrap().parse().unwrap();
    let https = fronts::tls(&Certificate::new(&[]), port);
    let https = format!("https://127.0.0.1:{https}");
    let place_of = |flag: &&str| flag.replace("HTTPS", &https).replace("URL", &server.url);
    let mut flags: Vec<String> = flags.iter().map(place_of).collect();
    if !flags.iter().any(|flag| flag.starts_with("--url=")) {
        flags.push(format!("--url={}", server.url));
    }
    let load = ["--json", "--users=2", "--rest=0s"];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let ended = place.run_in(&[&load[..], &flags].concat(), environment);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(levels(&valid(&ended.out)), [(2, 2, 0)]);
    let asked = server.asked();
    assert!(
        asked.iter().all(|asked| asked.head.contains(header)),
        "{asked:?}"
    );
    let report = place.run_in(&["report", "latest"], environment);
    assert_eq!(report.code, 0, "{report:?}");
    let mut written = format!("{ended:?}{report:?}");
    everything(place.directory.path(), &mut written);
    assert!(written.contains("summary/"), "the files were read");
    for secret in [KEY, "bWU6c2st"] {
        assert!(!written.contains(secret), "{secret} was written");
    }
}

#[rstest]
#[case::none(&[], "", "no key was sent: set OPENAI_API_KEY")]
#[case::wrong(&[], "wrong", "the server refuses the key of OPENAI_API_KEY")]
fn a_refusal_says_what_to_set(#[case] flags: &[&str], #[case] key: &str, #[case] says: &str) {
    let server = keyed(KEY);
    let load = ["--headless", "--users=1", "--url", &server.url];
    let arguments = [&load[..], flags].concat();
    let ended = Place::new().run_in(&arguments, &[("OPENAI_API_KEY", key)]);
    assert_eq!(ended.code, 1, "{ended:?}");
    for text in ["401 Unauthorized", "Invalid API Key", says] {
        assert!(ended.err.contains(text), "no {text}: {}", ended.err);
    }
}

#[rstest]
#[case(&["--api-key-env=NO_SUCH_KEY", "--url=127.0.0.1:1"], "--api-key-env NO_SUCH_KEY: the environment has no such")]
#[case(&["--api-key-file=/nowhere/key", "--url=127.0.0.1:1"], "--api-key-file /nowhere/key: ")]
#[case(&["--basic-auth-env=PLAIN", "--url=127.0.0.1:1"], "--basic-auth-env PLAIN: it is not USER:PASSWORD")]
#[case(&["--header=sk-not-to-be-seen", "--url=127.0.0.1:1"], "--header: it is not of the form")]
#[case(&["--header=X-Key: sk-not-to-be-seen", "--sim"], "--header: secrets are sent only to a server that you name")]
fn what_cannot_be_sent_is_said_without_it(#[case] flags: &[&str], #[case] says: &str) {
    let arguments = [&["--headless"], flags].concat();
    let ended = Place::new().run_in(&arguments, &[("PLAIN", KEY), ("OLLAMA_HOST", "")]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains(says), "{}", ended.err);
    assert!(!ended.err.contains(KEY), "{}", ended.err);
}
