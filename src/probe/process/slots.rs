//! What the command line of a server or a model runner tells: slots, context, port, model.

/// What a model runner (`llama-server`), vLLM or SGLang was given at its start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunnerArgs {
    /// Requests answered at once (`-np`, `--parallel`, `--max-num-seqs`, `--max-running-requests`); None where it is left to the runner.
    pub slots: Option<u32>,
    /// Context over all slots, tokens (`-c`, `--ctx-size`); None where it is left to the model.
    pub context: Option<u64>,
    /// The port it listens on (`--port`).
    pub port: Option<u16>,
    /// The file of the model (`-m`, `--model`).
    pub model: Option<String>,
}

impl RunnerArgs {
    /// What `args` tells; `-np 4`, `--parallel 4` and `--parallel=4` are the same. The last one wins.
    pub fn from_args(args: &[String]) -> Self {
        let value = |names: &[&str]| {
            let next = args.iter().skip(1).map(Some).chain([None]);
            args.iter()
                .zip(next)
                .filter_map(|(word, next)| match word.split_once('=') {
                    Some((name, value)) if names.contains(&name) => Some(value),
                    None if names.contains(&word.as_str()) => next.map(String::as_str),
                    _ => None,
                })
                .last()
        };
        Self {
            slots: value(&[
                "-np",
                "--parallel",
                "--max-num-seqs",
                "--max-running-requests",
            ])
            .and_then(|n| n.parse().ok())
            .filter(|n| *n > 0),
            context: value(&["-c", "--ctx-size"])
                .and_then(|n| n.parse().ok())
                .filter(|n| *n > 0),
            port: value(&["--port", "-port"]).and_then(|n| n.parse().ok()),
            model: value(&["-m", "--model"]).map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> RunnerArgs {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        RunnerArgs::from_args(&args)
    }

    #[test]
    fn the_runner_of_ollama_tells_its_slots() {
        let args = parse(
            "/usr/lib/ollama/llama-server --model /m/sha256-96c --port 40213 --host 127.0.0.1 \
             --no-webui --offline -c 16384 -np 4 -ngl 99",
        );
        assert_eq!(args.slots, Some(4));
        assert_eq!(args.context, Some(16384));
        assert_eq!(args.port, Some(40213));
        assert_eq!(args.model.as_deref(), Some("/m/sha256-96c"));
    }

    #[test]
    fn other_spellings_and_the_last_word() {
        assert_eq!(
            parse("llama-server --parallel=8 --ctx-size 4096").slots,
            Some(8)
        );
        assert_eq!(parse("llama-server -np 2 --parallel 3").slots, Some(3));
        assert_eq!(parse("vllm serve m --max-num-seqs 64").slots, Some(64));
        assert_eq!(
            parse("ollama runner --ollama-engine --parallel 6").slots,
            Some(6)
        );
    }

    #[test]
    fn what_is_left_to_the_runner_is_unknown() {
        assert_eq!(parse("llama-server -np -1 -c 0"), RunnerArgs::default());
        assert_eq!(parse("llama-server -np"), RunnerArgs::default());
        assert_eq!(parse("llama-server --no-parallel 3"), RunnerArgs::default());
    }
}
