//! What is told and what is written are the same, however slowly the screen reads.

use std::path::Path;

use tokometer::event::{Event, EventKind, RunEnd};
use tokometer::plan::{CycleShape, Plan};
use tokometer::store;

use crate::bench::{Bench, PATIENCE, fast, plan};

fn facts(events: &[Event]) -> Vec<EventKind> {
    let facts = events.iter().map(|event| event.what.clone());
    let facts = facts.filter(|what| !matches!(what, EventKind::Progress { .. }));
    // An answer is kept in memory and in files of its own, not in the log.
    facts
        .map(|what| match what {
            EventKind::RequestEnded(mut record) => {
                record.answer = None;
                EventKind::RequestEnded(record)
            }
            what => what,
        })
        .collect()
}

fn busy() -> Plan {
    Plan {
        shape: CycleShape::Waves(10),
        max_tokens: Some(4),
        ..plan(&[8, 16, 32])
    }
}

fn ended(events: &[Event]) -> usize {
    let is_end = |event: &&Event| matches!(event.what, EventKind::RequestEnded(_));
    events.iter().filter(is_end).count()
}

#[tokio::test]
async fn the_log_holds_every_fact_in_the_order_it_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::simulated(fast(&["500:every=7"]), Some(folder.path())).await;
    bench.run(busy()).await;
    let directory = bench.finished.as_ref().unwrap().0.clone().unwrap();
    let recovered = store::read(&directory).unwrap();
    assert_eq!(ended(&bench.events), 560);
    assert_eq!(facts(&recovered.events), facts(&bench.events));
    let rows = std::fs::read_to_string(directory.join("requests.csv")).unwrap();
    assert_eq!(rows.lines().count(), 561);
    for file in ["run.json", "summary.json", "cycles.csv", "answers"] {
        assert!(directory.join(file).exists(), "{file}");
    }
}

/// A screen that reads nothing until the run is over.
#[tokio::test]
async fn a_screen_that_stands_still_loses_no_fact_and_delays_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::simulated(fast(&[]), Some(folder.path())).await;
    bench.start(busy()).await;
    tokio::time::timeout(PATIENCE, written(folder.path()))
        .await
        .expect("the run ends and is written, though nobody looks");
    assert_eq!(bench.end().await, RunEnd::Done);
    assert_eq!(ended(&bench.events), 560);
    let directory = bench.finished.as_ref().unwrap().0.clone().unwrap();
    let recovered = store::read(&directory).unwrap();
    assert_eq!(facts(&recovered.events), facts(&bench.events));
    assert!(bench.state().client.is_some());
}

/// Waits for the last file of a run directory.
async fn written(root: &Path) {
    loop {
        let run = std::fs::read_dir(root).unwrap().next();
        if run.is_some_and(|run| run.unwrap().path().join("summary.json").exists()) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
