//! Before the first cycle: the model is loaded, then warmed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::dialect::client;
use crate::event::{EventKind, WarningKind};

use crate::load::pause::Pause;
use crate::load::presence::{self, Presence, look};
use crate::load::request::{RequestContext, RequestSpec, UserSlot};
use crate::load::token_stats::TokenStats;

/// Loads the model and sends the warm-up requests; says at once if the server is not there, or not ready. An error means
/// that the run cannot continue.
pub(crate) async fn warm_up(
    load: Arc<RequestContext>,
    warmup: u32,
    mut paused: watch::Receiver<Pause>,
    cancel: CancellationToken,
) -> Result<Presence, String> {
    tokio::select! {
        loaded = load_model(&load) => if let Err(why) = loaded {
            return match look(&load).await {
                Presence::Ready => Err(why),
                presence => Ok(presence),
            };
        },
        () = cancel.cancelled() => return Ok(Presence::Ready),
    }
    let mut user_slot = UserSlot {
        connection: None,
        slot: Arc::default(),
        tokens: TokenStats::default(),
    };
    for number in 1..=warmup {
        let spec = RequestSpec {
            cycle: u32::MAX,
            user: 0,
            round: 0,
            prompt: 0,
            announce: false,
        };
        if !wait_while_paused(&mut paused, &cancel).await {
            break;
        }
        let record = load.ask(&mut user_slot, spec, &cancel).await;
        if cancel.is_cancelled() {
            break;
        }
        let presence = presence::after(&record, &load).await;
        if presence != Presence::Ready {
            return Ok(presence);
        }
        let error = record
            .failure()
            .map(|(kind, message)| format!("{}: {message}", kind.words()));
        if let Some(error) = &error {
            load.warn(
                WarningKind::WarmupFailed,
                format!("warm-up request {number} failed: {error}"),
            );
        }
        load.reporter.fact(EventKind::WarmedUp {
            number,
            of: warmup,
            ttft_s: record.ttft_s(),
            error,
        });
    }
    // A paused run does not begin its first cycle.
    wait_while_paused(&mut paused, &cancel).await;
    Ok(Presence::Ready)
}

/// Brings the model into the server's memory, where the server can be asked to.
async fn load_model(load: &RequestContext) -> Result<(), String> {
    let patience = load.timeouts.first_s;
    let patience = patience.and_then(|s| Duration::try_from_secs_f64(s).ok());
    let http = client(&load.access, &load.url).map_err(|error| error.to_string())?;
    let Some(loading) = load.dialect.load(&http, http.base(), &load.model, patience) else {
        return Ok(());
    };
    let began = load.reporter.clock.now();
    let server_s = loading
        .await
        .map_err(|error| format!("could not load the model: {error}"))?;
    let took_s = load.reporter.clock.now().since(began);
    load.reporter
        .fact(EventKind::ModelLoaded { took_s, server_s });
    Ok(())
}

/// Waits while the run is paused; false once it is cancelled.
async fn wait_while_paused(
    paused: &mut watch::Receiver<Pause>,
    cancel: &CancellationToken,
) -> bool {
    tokio::select! {
        biased;
        () = cancel.cancelled() => false,
        _ = paused.wait_for(|pause| !pause.is_on()) => true,
    }
}
