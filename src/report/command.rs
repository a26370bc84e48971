//! The command that repeats a run.

use crate::event::{Route, RunInfo};
use crate::metrics::what_if::in_percent;
use crate::plan::{
    Api, CycleShape, EnergyPlan, Limits, Plan, RequestOptions, SettlePlan, Think, Timeouts,
};
use crate::text::numbers::plain;

/// The command with every flag that is not at its default; None for a run that tokometer did not make. Keys and
/// headers are in no run, and so not in it.
pub fn repeat(info: &RunInfo) -> Option<String> {
    if info.imported.is_some() {
        return None;
    }
    let plan = &info.plan;
    let mut command = Command(vec!["tokometer".to_owned()]);
    command.server(info);
    command.options(&plan.options);
    command.load(plan);
    command.timeouts(plan.timeouts);
    command.limits(plan.limits);
    command.machine(plan);
    Some(command.0.join(" "))
}

/// The words of a command line, as a shell takes them.
struct Command(Vec<String>);

impl Command {
    fn switch(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    fn flag(&mut self, name: &str, value: &str) {
        self.0.push(name.to_owned());
        self.0.push(quoted(value));
    }

    /// The flag, unless the value is what the run takes without it.
    fn unless(&mut self, name: &str, [value, usual]: [String; 2]) {
        if value != usual {
            self.flag(name, &value);
        }
    }

    fn server(&mut self, info: &RunInfo) {
        let (target, plan) = (&info.target, &info.plan);
        if info.simulated {
            self.switch("--sim");
            for fault in info.simulation.iter().flat_map(|sim| &sim.faults) {
                self.flag("--fault", fault);
            }
        } else {
            self.flag("--url", &target.url);
            self.flag("--dialect", target.dialect.as_str());
            self.route(&target.route);
        }
        self.flag("--model", &target.model.name);
        self.unless("--time-scale", [plan.time_scale, 1.0].map(plain));
        self.unless(
            "--api",
            [plan.api, Api::default()].map(|api| api.to_string()),
        );
        let think = [plan.think, Think::default()];
        self.unless("--think", think.map(|think| think.to_string()));
    }

    fn route(&mut self, route: &Route) {
        if route.is_unchecked {
            self.switch("--insecure");
        }
        if let Some(proxy) = &route.proxy {
            self.flag("--proxy", proxy);
        }
        if route.http2 {
            self.switch("--http2");
        }
    }

    /// What requests ask for beside an answer.
    fn options(&mut self, options: &RequestOptions) {
        let texts = [
            ("--temperature", options.temperature.map(plain)),
            ("--sampling-seed", options.seed.map(|seed| seed.to_string())),
            (
                "--num-ctx",
                options.num_ctx.map(|tokens| tokens.to_string()),
            ),
            ("--keep-alive", options.keep_alive.clone()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                self.flag(name, &text);
            }
        }
        if options.ignore_eos {
            self.switch("--ignore-eos");
        }
        if !options.body.is_empty() {
            let body = serde_json::Value::Object(options.body.clone());
            self.flag("--body", &body.to_string());
        }
    }

    fn load(&mut self, plan: &Plan) {
        let base = Plan::default();
        let rest_s = self.levels(plan, base.rest_s);
        match plan.shape {
            CycleShape::Waves(1) => {}
            CycleShape::Waves(waves) => self.flag("--waves", &waves.to_string()),
            CycleShape::DurationS(seconds) => self.flag("--duration", &time(seconds)),
        }
        let most = [plan.max_tokens, base.max_tokens];
        self.unless("--max-tokens", most.map(|n| n.unwrap_or(0).to_string()));
        match plan.prompts.as_slice() {
            prompts if prompts == base.prompts => {}
            [prompt] => self.flag("--prompt", prompt),
            _ => self.flag("--prompts", "FILE"),
        }
        self.unless("--rest", [plan.rest_s, rest_s].map(time));
        self.unless(
            "--warmup",
            [plan.warmup, base.warmup].map(|n| n.to_string()),
        );
        self.unless("--patience", [plan.patience_s, base.patience_s].map(time));
        if plan.stop_when_hopeless != base.stop_when_hopeless {
            let stop = plan.stop_when_hopeless;
            self.switch(&format!("--stop-when-hopeless={stop}"));
        }
    }

    /// How the levels are found; returns the pause between them that goes with it.
    fn levels(&mut self, plan: &Plan, rest_s: f64) -> f64 {
        let Some(settle) = plan.settle else {
            let levels: Vec<String> = plan.levels.iter().map(u32::to_string).collect();
            self.flag("--users", &levels.join(","));
            return rest_s;
        };
        self.flag("--within", &time(settle.within_s));
        let usual = SettlePlan::default();
        if settle.most > usual.most {
            self.flag("--users", &format!("{},{}", settle.first, settle.most));
        } else if settle.first != usual.first {
            self.flag("--users", &settle.first.to_string());
        }
        if let Some(tokens) = settle.budget_tokens {
            self.flag("--budget-tokens", &tokens.to_string());
        }
        1.0
    }

    fn timeouts(&mut self, timeouts: Timeouts) {
        let usual = Timeouts::default();
        for (name, both) in [
            ("--timeout-first", [timeouts.first_s, usual.first_s]),
            ("--timeout-next", [timeouts.next_s, usual.next_s]),
            ("--timeout-total", [timeouts.total_s, usual.total_s]),
        ] {
            self.unless(
                name,
                both.map(|s| s.map_or_else(|| "none".to_owned(), time)),
            );
        }
    }

    fn limits(&mut self, limits: Limits) {
        let usual = Limits::default();
        self.unless("--limit-wait", [limits.wait_s, usual.wait_s].map(time));
        let speeds = [limits.speed_tok_s, usual.speed_tok_s];
        self.unless("--limit-speed", speeds.map(plain));
        let percent = |share: f64| format!("{}%", plain(in_percent(share)));
        self.unless("--share", [limits.share, usual.share].map(percent));
    }

    fn machine(&mut self, plan: &Plan) {
        let energy = &plan.energy;
        self.unless(
            "--idle",
            [energy.idle_s, EnergyPlan::default().idle_s].map(time),
        );
        if let Some(price) = &energy.price {
            self.flag("--price", &plain(price.per_kwh));
            if !price.currency.is_empty() {
                self.flag("--currency", &price.currency);
            }
        }
        if let Some(bandwidth) = energy.bandwidth_bytes_s {
            self.flag("--bandwidth", &plain(bandwidth / 1e9));
        }
        if let Some(bytes) = energy.active_bytes {
            self.flag("--active-bytes", &bytes.to_string());
        }
    }
}

fn time(seconds: f64) -> String {
    format!("{}s", plain(seconds))
}

/// A word that a shell takes as it is, or in quotes.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:/=@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
