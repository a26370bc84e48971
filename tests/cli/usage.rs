//! Help, and what is wrong usage.

use rstest::rstest;

use crate::process::Place;

#[rstest]
#[case("help_short", &["-h"])]
#[case("help", &["--help"])]
#[case("help_simulate", &["simulate", "--help"])]
fn help(#[case] name: &str, #[case] arguments: &[&str]) {
    let place = Place::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tokometer"));
    // The value of a variable would be told.
    command.env_remove("TOKOMETER_RUNS_DIR");
    let output = command
        .args(arguments)
        .env("COLUMNS", "100")
        .current_dir(place.directory.path())
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.replace("tokometer.exe", "tokometer");
    insta::assert_snapshot!(name, text);
}

#[rstest]
fn help_fits_its_columns(
    #[values(
        "run",
        "resume",
        "preview",
        "screenshot",
        "simulate",
        "doctor",
        "report",
        "share",
        "import",
        "note",
        "runs",
        "replay",
        "compare",
        "check",
        "completions"
    )]
    command: &str,
    #[values("-h", "--help")] flag: &str,
) {
    let help = Place::new().run(&[command, flag]).out;
    assert!(help.contains("Usage: tokometer"), "{help}");
    for line in help.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        // A short word alone on a line is a line that just does not fit.
        assert!(
            !(line.starts_with("          ") && (1..=4).contains(&line.trim().len())),
            "{command}: {line}"
        );
    }
}

#[test]
fn run_is_the_command_without_a_name() {
    let place = Place::new();
    let run = place.run(&["run", "--help"]).out;
    for line in place.run(&["--help"]).out.lines() {
        let is_flag = line.trim_start().starts_with("--");
        assert!(!is_flag || run.contains(line), "{line}");
    }
}

#[test]
fn the_version_is_the_crates() {
    let ended = Place::new().run(&["--version"]);
    let version = concat!("tokometer ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!((ended.code, ended.out.as_str()), (0, version));
}

#[rstest]
#[case(&["--users", "0"], "--users")]
#[case(&["--users", "1,two"], "'two'")]
#[case(&["--users", "10001"], "between 1 and 10000 users")]
#[case(&["--users", ""], "--users")]
#[case(&["--nope"], "--nope")]
#[case(&["--waves", "0"], "--waves")]
#[case(&["--waves", "2", "--duration", "3s"], "--duration")]
#[case(&["--duration", "0s"], "more than 0")]
#[case(&["--duration", "soon"], "write 10s, 1m30s, 250ms")]
#[case(&["--rest=-1s"], "--rest")]
#[case(&["--timeout-first", "0"], "--timeout-first")]
#[case(&["--share", "101%"], "between 0 % and 100 %")]
#[case(&["--limit-speed", "NaN"], "more than 0")]
#[case(&["--dialect", "grpc"], "ollama, openai")]
#[case(&["doctor", "--url", "http://bad host"], "bad host")]
#[case(&["--pull"], "--model")]
#[case(&["--fault", "cut"], "--sim")]
#[case(&["--sim", "--fault", "cat"], "slow-header")]
#[case(&["--sim", "--fault", "cut:every=0"], "every must be a number of at least 1")]
#[case(&["--sim", "--url", "http://box"], "--url")]
#[case(&["--sim", "--time-scale", "0"], "--time-scale")]
#[case(&["--sim", "--time-scale", "1e9"], "--time-scale")]
#[case(&["--theme", "pink"], "dark, light, mono")]
#[case(&["--url", "ftp://box"], "not http, https or unix")]
#[case(&["--url", "http://box:port"], "is not the address of a server")]
#[case(&["--prompt", "a", "--prompts", "b"], "--prompts")]
#[case(&["--prompts", "nowhere.txt"], "--prompts nowhere.txt: ")]
#[case(&["simulate", "--profile", "pdp-11"], "m2-pro")]
#[case(&["simulate", "--port", "70000"], "--port")]
#[case(&["completions", "dos"], "bash")]
fn wrong_usage_says_what_is_wrong(#[case] arguments: &[&str], #[case] what: &str) {
    let place = Place::new();
    let ended = place.run(arguments);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.out.is_empty(), "{}", ended.out);
    assert!(ended.err.starts_with("error: "), "{}", ended.err);
    assert!(ended.err.contains(what), "{}", ended.err);
    assert!(!place.directory.path().join("runs").exists());
}

#[test]
fn every_bad_line_of_a_file_of_prompts_is_named() {
    let place = Place::new();
    let lines = [
        r#"{"prompt": "one"}"#,
        r#""two""#,
        "three",
        "",
        r#"{"question": "four"}"#,
    ];
    std::fs::write(place.directory.path().join("p.jsonl"), lines.join("\n")).unwrap();
    let ended = place.run(&["--prompts", "p.jsonl"]);
    assert_eq!(ended.code, 2);
    let bad: Vec<&str> = ended
        .err
        .lines()
        .filter(|l| l.contains("p.jsonl"))
        .collect();
    assert_eq!(bad.len(), 2, "{}", ended.err);
    assert!(
        ended.err.contains("p.jsonl, line 3: not JSON"),
        "{}",
        ended.err
    );
    assert!(
        ended.err.contains("p.jsonl, line 5: neither"),
        "{}",
        ended.err
    );
    std::fs::write(place.directory.path().join("empty.txt"), "\n \n").unwrap();
    let ended = place.run(&["--prompts", "empty.txt"]);
    assert!(ended.code == 2 && ended.err.contains("contains no prompt"));
}

#[rstest]
#[case("bash")]
#[case("zsh")]
#[case("fish")]
#[case("elvish")]
#[case("powershell")]
fn completions(#[case] shell: &str) {
    let ended = Place::new().run(&["completions", shell]);
    assert!(ended.code == 0 && ended.err.is_empty(), "{ended:?}");
    assert!(ended.out.contains("stop-when-hopeless"));
    assert!(ended.out.contains("simulate"));
}
