//! The answers that are kept: whose they are, while a run goes on, after it was killed, and once it is over.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use tokometer::event::{CycleEnd, Event, EventKind, RunEnd};
use tokometer::store::recordings::{KeptAnswer, Rank, kept_in};
use tokometer::store::{Recorder, Resume, RunDirectory};

use crate::story::{self, Story, answered, at};

/// A level of so many requests one after the other, whose waits and speeds go up and down, from request `first` on.
fn level(story: &mut Story, first: u64, requests: u64) {
    story.open(2);
    for id in first..first + requests {
        let sent = story.now.secs() + 0.001;
        let wait = 0.1 + 0.01 * ((id * 37) % 101) as f64;
        let lasting = 1.0 + 0.01 * ((id * 53) % 97) as f64;
        let record = answered(
            id,
            story.cycle,
            [sent, sent + wait, sent + wait + lasting],
            21,
        );
        story.now = record.sent;
        story.ask(id, record.user);
        story.now = at(sent + wait + lasting);
        story.answer(record);
    }
    story.close(CycleEnd::Done);
}

fn record(recorder: &mut Recorder, events: &[Event]) {
    for event in events {
        assert_eq!(recorder.record(std::slice::from_ref(event), event.at), None);
    }
}

/// Wait and speed of each request, as the table has them.
fn table(directory: &Path) -> HashMap<u64, (f64, f64)> {
    let mut table = csv::Reader::from_path(directory.join("requests.csv")).unwrap();
    let header = table.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|title| title == name).unwrap();
    let (id, wait, speed) = (column("request"), column("ttft_s"), column("speed_tok_s"));
    let rows = table.records().map(|row| {
        let row = row.unwrap();
        let number = |at: usize| row.get(at).unwrap().parse::<f64>().unwrap();
        (
            row.get(id).unwrap().parse().unwrap(),
            (number(wait), number(speed)),
        )
    });
    rows.collect()
}

/// How many places an answer is away from its rank, by the table; and that its own times are those of the table.
fn off(kept: &KeptAnswer, rank: Rank, table: &HashMap<u64, (f64, f64)>) -> f64 {
    let (wait, _) = table[&kept.request];
    let first = kept.answer.pieces.first().unwrap().at_us() as f64 / 1e6;
    assert!((first - wait).abs() < 1e-5, "{first} {wait}");
    let by_wait = matches!(rank, Rank::Median | Rank::P95Wait);
    let figure = |(wait, speed): (f64, f64)| if by_wait { wait } else { speed };
    let own = figure(table[&kept.request]);
    let less = table.values().filter(|row| figure(**row) < own).count() as f64;
    let more = table.values().filter(|row| figure(**row) > own).count() as f64;
    let last = table.len() as f64 - 1.0;
    let target = last
        * match rank {
            Rank::Median | Rank::MedianSpeed => 0.5,
            Rank::P95Wait => 0.95,
            Rank::Fastest => 1.0,
        };
    // Equal ones share their places.
    (less - target).max(target - (last - more)).max(0.0)
}

fn check(directory: &Path, requests: usize, bound: f64) {
    let table = table(directory);
    assert_eq!(table.len(), requests);
    let kept = kept_in(directory);
    for rank in [
        Rank::Median,
        Rank::MedianSpeed,
        Rank::P95Wait,
        Rank::Fastest,
    ] {
        let of_rank: Vec<&Arc<KeptAnswer>> = kept
            .iter()
            .filter(|kept| kept.ranks.contains(&rank))
            .collect();
        let &[answer] = of_rank.as_slice() else {
            panic!("{rank}: {of_rank:?}")
        };
        let off = off(answer, rank, &table);
        assert!(off <= bound, "{rank}: {off} places off");
        assert_eq!(answer.of, Some(requests));
    }
    let others = fs::read_dir(directory.join("answers")).unwrap();
    assert_eq!(others.count(), kept.len(), "nothing else is left");
}

#[test]
fn kept_answers_are_those_of_their_ranks() {
    for (requests, bound) in [(1, 0.0), (2, 0.5), (50, 1.0), (256, 1.0), (1_500, 30.0)] {
        let root = tempfile::tempdir().unwrap();
        let info = story::info(false);
        let directory = RunDirectory::create(root.path(), &info).unwrap();
        let mut recorder = Recorder::open(&directory).unwrap();
        let mut story = Story::new(info);
        level(&mut story, 0, requests);
        story.push(EventKind::RunEnded { why: RunEnd::Done });
        record(&mut recorder, &story.events);
        let told: usize = recorder.take_kept().len();
        assert_eq!(recorder.finish().warning, None);
        assert_eq!(told, kept_in(directory.path()).len());
        check(directory.path(), usize::try_from(requests).unwrap(), bound);
    }
}

#[test]
fn a_run_that_was_killed_loses_no_answer() {
    let root = tempfile::tempdir().unwrap();
    let info = story::info(false);
    let directory = RunDirectory::create(root.path(), &info).unwrap();
    let mut recorder = Recorder::open(&directory).unwrap();
    let mut story = Story::new(info);
    level(&mut story, 0, 60);
    // The last event is the end of the cycle, which the writer does not live to see.
    let (_, before) = story.events.split_last().unwrap();
    record(&mut recorder, before);
    recorder.flush();
    drop(recorder);
    assert!(kept_in(directory.path()).is_empty());
    let resume = Resume::open(directory.path()).unwrap();
    let mut recorder = Recorder::resume(&resume).unwrap();
    let mut rest = Story::from_cycle(1);
    rest.now = story.now;
    level(&mut rest, 60, 40);
    let mut events = rest.events;
    for event in &mut events {
        if let EventKind::RequestEnded(record) = &mut event.what {
            record.cycle = 1;
        }
    }
    record(&mut recorder, &events);
    assert_eq!(recorder.finish().warning, None);
    check(directory.path(), 100, 1.0);
}
