//! Servers that are there, and servers that are not.

use std::io::{Read as _, Write as _};

use rstest::rstest;
use tokometer::sim::{Profile, SimConfig, Simulator};

use crate::headless::{levels, valid};
use crate::process::{NOBODY, Place};

#[rstest]
#[case(NOBODY)]
#[case("0.0.0.0:1")]
#[case(":1")]
#[case("http://127.0.0.1:1")]
#[case(" \"http://127.0.0.1:1/\" ")]
fn a_server_that_is_not_there(#[case] host: &str) {
    let place = Place::new();
    let ended = place.run_in(&["--headless"], &[("OLLAMA_HOST", host)]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let looking = "looking for a server at http://127.0.0.1:1\n";
    assert_eq!(ended.out, looking);
    for part in [
        "no usable server was found",
        "http://127.0.0.1:1: ",
        "This address comes from OLLAMA_HOST.",
        "--url",
        "--sim",
    ] {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
    assert!(!place.directory.path().join("runs").exists());
}

#[test]
fn without_a_server_json_is_silent() {
    let ended = Place::new().run(&["--json"]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
}

#[test]
fn a_host_that_nobody_knows_is_told() {
    let ended = Place::new().run(&["--url=http://no-such-host.invalid:1"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("no-such-host.invalid"), "{}", ended.err);
}

#[rstest]
#[case::host_and_port("OLLAMA_HOST", "127.0.0.1:PORT")]
#[case::any_address("OLLAMA_HOST", "0.0.0.0:PORT")]
#[case::url("OLLAMA_HOST", "http://localhost:PORT/")]
#[case::endpoint("OLLAMA_HOST", "127.0.0.1:PORT/api/chat")]
#[case::port("--url", "PORT")]
#[case::flag("--url", "localhost:PORT")]
#[case::flag_with_path("--url", "http://127.0.0.1:PORT/v1/")]
fn a_server_in_every_form_of_its_address(#[case] how: &str, #[case] address: &str) {
    let config = SimConfig {
        profile: Profile::named("fast").unwrap(),
        time_scale: 1000.0,
        ..SimConfig::default()
    };
    let simulator = Simulator::start(config, 0).unwrap();
    let address = address.replace("PORT", &simulator.addr().port().to_string());
    let place = Place::new();
    let load = ["--json", "--users=2", "--rest=0s"];
    let ended = if how == "--url" {
        // The flag counts more than the variable.
        place.run(&[&load[..], &["--url", &address]].concat())
    } else {
        place.run_in(&load, &[(how, &address)])
    };
    assert_eq!(ended.code, 0, "{ended:?}");
    let summary = valid(&ended.out);
    assert_eq!(levels(&summary), [(2, 2, 0)]);
    // A simulator says that it is one, wherever it stands.
    assert_eq!(summary["simulated"], true);
    assert!(ended.err.contains("SIMULATED"), "{}", ended.err);
}

/// A server that listens on `ip` alone.
fn listening_on(ip: &str) -> Option<(std::net::TcpListener, u16)> {
    let listener = std::net::TcpListener::bind((ip, 0)).ok()?;
    let port = listener.local_addr().ok()?.port();
    Some((listener, port))
}

#[rstest]
#[case("127.0.0.1")]
#[case("::1")]
fn localhost_is_either_address(#[case] ip: &str) {
    // A machine without IPv6 has no second address.
    let Some((listener, port)) = listening_on(ip) else {
        return;
    };
    let listens = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 512];
        let read = stream.read(&mut request).unwrap();
        let answer = "HTTP/1.1 404 Nobody\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let url = format!("--url=localhost:{port}");
    let ended = Place::new().run(&["--headless", "--dialect=openai", &url]);
    assert!(
        ended.err.contains("404 Nobody") || ended.err.contains("404 Not Found"),
        "{ended:?}"
    );
    assert!(listens.join().unwrap().starts_with("GET /v1/models "));
}

#[rstest]
#[case::flag(&["--headless", "--url=http://me:secret@box"], "--url: the address of box")]
#[case::doctor(&["doctor", "--url=http://8080"], "--url: `http://8080`")]
#[case::variable(&["--headless"], "OLLAMA_HOST: the address of box")]
fn an_address_that_cannot_be_used_names_its_source(#[case] line: &[&str], #[case] says: &str) {
    let ended = Place::new().run_in(line, &[("OLLAMA_HOST", "me:secret@box")]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains(says), "{ended:?}");
    assert!(!ended.err.contains("secret"), "{ended:?}");
}

/// A run of two levels against a simulator that is stopped while the second runs; what was said.
fn without_server_in_its_second_level(patience: &str, comes_back: bool) -> crate::process::Ended {
    let config = || SimConfig {
        time_scale: 100.0,
        ..SimConfig::default()
    };
    let simulator = Simulator::start(config(), 0).unwrap();
    let port = simulator.addr().port();
    let url = format!("--url=http://127.0.0.1:{port}");
    let place = Place::new();
    let load = ["--json", "--users=1,2", "--waves=12", "--rest=0s"];
    let process = place.start(&[&load[..], &[url.as_str(), patience]].concat());
    process.says("cycle of 2 users");
    simulator.stop();
    process.says("the server went away");
    let again = comes_back.then(|| Simulator::start(config(), port).unwrap());
    let ended = process.end();
    drop(again);
    ended
}

#[test]
fn a_server_that_went_away_is_waited_for() {
    let ended = without_server_in_its_second_level("--patience=30s", true);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.err.contains("the server is back"), "{}", ended.err);
    let summary = valid(&ended.out);
    assert_eq!(summary["ended"], "done");
    // The level ran once more; what failed when nobody was there is no part of the verdict.
    assert_eq!(levels(&summary), [(1, 12, 0), (2, 24, 0)]);
    let both = &summary["verdict"]["levels"][1]["both"];
    assert_eq!(both["met"], both["of"]);
}

#[test]
fn a_server_that_stays_away_ends_the_run() {
    let ended = without_server_in_its_second_level("--patience=2s", false);
    assert_eq!(ended.code, 1, "{ended:?}");
    let summary = valid(&ended.out);
    assert_eq!(summary["ended"], "server_gone");
    let judged = summary["verdict"]["levels"].as_array().unwrap().iter();
    let failed = judged.filter(|level| level["both"]["met"] != level["both"]["of"]);
    assert_eq!(failed.count(), 0);
    for part in ["went away", "resume"] {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
}
