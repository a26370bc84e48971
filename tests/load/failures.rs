//! Every kind of failed request: told apart, with its message; the run goes on.

use rstest::rstest;
use tokio_util::sync::CancellationToken;
use tokometer::dialect::OpenAi;
use tokometer::event::{CycleEnd, EventKind, FailureKind, Outcome, RunEnd, WarningKind};
use tokometer::plan::{CycleShape, Plan, SettlePlan, Timeouts};

use crate::bench::{Bench, fast, outcome, plan};
use crate::says::{HEAD, LAST, answer, begin, chunk, done, end, say, token};
use crate::server::{Manners, Server, Step, json};

const TIMEOUTS: Timeouts = Timeouts {
    first_s: Some(1.5),
    next_s: Some(1.5),
    total_s: None,
};

/// The first request meets `steps`, those after it a whole answer.
async fn meets(steps: Vec<Step>, plan: Plan) -> (Server, Bench) {
    let server = Server::scripted(move |asked| match asked.number {
        0 => steps.clone(),
        _ => vec![answer()],
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    let plan = Plan {
        shape: CycleShape::Waves(2),
        ..plan
    };
    bench.run(plan).await;
    (server, bench)
}

fn body(parts: &[&str]) -> Vec<Step> {
    let chunks: String = parts.iter().map(chunk).collect();
    vec![say([HEAD, &chunks, LAST].concat())]
}

fn raw(text: &str) -> Vec<Step> {
    vec![say(text), Step::Close]
}

#[rstest]
#[case::no_model("http_404", "model 'm' not found", vec![Step::Say(json(404, r#"{"error":"model 'm' not found"}"#))])]
#[case::broken("http_500", "out of memory", vec![Step::Say(json(500, r#"{"error":"out of memory"}"#))])]
#[case::busy("http_503", "server busy", vec![Step::Say(json(503, r#"{"error":{"message":"server busy"}}"#))])]
#[case::no_reason("http_503", "503", vec![Step::Say(json(503, ""))])]
#[case::plain_text("http_502", "Bad Gateway, says the proxy", vec![Step::Say(json(502, "Bad Gateway, says the proxy\n"))])]
#[case::error_cut(
    "http_500",
    "half a sen",
    raw("HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\nhalf a sen")
)]
#[case::error_kept_open("http_500", "so far", vec![say("HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\nso far"), Step::Hang])]
#[case::redirect("http_302", "302", vec![say("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")])]
#[case::error_object("stream_error", "the runner died", body(&[&token("a"), "{\"error\":\"the runner died\"}\n"]))]
#[case::error_without_newline("stream_error", "the runner died", body(&[&token("a"), "{\"error\":\"the runner died\"}"]))]
#[case::inside_a_chunk("truncated", "closed mid-stream", vec![begin(), say("ff\r\n{\"mess"), Step::Close])]
#[case::between_chunks("truncated", "closed mid-stream", vec![begin(), Step::Close])]
#[case::inside_a_length(
    "truncated",
    "closed mid-stream",
    raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
)]
#[case::inside_a_line("truncated", "inside a line", body(&[&token("a"), "{\"message\":{\"con"]))]
#[case::no_final_chunk("unfinished", "after 2 tokens", body(&[&token("a"), &token("b")]))]
#[case::only_a_role("unfinished", "after 0 tokens", body(&[&token("")]))]
#[case::garbage_line("bad_line", "cat /dev/urandom", body(&[&token("a"), "cat /dev/urandom\n", &done(1)]))]
#[case::compressed(
    "protocol",
    "gzip-compressed answer (status 200)",
    raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f")
)]
#[case::compressed_error(
    "protocol",
    "br-compressed answer (status 500)",
    raw("HTTP/1.1 500 No\r\nContent-Encoding: br\r\n\r\nx")
)]
#[case::web_page("web_page", "<html>", raw("HTTP/1.1 200 OK\r\n\r\n<html>\n<p>Hello"))]
#[case::another_shape("bad_line", "[1,2]", body(&["[1,2]\n", &done(1)]))]
#[case::no_token("empty", "without a single token", body(&[&done(0)]))]
#[case::no_body("empty", "empty", vec![Step::Say(json(200, ""))])]
#[case::no_content("empty", "empty", vec![say("HTTP/1.1 204 No Content\r\n\r\n")])]
#[case::never("timeout_first", "within 1.5 s", vec![Step::Hang])]
#[case::only_a_head("timeout_first", "within 1.5 s", vec![say(HEAD), Step::Hang])]
#[case::stall("timeout_next", "no token for 1.5 s", vec![begin(), Step::Hang])]
#[case::no_http("protocol", "not HTTP", raw("SSH-2.0-OpenSSH_9.9\r\n\r\n"))]
#[case::binary("protocol", "not HTTP", vec![Step::Say(vec![0, 159, 146, 150, 13, 10, 13, 10]), Step::Close])]
#[case::no_chunk("protocol", "not HTTP", vec![begin(), say("what?\r\n"), Step::Close])]
#[tokio::test]
async fn each_is_of_its_own_kind(
    #[case] kind: &str,
    #[case] message: &str,
    #[case] steps: Vec<Step>,
) {
    let timeouts = TIMEOUTS;
    let plan = Plan {
        timeouts,
        ..plan(&[1])
    };
    let (server, bench) = meets(steps, plan).await;
    let records = bench.records();
    let outcomes: Vec<String> = records.iter().map(outcome).collect();
    assert_eq!(outcomes, [kind, "done"], "{:?}", records[0].outcome);
    let output = records[0].failure().unwrap().1;
    assert!(output.contains(message), "{output}");
    assert!(records[0].ended >= records[0].sent && records[0].retries == Some(0));
    assert_eq!(server.asked().len(), 2);
    let state = bench.state();
    let cycle = &state.cycles[0];
    assert_eq!((cycle.finished(), cycle.end), (2, Some(CycleEnd::Done)));
    assert_eq!(cycle.failures()[kind], 1);
    let warnings = bench.warnings(WarningKind::Failures);
    let kind = kind.parse::<FailureKind>().unwrap();
    assert_eq!(
        warnings,
        [format!("1 user: 1 of 2 requests failed ({})", kind.words())]
    );
    assert_eq!(bench.finished.unwrap().1, None, "the run went on");
}

#[tokio::test]
async fn a_total_limit_ends_an_answer_that_goes_on() {
    let timeouts = Timeouts {
        first_s: None,
        next_s: None,
        total_s: Some(1.5),
    };
    let plan = Plan {
        timeouts,
        ..plan(&[1])
    };
    let (server, bench) = meets(vec![begin(), Step::Hang], plan).await;
    let records = bench.records();
    assert_eq!(outcome(&records[0]), "timeout_total");
    assert_eq!(
        (records[0].chunks, outcome(&records[1])),
        (1, "done".into())
    );
    server.was_left(1).await;
    let on: Vec<usize> = server
        .asked()
        .iter()
        .map(|asked| asked.connection)
        .collect();
    assert_ne!(on[0], on[1], "a broken stream is not reused");
}

#[tokio::test]
async fn a_reset_before_the_answer_is_tried_once_more_then_told() {
    let server = Server::scripted(|asked| match asked.number {
        0 | 1 => vec![Step::Reset],
        _ => vec![answer()],
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    let plan = Plan {
        shape: CycleShape::Waves(2),
        ..plan(&[1])
    };
    let records = bench.run(plan).await;
    let outcomes: Vec<String> = records.iter().map(outcome).collect();
    assert_eq!(outcomes, ["reset", "done"]);
    // The light request had used the connection: it might have gone stale.
    assert_eq!((records[0].retries, records[1].retries), (Some(1), Some(0)));
    assert!(records[0].connect_us.is_some(), "the second try connected");
}

#[tokio::test]
async fn a_reset_in_mid_stream_is_told_and_not_tried_again() {
    let gate = CancellationToken::new();
    let after = gate.clone();
    let server =
        Server::scripted(move |_| vec![begin(), Step::Await(after.clone()), Step::Reset]).await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(plan(&[1])).await;
    bench
        .until(1, |what| matches!(what, EventKind::FirstToken { .. }))
        .await;
    gate.cancel();
    bench.end().await;
    let records = bench.records();
    let (kind, message) = records[0].failure().unwrap();
    assert_eq!(
        (kind.to_string().as_str(), records[0].retries),
        ("reset", Some(0))
    );
    assert!(message.contains("mid-stream"), "{message}");
    assert_eq!((records[0].chunks, server.asked().len()), (1, 1));
}

#[rstest]
#[case::of_levels(None)]
#[case::that_settles(Some(SettlePlan { within_s: 60.0, first: 2, most: 8, budget_tokens: None }))]
#[tokio::test]
async fn where_nobody_listens_any_more_the_run_waits_and_ends(#[case] settle: Option<SettlePlan>) {
    let server = Server::start(Manners {
        deaf_after_load: true,
        ..Manners::new(|_| vec![answer()])
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    let plan = Plan {
        shape: CycleShape::DurationS(1.0),
        patience_s: 0.2,
        settle,
        ..plan(&[2])
    };
    bench.start(plan).await;
    assert_eq!(bench.end().await, RunEnd::ServerGone);
    let state = bench.state();
    assert_eq!(state.cycles.len(), 1, "it waits, and asks nothing");
    let cycle = &state.cycles[0];
    assert_eq!(cycle.end, Some(CycleEnd::ServerGone));
    // Each of the two was refused once; a dead server is not asked again and again.
    let refused = cycle.requests.iter().map(|request| match &request.outcome {
        Outcome::ServerGone { kind, .. } => kind.to_string(),
        _ => outcome(request),
    });
    assert_eq!(refused.collect::<Vec<_>>(), ["refused", "refused"]);
    let failed = &bench.warnings(WarningKind::ConnectionsFailed)[0];
    assert!(
        failed.starts_with("2 of 2 connections could not"),
        "{failed}"
    );
    assert_eq!(cycle.connect_failed, 2);
}

#[tokio::test]
async fn an_error_with_its_whole_body_keeps_the_connection() {
    let server = Server::scripted(|asked| match asked.number {
        0 | 1 => vec![Step::Say(json(503, r#"{"error":"server busy"}"#))],
        _ => vec![begin(), end()],
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    let plan = Plan {
        shape: CycleShape::Waves(3),
        ..plan(&[1])
    };
    let outcomes: Vec<String> = bench.run(plan).await.iter().map(outcome).collect();
    assert_eq!(outcomes, ["http_503", "http_503", "done"]);
    assert_eq!(server.connections(), 1);
}

#[rstest]
#[case::broken("{\"error\":{\"message\":\"gone\"}}", "stream_error")]
#[case::not_json("{\"choices\":", "bad_line")]
#[case::whole(
    "{\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}",
    "done"
)]
#[tokio::test]
async fn server_sent_events_fail_in_the_same_ways(#[case] data: &str, #[case] kind: &str) {
    let text = format!(": hello\n\ndata: {data}\n\ndata: [DONE]\n\n");
    let server = Server::scripted(move |_| vec![say([HEAD, &chunk(&text), LAST].concat())]).await;
    let mut bench = Bench::speaking(&OpenAi, &server.url()).await;
    let records = bench.run(plan(&[1])).await;
    assert_eq!(outcome(&records[0]), kind);
}

#[rstest]
#[case("cut", &["truncated", "reset"])]
#[case("stall", &["timeout_next"])]
#[case("garbage", &["bad_line"])]
#[case("error", &["stream_error"])]
#[case("eof", &["unfinished"])]
#[case("500", &["http_500"])]
#[case("503", &["http_503"])]
#[case("slow-header", &["timeout_first"])]
#[tokio::test]
async fn the_simulators_faults_are_told_apart(#[case] fault: &str, #[case] kinds: &[&str]) {
    let delay = if fault == "slow-header" {
        ",delay=200"
    } else {
        ""
    };
    let faults = format!("{fault}:every=3{delay}");
    let mut bench = Bench::simulated(fast(&[&faults]), None).await;
    let plan = Plan {
        shape: CycleShape::Waves(3),
        max_tokens: Some(20),
        timeouts: TIMEOUTS,
        ..plan(&[2])
    };
    let records = bench.run(plan).await;
    let outcomes: Vec<String> = records.iter().map(outcome).collect();
    assert_eq!(outcomes.len(), 6);
    let failed = outcomes.iter().filter(|o| kinds.contains(&o.as_str()));
    let done = outcomes.iter().filter(|o| *o == "done");
    assert_eq!((failed.count(), done.count()), (2, 4), "{outcomes:?}");
    assert_eq!(bench.state().cycles[0].finished(), 6);
}
