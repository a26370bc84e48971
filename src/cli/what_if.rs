//! The flags that ask what a run would say with other limits or another price.

use std::path::Path;

use clap::Args;

use crate::cli::output::{print_err, shown};
use crate::cli::values::{factor, positive_seconds, share};
use crate::metrics::state::RunState;
use crate::metrics::what_if::{WhatIf, sentence};
use crate::store::{StoreError, replay};

/// Limits and a price that replace the run's own.
#[derive(Debug, Args, Clone, Default, PartialEq)]
pub struct WhatIfArgs {
    /// Judge by this limit on the wait for the first token [default: the run's]
    #[arg(long, value_parser = positive_seconds, value_name = "TIME", help_heading = "What if")]
    pub limit_wait: Option<f64>,
    /// Judge by this minimum speed, tokens/s [default: the run's]
    #[arg(long, value_parser = factor, value_name = "TOK/S", help_heading = "What if")]
    pub limit_speed: Option<f64>,
    /// Judge by this share of requests that must meet the limits [default: the run's]
    #[arg(long, value_parser = share, value_name = "PERCENT", help_heading = "What if")]
    pub share: Option<f64>,
    /// Use this price per kilowatt-hour [default: the run's]
    #[arg(long, value_parser = factor, value_name = "PRICE", help_heading = "What if")]
    pub price: Option<f64>,
    /// Currency of the price, for example R$ [default: the run's]
    #[arg(
        long,
        value_name = "SIGN",
        requires = "price",
        help_heading = "What if"
    )]
    pub currency: Option<String>,
}

impl WhatIfArgs {
    pub(crate) fn what_if(&self) -> WhatIf {
        WhatIf {
            wait_s: self.limit_wait,
            speed_tok_s: self.limit_speed,
            share: self.share,
            price: self.price,
            currency: self.currency.clone(),
        }
    }

    /// The run in the directory `path`: its name, the run as these flags judge it, and what they change of it. Says what
    /// is missing.
    pub(crate) fn open(
        &self,
        path: &Path,
    ) -> Result<(String, RunState, Option<String>), StoreError> {
        let what_if = self.what_if();
        let mut state = RunState::default();
        let mut changed = Vec::new();
        let (info, missing) = replay(path, |mut event| {
            changed.extend(what_if.begin(&mut event));
            state.apply(&event);
        })?;
        for missing in missing {
            print_err(&format!("warning: {}: {missing}", shown(path)));
        }
        Ok((info.id, state, sentence(&changed)))
    }
}
