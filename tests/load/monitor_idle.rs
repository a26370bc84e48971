//! The machine before a run: told as soon as it is asked for, and by one set of sources at a time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokometer::dialect::Access;

use crate::ordinary::Ordinary;
use crate::script::script;
use crate::until::until as until_true;
use tokometer::event::{Event, EventKind};
use tokometer::plan::{EnergyPlan, Plan};
use tokometer::probe::gpu::Places;
use tokometer::probe::setup::Setup;
use tokometer::session::serve::{Session, SessionOptions, start_with};
use tokometer::session::{SessionCommand, SessionEvent};
use tokometer::sim::SimConfig;

/// Longer than any healthy machine needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A fake that writes down each of its lives in `$FOLDER/pids`.
const ANSWERS: &str = "echo $$ >> \"$FOLDER/pids\"; while :; do \
    echo '0, GPU-1, Fake GPU, 40.00, 345, 3, 6000, 24000, 40, 40.00, 450.00'; sleep 0.1; done";

fn setup(folder: &Path) -> Setup {
    let body = format!("FOLDER='{}'; {ANSWERS}", folder.display());
    let places = Places {
        nvml_lib: Some(PathBuf::from("/nonexistent/libnvml.so")),
        nvidia_smi: script(folder, "nvidia-smi", &body),
        ..Places::default()
    };
    Setup {
        access: Access::default(),
        places,
        ..Setup::default()
    }
}

/// How many of the fakes live; one that nobody has buried yet does not.
fn alive(folder: &Path) -> usize {
    let pids = fs::read_to_string(folder.join("pids")).unwrap_or_default();
    let lives = |pid: &&str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    pids.lines().filter(lives).count()
}

async fn hear(session: &mut Session) -> SessionEvent {
    let event = tokio::time::timeout(PATIENCE, session.events.recv()).await;
    event.unwrap().unwrap()
}

async fn until(session: &mut Session, is_it: impl Fn(&SessionEvent) -> bool) -> SessionEvent {
    loop {
        let event = hear(session).await;
        if is_it(&event) {
            return event;
        }
    }
}

fn tells_power(event: &SessionEvent) -> bool {
    let reported =
        |event: &Event| matches!(&event.what, EventKind::Gpu(gpu) if gpu.watts == Some(40.0));
    matches!(event, SessionEvent::Machine { events, .. } if events.iter().any(reported))
}

#[tokio::test]
async fn the_machine_is_told_before_a_run_and_handed_over_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Ordinary::start();
    let options = SessionOptions {
        access: Access::default(),
        url: Some(server.url.clone()),
        dialect: None,
        simulator: SimConfig::default(),
        runs: None,
        reports: None,
    };
    let mut session = start_with(options, Some(setup(folder.path()))).unwrap();
    let commands = session.commands.clone();
    let ask = async |ask| commands.send(ask).await.unwrap();
    ask(SessionCommand::Search).await;
    let SessionEvent::Found(found) = until(&mut session, |event| {
        matches!(event, SessionEvent::Found(_))
    })
    .await
    else {
        unreachable!("it waited for this");
    };
    assert_eq!(alive(folder.path()), 0, "nobody has asked");
    ask(SessionCommand::Observe).await;
    let reported = until(&mut session, tells_power).await;
    assert!(matches!(reported, SessionEvent::Machine { url, .. } if url == found.url));
    ask(SessionCommand::Observe).await;
    until(&mut session, tells_power).await;
    assert_eq!(alive(folder.path()), 1, "asked twice, measured once");
    let plan = Plan {
        levels: vec![1],
        max_tokens: Some(8),
        warmup: 0,
        energy: EnergyPlan {
            idle_s: 0.0,
            ..EnergyPlan::default()
        },
        ..Plan::default()
    };
    let before = fs::read_to_string(folder.path().join("pids")).unwrap();
    ask(SessionCommand::Start {
        plan: Box::new(plan),
        model: Box::new(found.models.first().cloned().unwrap_or_default()),
    })
    .await;
    let is_event = |event: &SessionEvent| matches!(event, SessionEvent::Events(_));
    until(&mut session, is_event).await;
    let first = before.lines().next().unwrap();
    // Killed before the run began; the kernel takes a moment to bury it.
    until_true("the sources of the idle machine are gone", || {
        let stat = fs::read_to_string(format!("/proc/{first}/stat"));
        stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
    });
    assert!(alive(folder.path()) <= 1);
    loop {
        match hear(&mut session).await {
            SessionEvent::Machine { .. } => unreachable!("a run goes on"),
            SessionEvent::Finished { error, .. } => {
                assert_eq!(error, None);
                break;
            }
            _ => {}
        }
    }
    ask(SessionCommand::Observe).await;
    until(&mut session, tells_power).await;
    until_true("those of the run are gone", || alive(folder.path()) == 1);
    let Session {
        commands: own,
        work,
        ..
    } = session;
    drop((own, commands));
    work.finish().await;
    until_true("no child outlives the session", || {
        alive(folder.path()) == 0
    });
}
