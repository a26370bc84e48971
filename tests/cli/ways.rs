//! The ways to a server: https, a proxy, a socket's file, HTTP/2.

use rstest::rstest;
use tokometer::sim::{Profile, SimConfig, Simulator};

use crate::fronts::{self, Certificate};
use crate::headless::{levels, valid};
use crate::process::{Ended, Place};

const LOAD: [&str; 4] = ["--json", "--users=1,2", "--waves=2", "--rest=0s"];

fn simulator() -> Simulator {
    let config = SimConfig {
        profile: Profile::named("fast").unwrap(),
        time_scale: 1000.0,
        ..SimConfig::default()
    };
    Simulator::start(config, 0).unwrap()
}

fn run(place: &Place, flags: &[&str]) -> Ended {
    place.run(&[&LOAD[..], flags].concat())
}

#[rstest]
#[case::trusted(true)]
#[case::unchecked(false)]
fn https_is_measured_and_its_handshake_is_apart(#[case] is_trusted: bool) {
    let simulator = simulator();
    let certificate = Certificate::new(&["http/1.1"]);
    let port = fronts::tls(&certificate, simulator.addr().port());
    let place = Place::new();
    let ca = format!(
        "--ca={}",
        certificate.write(place.directory.path()).display()
    );
    let trust = if is_trusted { &ca } else { "--insecure" };
    let url = format!("--url=https://127.0.0.1:{port}/v1");
    let ended = run(&place, &[&url, trust]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let summary = valid(&ended.out);
    assert_eq!(levels(&summary), [(1, 2, 0), (2, 4, 0)]);
    for cycle in summary["cycles"].as_array().unwrap() {
        let (connect, tls) = (&cycle["connect_s"], &cycle["tls_s"]);
        assert_eq!(
            (&connect["n"], &tls["n"]),
            (&cycle["users"], &cycle["users"])
        );
        assert!(tls["min"].as_f64().unwrap() > 0.0);
    }
    let said = "certificate is not checked (--insecure)";
    assert_eq!(ended.err.contains(said), !is_trusted, "{}", ended.err);
    let written = place.file("run.json");
    assert_eq!(
        written.contains("\"is_unchecked\": true"),
        !is_trusted,
        "{written}"
    );
    let report = place.run(&["report", "latest", "--print=markdown"]);
    assert_eq!(report.code, 0, "{report:?}");
    let report = report.out;
    assert_eq!(report.contains(said), !is_trusted, "{report}");
    assert!(report.contains("| TLS |"), "{report}");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_with_advice() {
    let simulator = simulator();
    let certificate = Certificate::new(&[]);
    let port = fronts::tls(&certificate, simulator.addr().port());
    let place = Place::new();
    let ended = run(&place, &[&format!("--url=https://127.0.0.1:{port}")]);
    assert_eq!(ended.code, 1, "{ended:?}");
    for part in ["certificate", "--ca FILE", "--insecure"] {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
    // The right certificate, but of another name.
    let ca = format!(
        "--ca={}",
        certificate.write(place.directory.path()).display()
    );
    let ended = run(&place, &[&format!("--url=https://localhost:{port}"), &ca]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("not valid for name"), "{}", ended.err);
    // A server of plain http at an address of https.
    let plain = format!("--url=https://127.0.0.1:{}", simulator.addr().port());
    let ended = run(&place, &[&plain]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("write http://"), "{}", ended.err);
}

#[rstest]
#[case::plain(false)]
#[case::tunnel(true)]
fn a_proxy_is_used_if_it_is_named_and_marked(#[case] is_tls: bool) {
    let simulator = simulator();
    let certificate = Certificate::new(&["http/1.1"]);
    let (proxy, asked) = fronts::proxy();
    let port = simulator.addr().port();
    let (scheme, port) = if is_tls {
        ("https", fronts::tls(&certificate, port))
    } else {
        ("http", port)
    };
    let url = format!("--url={scheme}://127.0.0.1:{port}");
    let named = format!("--proxy=127.0.0.1:{proxy}");
    let place = Place::new();
    let flags = [url.as_str(), &named, "--insecure"];
    let ended = run(&place, if is_tls { &flags } else { &flags[..2] });
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(levels(&valid(&ended.out)), [(1, 2, 0), (2, 4, 0)]);
    let said = format!("Requests go through the proxy http://127.0.0.1:{proxy}");
    assert!(ended.err.contains(&said), "{}", ended.err);
    let asked = asked.lock().unwrap();
    let first = if is_tls {
        "CONNECT 127.0.0.1:"
    } else {
        "POST http://127.0.0.1:"
    };
    assert!(
        asked.iter().any(|line| line.starts_with(first)),
        "{asked:?}"
    );
    let direct = asked.iter().filter(|line| line.contains(" /"));
    assert_eq!(direct.count(), 0, "{asked:?}");
}

#[test]
fn the_proxies_of_the_environment_are_not_used() {
    let simulator = simulator();
    let (proxy, asked) = fronts::proxy();
    let proxy = format!("http://127.0.0.1:{proxy}");
    let variables = [
        ("HTTP_PROXY", proxy.as_str()),
        ("ALL_PROXY", &proxy),
        ("http_proxy", &proxy),
    ];
    let url = format!("--url=127.0.0.1:{}", simulator.addr().port());
    let place = Place::new();
    let ended = place.run_in(&[&LOAD[..], &[&url]].concat(), &variables);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(asked.lock().unwrap().is_empty());
    // Of one that is far away it is said why it cannot be reached.
    let ended = place.run_in(&["--headless", "--url=no-such-host.invalid"], &variables);
    let said = "HTTP_PROXY is set, but not used: --proxy URL goes through a proxy";
    assert!(ended.err.contains(said), "{}", ended.err);
}

#[cfg(unix)]
#[test]
fn the_file_of_a_socket_is_an_address() {
    let simulator = simulator();
    let place = Place::new();
    let file = place.directory.path().join("llm.sock");
    fronts::file(&file, simulator.addr().port());
    let url = format!("unix:{}", file.display());
    let ended = place.run_in(&LOAD, &[("OLLAMA_HOST", &url)]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let summary = valid(&ended.out);
    assert_eq!(levels(&summary), [(1, 2, 0), (2, 4, 0)]);
    assert_eq!(summary["target"]["url"], url.as_str());
    let gone = run(&Place::new(), &["--url=unix:/nowhere/llm.sock"]);
    assert_eq!(gone.code, 1, "{gone:?}");
    assert!(
        gone.err.contains("unix:/nowhere/llm.sock: "),
        "{}",
        gone.err
    );
}

#[rstest]
#[case::negotiated(true)]
#[case::without_asking(false)]
fn http2_is_spoken_where_it_is_negotiated_or_asked_for(#[case] is_tls: bool) {
    let certificate = Certificate::new(&["h2", "http/1.1"]);
    let (port, asked) = fronts::http2(is_tls.then_some(&certificate));
    let place = Place::new();
    let flags = if is_tls {
        [
            "--insecure".to_owned(),
            format!("--url=https://127.0.0.1:{port}"),
        ]
    } else {
        ["--http2".to_owned(), format!("--url=127.0.0.1:{port}")]
    };
    let ended = run(&place, &[&flags[0], &flags[1], "--header=X-Key: sk"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let summary = valid(&ended.out);
    assert_eq!(levels(&summary), [(1, 2, 0), (2, 4, 0)]);
    let asked = asked.lock().unwrap();
    let posts = asked.iter().filter(|line| line.starts_with("POST "));
    let (scheme, posts): (_, Vec<&String>) =
        (if is_tls { "https" } else { "http" }, posts.collect());
    assert_eq!(ended.err.matches("over HTTP/2").count(), 1, "{}", ended.err);
    // Six that count, and the warm-up.
    assert_eq!(posts.len(), 7, "{asked:?}");
    let line = format!("POST {scheme}://127.0.0.1:{port}/v1/chat/completions HTTP/2.0");
    assert!(posts.iter().all(|post| **post == line), "{posts:?}");
    for cycle in summary["cycles"].as_array().unwrap() {
        assert!(cycle["ttft_s"]["min"].as_f64().unwrap() > 0.0);
        assert_eq!(cycle["tls_s"]["n"].as_u64().unwrap() > 0, is_tls);
    }
}

#[rstest]
#[case(&["--insecure"], "--insecure is for a server that you name")]
#[case(&["--ca=/nowhere.pem", "--url=https://box"], "--ca /nowhere.pem: ")]
#[case(&["--proxy=http://me:secret@box:1", "--url=box"], "--proxy: a proxy with a password")]
#[case(&["--proxy=socks5://box:1", "--url=box"], "--proxy: socks5 proxies are not supported")]
fn a_way_that_cannot_be_gone_is_said(#[case] flags: &[&str], #[case] says: &str) {
    let arguments = [&["--headless"], flags].concat();
    let ended = Place::new().run_in(&arguments, &[("OLLAMA_HOST", "")]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains(says), "{}", ended.err);
    assert!(!ended.err.contains("secret"), "{}", ended.err);
}
