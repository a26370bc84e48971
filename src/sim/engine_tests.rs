use super::*;
use crate::sim::draft::Draft;

impl Engine {
    fn busy(&self) -> usize {
        self.active.len()
    }
}

const HOUR: Duration = Duration::from_hours(1);

fn secs(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

fn job(tokens: u32, prefill_s: f64) -> Job {
    Job {
        tokens,
        prefill_s,
        speed: 1.0,
        not_before: Duration::ZERO,
    }
}

fn whole(draft: &Draft) -> Job {
    draft.job(draft.extent(true, None).tokens, 12, Duration::ZERO)
}

fn profile(slots: u32, queue: u32) -> Profile {
    Profile {
        slots,
        queue,
        ..Profile::default()
    }
}

fn run(engine: &mut Engine, until: Duration) -> Vec<Due> {
    let mut out = Vec::new();
    engine.advance(until, &mut out);
    out
}

/// Tokens a second between the first and the last of the tokens of one request.
fn speed_of(dues: &[Due], id: JobId) -> f64 {
    let own: Vec<_> = dues.iter().filter(|d| d.id == id).collect();
    let time = own.last().unwrap().at.abs_diff(own[0].at);
    (own.len() - 1) as f64 / time.as_secs_f64()
}

#[test]
fn speed_follows_the_curve_at_every_busy_level() {
    for (busy, want) in [
        (1_u32, 54.2),
        (2, 30.7),
        (4, 20.7),
        (5, 19.2),
        (8, 12.8),
        (16, 9.8),
        (19, 9.1),
    ] {
        let profile = Profile::default();
        let mut speeds = Vec::new();
        // Enough rounds for the spread between requests to average out.
        for round in 0..(200 / busy) {
            let mut engine = Engine::new(&profile, 1.0);
            let ids: Vec<_> = (0..busy)
                .map(|i| {
                    let draft = Draft::new(&profile, 42, u64::from(round * busy + i));
                    // Alike in length, so that all slots stay busy while it is measured.
                    let job = draft.job(100_000, 10, Duration::ZERO);
                    engine.submit(Duration::ZERO, job).unwrap()
                })
                .collect();
            let dues = run(&mut engine, secs(60.0));
            assert_eq!(engine.busy(), ids.len());
            let settled: Vec<_> = dues.into_iter().filter(|d| d.at > secs(2.0)).collect();
            speeds.extend(ids.iter().map(|id| speed_of(&settled, *id)));
        }
        let mean = speeds.iter().sum::<f64>() / speeds.len() as f64;
        let sd =
            (speeds.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / speeds.len() as f64).sqrt();
        assert!((mean / want - 1.0).abs() < 0.01, "{busy} busy: {mean}");
        assert!((0.04..0.06).contains(&(sd / mean)), "{busy} busy: sd {sd}");
    }
}

#[test]
fn speed_changes_in_mid_answer_as_slots_fill_and_drain() {
    let mut engine = Engine::new(&Profile::default(), 1.0);
    let a = engine.submit(Duration::ZERO, job(10_000, 0.5)).unwrap();
    let alone = run(&mut engine, secs(10.51));
    // 10 s of decoding at 54.2 tokens a second after the first token at 0.5 s.
    assert_eq!(alone.len(), 1 + 542);
    assert_eq!(alone[0].at, secs(0.5));
    let b = engine.submit(secs(10.51), job(1 + 307, 0.0)).unwrap();
    let both = run(&mut engine, secs(20.6));
    assert!((speed_of(&both, a) - 30.7).abs() < 0.4);
    assert!((speed_of(&both, b) - 30.7).abs() < 0.01);
    assert!(both.iter().any(|d| d.id == b && d.last));
    let alone = run(&mut engine, secs(30.6));
    assert!((speed_of(&alone, a) - 54.2).abs() < 0.2);
    assert!((541..=543).contains(&alone.len()));
}

#[test]
fn how_often_it_is_advanced_changes_nothing() {
    let submit_all = |engine: &mut Engine| {
        for i in 0..40 {
            let draft = Draft::new(&Profile::default(), 9, i);
            engine.submit(Duration::ZERO, whole(&draft)).unwrap();
        }
    };
    let mut once = Engine::new(&Profile::default(), 1.0);
    submit_all(&mut once);
    let want = run(&mut once, HOUR);
    assert!(want.iter().filter(|d| d.last).count() == 40);

    let mut often = Engine::new(&Profile::default(), 1.0);
    submit_all(&mut often);
    let mut got = Vec::new();
    let mut steps = 0;
    while let Some(at) = often.next_due() {
        // Sometimes on the dot, sometimes late.
        let late = if steps % 3 == 0 { 0.0 } else { 0.013 };
        often.advance(at + secs(late), &mut got);
        steps += 1;
        assert!(steps <= want.len() * 2, "next_due must make progress");
    }
    assert_eq!(got.len(), want.len());
    for (g, w) in got.iter().zip(&want) {
        assert_eq!((g.id, g.index, g.last), (w.id, w.index, w.last));
        assert!(g.at.abs_diff(w.at) < Duration::from_micros(1));
    }
}

#[test]
fn slots_are_given_in_order_of_arrival() {
    let mut engine = Engine::new(&profile(2, 100), 1.0);
    let ids: Vec<_> = (0..10)
        .map(|i| {
            engine
                .submit(secs(0.01 * f64::from(i)), job(50, 0.4))
                .unwrap()
        })
        .collect();
    let firsts: Vec<_> = run(&mut engine, HOUR)
        .into_iter()
        .filter(|d| d.index == 0)
        .collect();
    assert_eq!(firsts.iter().map(|d| d.id).collect::<Vec<_>>(), ids);
    // Up to the slots nobody waits longer than the prefill; the next waits for a slot.
    assert!(firsts[1].at < secs(0.42) && firsts[2].at > secs(1.5));
}

#[test]
fn waits_are_below_a_second_up_to_the_slots() {
    let profile = Profile::default();
    let mut engine = Engine::new(&profile, 1.0);
    for i in 0..20 {
        let draft = Draft::new(&profile, 3, i);
        engine.submit(Duration::ZERO, whole(&draft)).unwrap();
    }
    let mut waits: Vec<_> = run(&mut engine, HOUR)
        .into_iter()
        .filter(|d| d.index == 0)
        .map(|d| d.at)
        .collect();
    waits.sort();
    assert!(waits[0] >= secs(0.4) && waits[18] <= secs(1.0), "{waits:?}");
    assert!(waits[19] > secs(60.0), "the twentieth waits for a slot");
}

#[test]
fn a_full_queue_refuses_until_there_is_room() {
    let mut engine = Engine::new(&profile(2, 3), 1.0);
    for _ in 0..5 {
        engine.submit(Duration::ZERO, job(10, 0.1)).unwrap();
    }
    assert_eq!(engine.submit(Duration::ZERO, job(10, 0.1)), Err(Full));
    run(&mut engine, secs(0.05));
    assert_eq!((engine.busy(), engine.waiting.len()), (2, 3));
    assert_eq!(engine.submit(secs(0.05), job(10, 0.1)), Err(Full));
    run(&mut engine, secs(0.5));
    assert!(engine.submit(secs(0.5), job(10, 0.1)).is_ok());
}

#[test]
fn a_cancelled_request_frees_its_slot_and_its_place() {
    let mut engine = Engine::new(&profile(1, 10), 1.0);
    let a = engine.submit(Duration::ZERO, job(10_000, 0.1)).unwrap();
    let b = engine.submit(Duration::ZERO, job(10, 0.1)).unwrap();
    let c = engine.submit(Duration::ZERO, job(10, 0.1)).unwrap();
    run(&mut engine, secs(1.0));
    engine.cancel(b);
    engine.cancel(a);
    let rest = run(&mut engine, secs(2.0));
    assert_eq!(rest.len(), 10);
    assert!(rest.iter().all(|d| d.id == c));
    assert_eq!(rest[0].at, secs(1.1));
    assert_eq!((engine.busy(), engine.next_due()), (0, None));
}

#[test]
fn a_request_waits_for_its_model() {
    let mut engine = Engine::new(&Profile::default(), 1.0);
    let cold = Job {
        not_before: secs(3.0),
        ..job(2, 0.5)
    };
    engine.submit(Duration::ZERO, cold).unwrap();
    assert_eq!(run(&mut engine, HOUR)[0].at, secs(3.5));
}

#[test]
fn time_scale_speeds_up_everything_alike() {
    let firsts_and_ends = |scale: f64| {
        let mut engine = Engine::new(&profile(4, 100), scale);
        for i in 0..8 {
            let draft = Draft::new(&Profile::default(), 5, i);
            engine.submit(Duration::ZERO, whole(&draft)).unwrap();
        }
        run(&mut engine, HOUR)
    };
    let (slow, fast) = (firsts_and_ends(1.0), firsts_and_ends(20.0));
    assert_eq!(slow.len(), fast.len());
    for (s, f) in slow.iter().zip(&fast) {
        assert_eq!((s.id, s.index), (f.id, f.index));
        assert!((s.at.as_secs_f64() / 20.0 - f.at.as_secs_f64()).abs() < 1e-6);
    }
}

#[test]
fn a_clock_that_stands_still_or_goes_back_makes_no_tokens() {
    let mut engine = Engine::new(&Profile::default(), 1.0);
    engine.submit(Duration::ZERO, job(1000, 0.5)).unwrap();
    let n = run(&mut engine, secs(5.0)).len();
    assert!(n > 0);
    assert!(run(&mut engine, secs(5.0)).is_empty());
    assert!(run(&mut engine, secs(1.0)).is_empty());
}
