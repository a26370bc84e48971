//! What is measured of an exact sequence: counts, orders, and how the figures follow from the stamps.

use rstest::rstest;
use tokio_util::sync::CancellationToken;
use tokometer::event::{EventKind, Outcome, Piece, RequestRecord};

use crate::bench::{Bench, plan};
use crate::says::{HEAD, chunk, done, say, thought, token};
use crate::server::{Server, Step};

/// The one request that is answered with these lines, each a chunk of its own; the last ones wait
/// until the first token has been told.
async fn measured(lines: &[String], together: bool) -> (RequestRecord, u64) {
    let gate = CancellationToken::new();
    let opens = gate.clone();
    let mut steps = vec![say(HEAD)];
    if together {
        steps = vec![say(
            [HEAD.to_owned(), lines.iter().map(chunk).collect()].concat()
        )];
    } else {
        let bearing = lines
            .iter()
            .position(|line| !line.contains("\"content\":\"\""));
        let thinking = lines.iter().position(|line| line.contains("\"thinking\""));
        let first = bearing.into_iter().chain(thinking).min().unwrap();
        for (number, line) in lines.iter().enumerate() {
            steps.push(say(chunk(line)));
            if number == first {
                steps.push(Step::Await(opens.clone()));
            }
        }
    }
    steps.push(say("0\r\n\r\n"));
    let server = Server::scripted(move |_| steps.clone()).await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(plan(&[1])).await;
    bench
        .until(1, |what| matches!(what, EventKind::FirstToken { .. }))
        .await;
    gate.cancel();
    bench.end().await;
    let reported = bench.events.iter().find_map(|event| match event.what {
        EventKind::FirstToken { ttft_us, .. } => Some(ttft_us),
        _ => None,
    });
    (bench.records().remove(0), reported.unwrap())
}

fn gaps(record: &RequestRecord) -> u64 {
    record.itl_us.chunks(2).map(|pair| pair[1]).sum()
}

#[rstest]
#[case::plain(vec![token(""), token("Time "), token("is "), token("short."), done(3)], [3, 0])]
#[case::thinking(vec![thought("hm"), thought(" so"), token("Yes."), token(" It is."), done(4)], [4, 2])]
#[case::only_thinking(vec![thought("hm"), thought(" so"), done(2)], [2, 2])]
#[case::tags(vec![token("<think>"), token("hm"), token("</think>"), token("Yes."), done(4)], [4, 3])]
#[tokio::test]
async fn stamps_stand_in_their_order(#[case] lines: Vec<String>, #[case] counts: [u32; 2]) {
    let (record, reported) = measured(&lines, false).await;
    assert_eq!(
        [Some(record.chunks), record.thinking_chunks],
        counts.map(Some)
    );
    let (first, last) = (record.first_token.unwrap(), record.last_token.unwrap());
    let head = record.head.unwrap();
    let byte = record.first_byte.unwrap();
    assert!(record.sent <= head && head <= byte && byte <= first);
    assert!(first < last, "the rest came after the first token was told");
    assert!(last <= record.ended);
    assert_eq!(reported, first.0 - record.sent.0);
    let answers = counts[0] > counts[1];
    assert_eq!(record.first_answer.is_some(), answers);
    assert!(
        record
            .first_answer
            .is_none_or(|at| first <= at && at <= last)
    );
    assert_eq!(gaps(&record), u64::from(counts[0]) - 1);
    let longest = record.itl_us[record.itl_us.len() - 2];
    assert!(longest <= last.0 - first.0);
    let reason = Some("stop".to_owned());
    assert_eq!(record.outcome, Outcome::Done { reason });
}

#[tokio::test]
async fn the_figures_follow_from_the_stamps() {
    // The server counts 11 tokens where the client saw 3 chunks: its count is the one that holds.
    let lines = [thought("hm"), token("Yes."), token(" It is."), done(11)];
    let (record, _) = measured(&lines, false).await;
    let (first, last) = (record.first_token.unwrap(), record.last_token.unwrap());
    let same = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() <= 1e-9 * b.abs();
    assert!(same(record.ttft_s(), first.since(record.sent)));
    assert!(same(
        record.ttfb_s(),
        record.first_byte.unwrap().since(record.sent)
    ));
    assert!(same(
        record.ttfa_s(),
        record.first_answer.unwrap().since(record.sent)
    ));
    assert!(same(record.total_s(), record.ended.since(record.sent)));
    assert_eq!((record.output_tokens(), record.chunks), (11, 3));
    assert!(same(record.tpot_s(), last.since(first) / 10.0));
    assert!(same(record.speed_tok_s(), 10.0 / last.since(first)));
    let server = record.server;
    assert_eq!(
        (server.prompt_tokens, server.output_tokens),
        (Some(9), Some(11))
    );
    assert!(same(server.load_s, 0.5) && same(server.prompt_eval_s, 0.25));
    assert!(same(server.eval_s, 1.0) && same(server.total_s, 2.0));
    assert!(same(server.speed_tok_s(), 10.0));
    assert!(
        same(record.queue_wait_s(), 0.0),
        "the server says it took longer than it did"
    );
}

#[tokio::test]
async fn tokens_of_one_read_arrive_at_one_instant_and_have_no_speed() {
    let lines = [token("Time "), token("is "), token("short."), done(3)];
    let (record, _) = measured(&lines, true).await;
    assert_eq!(record.itl_us, [0, 2]);
    assert_eq!(record.first_token, record.last_token);
    assert_eq!((record.tpot_s(), record.speed_tok_s()), (None, None));
    assert_eq!(record.ttfb_s(), record.ttft_s());
}

#[rstest]
#[case::fields(vec![thought("hm"), thought(" so"), token("Yes."), done(3)])]
#[case::tags(vec![token("<think>\nhm"), token(" so</think>"), token("\n\nYes."), done(3)])]
#[tokio::test]
async fn thinking_is_told_apart_in_the_answer(#[case] lines: Vec<String>) {
    let (record, _) = measured(&lines, false).await;
    let answer = record.answer.unwrap();
    assert_eq!(answer.text, "hm soYes.");
    let ends: Vec<(usize, bool)> = answer
        .pieces
        .iter()
        .map(|p| (p.end(), p.is_thinking()))
        .collect();
    assert_eq!(ends, [(2, true), (5, true), (9, false)]);
    let at = |piece: &Piece| piece.at_us();
    assert!(answer.pieces.is_sorted_by_key(at));
    assert_eq!(
        Some(answer.pieces[0].at_us()),
        record.first_token.map(|at| at.0 - record.sent.0)
    );
}
