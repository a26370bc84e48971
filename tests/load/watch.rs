//! Looking at an answer while it streams, and after it.

use tokio_util::sync::CancellationToken;
use tokometer::event::EventKind;
use tokometer::session::{AnswerText, SessionCommand};

use crate::bench::{Bench, is_end, is_start, plan, waves};
use crate::says::{HEAD, chunk, done, say, thought, token};
use crate::server::{Server, Step};

/// The text of request `id` as a screen would show it, thinking and answer.
fn shown(answers: &[AnswerText], id: u64) -> (String, String) {
    let mut shown = (String::new(), String::new());
    for part in answers.iter().filter(|part| part.id == id) {
        if part.restart {
            shown = Default::default();
        }
        for (thinking, text) in &part.parts {
            let side = if *thinking {
                &mut shown.0
            } else {
                &mut shown.1
            };
            side.push_str(text);
        }
    }
    shown
}

fn both(thinking: &str, answer: &str) -> (String, String) {
    (thinking.to_owned(), answer.to_owned())
}

async fn until_shown(bench: &mut Bench, id: u64, text: &(String, String)) {
    while shown(&bench.answers, id) != *text {
        bench.hear().await;
    }
}

fn ids(bench: &Bench) -> Vec<u64> {
    let started = bench.events.iter().filter_map(|event| match event.what {
        EventKind::RequestStarted { id, .. } => Some(id),
        _ => None,
    });
    started.collect()
}

#[tokio::test]
async fn an_answer_is_shown_as_it_grows_and_again_when_it_is_over() {
    let gates: Vec<CancellationToken> = (0..3).map(|_| CancellationToken::new()).collect();
    let script = gates.clone();
    let server = Server::scripted(move |asked| match asked.number {
        0 => vec![
            say([HEAD, &chunk(thought("hm, "))].concat()),
            Step::Await(script[0].clone()),
            say(chunk(thought("so"))),
            say(chunk(token("Yes, "))),
            Step::Await(script[1].clone()),
            say([chunk(token("it is.")), chunk(done(4)), "0\r\n\r\n".into()].concat()),
        ],
        _ => vec![
            say([HEAD, &chunk(token("<think>why</think>No"))].concat()),
            Step::Await(script[2].clone()),
            say([chunk(token(".")), chunk(done(2)), "0\r\n\r\n".into()].concat()),
        ],
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(waves(2, &[1])).await;
    bench.until(1, is_start).await;
    let first = ids(&bench)[0];
    bench.ask(SessionCommand::Watch(first)).await;
    until_shown(&mut bench, first, &both("hm, ", "")).await;
    gates[0].cancel();
    until_shown(&mut bench, first, &both("hm, so", "Yes, ")).await;
    gates[1].cancel();
    until_shown(&mut bench, first, &both("hm, so", "Yes, it is.")).await;
    assert_eq!(bench.answers.iter().filter(|part| part.restart).count(), 1);
    assert!(bench.answers.iter().all(|part| part.id == first));

    bench.until(2, is_start).await;
    let second = ids(&bench)[1];
    bench.ask(SessionCommand::Watch(second)).await;
    until_shown(&mut bench, second, &both("why", "No")).await;
    gates[2].cancel();
    until_shown(&mut bench, second, &both("why", "No.")).await;
    bench.until(2, is_end).await;

    // Back to the first, which is over: all of it at once.
    let so_far = bench.answers.len();
    bench.ask(SessionCommand::Watch(first)).await;
    while bench.answers.len() == so_far {
        bench.hear().await;
    }
    let again = &bench.answers[so_far];
    let parts = vec![
        (true, "hm, so".to_owned()),
        (false, "Yes, it is.".to_owned()),
    ];
    let expected = AnswerText {
        id: first,
        restart: true,
        parts,
    };
    assert_eq!(*again, expected);
}

#[tokio::test]
async fn an_answer_that_nobody_knows_is_not_shown_and_nothing_breaks() {
    let server = Server::scripted(|_| {
        vec![say([
            HEAD,
            &chunk(token("Yes.")),
            &chunk(done(1)),
            "0\r\n\r\n",
        ]
        .concat())]
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    bench.ask(SessionCommand::Watch(1)).await;
    bench.start(plan(&[1])).await;
    bench.ask(SessionCommand::Watch(999)).await;
    bench.end().await;
    assert!(bench.answers.iter().all(|part| part.id != 999));
    // A run that is over still shows its answers.
    let id = ids(&bench)[0];
    bench.ask(SessionCommand::Watch(id)).await;
    until_shown(&mut bench, id, &both("", "Yes.")).await;
}
