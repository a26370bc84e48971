//! Servers that are there, and servers that are not.

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
        "no server answered",
        "http://127.0.0.1:1: ",
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
