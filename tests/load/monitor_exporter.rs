//! Prometheus pages: all kinds, and exporters that are slow, broken or huge.

use std::net::TcpListener;
use std::time::Duration;

use tokometer::dialect::Access;
use tokometer::dialect::{Dialect, Ollama, OpenAi};
use tokometer::event::{GpuSample, PowerScope, ProcessSample, ServerSample};
use tokometer::probe::exporter::{Exporter, ExporterKind, Page, kinds};
use tokometer::probe::gpu::ServerPids;
use tokometer::probe::server::ServerState;
use tokometer::probe::source::{Fault, FaultKind, Observation, Pace, Source};

use crate::server::{Server, Step, json};

/// A page in small pieces, as a slow network would bring them.
fn page(body: &'static str) -> String {
    Server::of_pages(move |_| {
        let (bytes, size, pause) = (json(200, body), 97, Duration::ZERO);
        vec![Step::Pieces { bytes, size, pause }, Step::Close]
    })
}

/// A server that says this to every request, and closes.
fn saying(bytes: &'static [u8]) -> String {
    Server::of_pages(|_| vec![Step::Say(bytes.to_vec()), Step::Close])
}

/// A page without end: this block again and again.
fn endless(block: Vec<u8>, pause: Duration) -> String {
    Server::of_pages(move |_| {
        let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        let bytes = block.clone();
        vec![Step::Say(head), Step::Forever { bytes, pause }]
    })
}

#[derive(Default)]
struct Seen {
    gpus: Vec<GpuSample>,
    processes: Vec<ProcessSample>,
    server: Option<ServerSample>,
}

fn sorted(observations: Vec<Observation>) -> Seen {
    let mut seen = Seen::default();
    for observation in observations {
        match observation {
            Observation::Gpu(sample) => seen.gpus.push(sample),
            Observation::Processes(rows) => seen.processes.extend(rows),
            Observation::Server(server) => seen.server = Some(server),
            Observation::Host(host) => panic!("an exporter reports no host: {host:?}"),
        }
    }
    seen
}

fn read(source: &mut Exporter) -> Result<Seen, Fault> {
    source
        .read(&Pace::new(Duration::from_millis(10)))
        .map(sorted)
}

fn read_page(body: &'static str) -> Seen {
    read(&mut Exporter::new(&page(body))).unwrap()
}

const DCGM: &str = r#"# HELP DCGM_FI_DEV_SM_CLOCK SM clock frequency (in MHz).
# TYPE DCGM_FI_DEV_SM_CLOCK gauge
DCGM_FI_DEV_SM_CLOCK{gpu="0",UUID="GPU-a",device="nvidia0",modelName="NVIDIA H200"} 1980
DCGM_FI_DEV_SM_CLOCK{gpu="1",UUID="GPU-b",device="nvidia1",modelName="NVIDIA H200"} 345
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a",modelName="NVIDIA H200"} 627.400000
DCGM_FI_DEV_POWER_USAGE{gpu="1",UUID="GPU-b",modelName="NVIDIA H200"} NaN
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a",modelName="NVIDIA H200"} 100
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a",modelName="NVIDIA H200"} 32362
DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-a",modelName="NVIDIA H200"} 111409
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-a",modelName="NVIDIA H200"} 52
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-a",modelName="NVIDIA H200"} 5000000
"#;

#[test]
fn dcgm() {
    let gpus = read_page(DCGM).gpus;
    assert_eq!(gpus.len(), 2);
    assert!(gpus[0].source.ends_with("#GPU-a"));
    assert_eq!(gpus[0].name.as_deref(), Some("NVIDIA H200"));
    assert_eq!((gpus[0].watts, gpus[0].mhz), (Some(627.4), Some(1980.0)));
    assert_eq!(gpus[0].usage_percent, Some(100.0));
    assert_eq!(gpus[0].vram_used_bytes, Some(32_362 << 20));
    assert_eq!(gpus[0].vram_total_bytes, Some(143_771 << 20));
    assert_eq!(gpus[0].energy_counter_j, Some(5000.0));
    assert_eq!(
        (gpus[1].watts, gpus[1].mhz),
        (None, Some(345.0)),
        "NaN is unknown"
    );
}

#[test]
fn nvidia_gpu_exporter() {
    let gpus = read_page(
        r#"nvidia_smi_gpu_info{driver_version="590.48",name="NVIDIA GeForce RTX 2080 SUPER",uuid="df6e"} 1
nvidia_smi_power_draw_watts{uuid="df6e"} 38.92
nvidia_smi_clocks_current_graphics_clock_hz{uuid="df6e"} 6e+08
nvidia_smi_utilization_gpu_ratio{uuid="df6e"} 0.12
nvidia_smi_memory_used_bytes{uuid="df6e"} 9.43718e+08
nvidia_smi_temperature_gpu{uuid="df6e"} 44
nvidia_smi_energy_joules_total{uuid="df6e"} 1234.5
"#,
    )
    .gpus;
    assert_eq!(
        gpus[0].name.as_deref(),
        Some("NVIDIA GeForce RTX 2080 SUPER")
    );
    assert_eq!((gpus[0].watts, gpus[0].mhz), (Some(38.92), Some(600.0)));
    assert_eq!(gpus[0].usage_percent, Some(12.0));
    assert_eq!(gpus[0].energy_counter_j, Some(1234.5));
}

#[test]
fn node_exporter_tells_gpus_from_other_sensors() {
    let gpus = read_page(
        r#"node_hwmon_chip_names{chip="0000:00:08_1_0000:c4:00_0",chip_name="amdgpu"} 1
node_hwmon_chip_names{chip="platform_coretemp_0",chip_name="coretemp"} 1
node_hwmon_power_average_watt{chip="0000:00:08_1_0000:c4:00_0",sensor="power1"} 285
node_hwmon_temp_celsius{chip="0000:00:08_1_0000:c4:00_0",sensor="temp1"} 61
node_hwmon_temp_celsius{chip="0000:00:08_1_0000:c4:00_0",sensor="temp2"} 84
node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp1"} 99
node_drm_gpu_busy_percent{card="card0"} 97
node_drm_memory_vram_used_bytes{card="card0"} 8.589934592e+09
node_rapl_package_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0"} 262143.5
node_cpu_seconds_total{cpu="0",mode="idle"} 1
"#,
    )
    .gpus;
    assert_eq!(gpus.len(), 2);
    assert_eq!((gpus[0].watts, gpus[0].celsius), (Some(285.0), Some(61.0)));
    assert_eq!(
        (gpus[0].usage_percent, gpus[0].vram_used_bytes),
        (Some(97.0), Some(8 << 30))
    );
    assert_eq!(gpus[1].scope, Some(PowerScope::Package));
    assert_eq!(gpus[1].energy_counter_j, Some(262_143.5));
}

#[test]
fn macmon_and_all_smi() {
    let mac = read_page(
        "macmon_gpu_power_watts 19.3\nmacmon_all_power_watts 24\nmacmon_gpu_freq_mhz 1398\nmacmon_gpu_active_ratio 0.995\nmacmon_gpu_temp_celsius 61.5\n",
    )
    .gpus;
    assert_eq!((mac[0].watts, mac[0].soc_watts), (Some(19.3), Some(24.0)));
    assert_eq!(
        (mac[0].mhz, mac[0].usage_percent),
        (Some(1398.0), Some(99.5))
    );
    let all = read_page(
        r#"all_smi_gpu_power_consumption_watts{gpu="NVIDIA A100",uuid="GPU-x",index="0"} 250.5
all_smi_gpu_utilization{gpu="NVIDIA A100",uuid="GPU-x",index="0"} 88
all_smi_energy_consumed_joules_total{scope="gpu",uuid="GPU-x"} 77
all_smi_energy_consumed_joules_total{scope="cpu"} 99
"#,
    )
    .gpus;
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].watts, all[0].usage_percent),
        (Some(250.5), Some(88.0))
    );
    assert_eq!(all[0].energy_counter_j, Some(77.0));
    assert_eq!(all[0].name.as_deref(), Some("NVIDIA A100"));
}

#[test]
fn process_exporter() {
    let rows = read_page(
        r#"namedprocess_namegroup_num_procs{groupname="llama-server"} 2
namedprocess_namegroup_num_threads{groupname="llama-server"} 42
namedprocess_namegroup_open_filedesc{groupname="llama-server"} 56
namedprocess_namegroup_memory_bytes{groupname="llama-server",memtype="resident"} 8.2e+07
namedprocess_namegroup_memory_bytes{groupname="llama-server",memtype="virtual"} 9e+09
namedprocess_namegroup_memory_bytes{groupname="llama-server",memtype="swapped"} 1
namedprocess_namegroup_cpu_seconds_total{groupname="llama-server",mode="user"} 10
namedprocess_namegroup_cpu_seconds_total{groupname="llama-server",mode="system"} 5
"#,
    )
    .processes;
    assert_eq!(rows[0].name, "llama-server ×2");
    assert_eq!((rows[0].threads, rows[0].descriptors), (Some(42), Some(56)));
    assert_eq!(rows[0].rss_bytes, Some(82_000_000));
    assert_eq!(rows[0].vsz_bytes, Some(9_000_000_000));
    assert_eq!(rows[0].cpu_percent, None, "two looks are needed");
}

#[test]
fn vllm_and_llama_server() {
    let seen = read_page(
        r#"process_resident_memory_bytes 9.74835712e+08
process_open_fds 34.0
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 4.0
vllm:num_requests_waiting{engine="0",model_name="m"} 9.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:generation_tokens_total{engine="0",model_name="m"} 4800.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="m"} 0.0
"#,
    );
    let server = seen.server.unwrap();
    assert_eq!((server.running, server.waiting), (Some(7), Some(9)));
    assert_eq!(server.kv_cache_percent, Some(25.0));
    assert_eq!(server.output_tokens_total, Some(4800.0));
    assert_eq!(seen.processes[0].descriptors, Some(34));
    let llama = read_page(
        "llamacpp:requests_processing 2\nllamacpp:requests_deferred 5\nllamacpp:tokens_predicted_total 2461\nprocess_open_fds 7\n",
    );
    let server = llama.server.unwrap();
    assert_eq!((server.running, server.waiting), (Some(2), Some(5)));
    assert_eq!(server.output_tokens_total, Some(2461.0));
    assert!(llama.processes.is_empty(), "these are the exporter's own");
}

#[test]
fn pages_do_not_depend_on_the_pieces() {
    let parsed = |size: usize| {
        let mut page = Page::new(|_| true);
        for piece in DCGM.as_bytes().chunks(size) {
            page.feed(piece);
        }
        page.finish()
            .into_iter()
            .map(|metric| format!("{metric:?}"))
            .collect::<Vec<_>>()
    };
    let whole = parsed(DCGM.len());
    assert_eq!(whole.len(), 9);
    for size in [1, 7, 64] {
        assert_eq!(parsed(size), whole);
    }
    let mut page = Page::new(|_| true);
    page.feed(DCGM.as_bytes());
    assert_eq!(kinds(&page.finish()), [ExporterKind::Dcgm]);
}

#[test]
fn a_sample_says_how_old_it_is() {
    let old = read_page("macmon_gpu_power_watts 19.3 1000000000000\n").gpus;
    assert!(old[0].age_s.unwrap() > 1e8, "since 2001");
    assert_eq!(
        read_page("macmon_gpu_power_watts 19.3\n").gpus[0].age_s,
        None
    );
}

#[test]
fn an_exporter_that_does_not_answer_is_told_soon() {
    let address = Server::of_pages(|_| vec![Step::Hang]);
    let fault = read(&mut Exporter::new(&address)).err().unwrap();
    assert_eq!(fault.kind, FaultKind::Silent);
    let limit = "does not answer within 800 ms";
    assert!(fault.why.contains(limit), "{}", fault.why);
}

#[test]
fn an_exporter_that_dribbles_is_cut_off() {
    let address = endless(b"#\n".to_vec(), Duration::from_millis(5));
    let fault = read(&mut Exporter::new(&address)).err().unwrap();
    assert_eq!(fault.kind, FaultKind::Silent);
}

#[test]
fn a_page_without_end_is_cut_off() {
    let block = b"rubbish_without_any_line_end_".repeat(4096);
    let address = endless(block, Duration::ZERO);
    let fault = read(&mut Exporter::new(&address)).err().unwrap();
    // A machine too slow for 8 MiB in time stops it by the clock instead.
    assert!(
        matches!(fault.kind, FaultKind::Garbage | FaultKind::Silent),
        "{fault:?}"
    );
}

#[test]
fn errors_and_rubbish_are_told() {
    let broken = saying(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
    let fault = read(&mut Exporter::new(&broken)).err().unwrap();
    assert!(fault.why.contains("500"), "{}", fault.why);
    let cut = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nmacmon_gpu_power_watts 19");
    let fault = read(&mut Exporter::new(&cut)).err().unwrap();
    assert!(fault.why.contains("broke off"), "{}", fault.why);
    let rubbish = Exporter::new(&page("<html><body>It works!</body></html>"));
    let fault = read(&mut { rubbish }).err().unwrap();
    assert_eq!(fault.kind, FaultKind::Garbage);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = listener.local_addr().unwrap().to_string();
    drop(listener);
    let fault = read(&mut Exporter::new(&gone)).err().unwrap();
    assert!(fault.why.contains("nothing answers"), "{}", fault.why);
    let fault = read(&mut Exporter::new("http://[")).err().unwrap();
    assert_eq!(fault.kind, FaultKind::Refused);
}

/// The pages of a server, and of the port of its runner; every other is missing.
fn state_pages() -> String {
    Server::of_pages(|asked| {
        let (status, body) = match asked.head.split(' ').nth(1) {
            Some("/api/ps") => (
                200,
                r#"{"models":[{"name":"a:7b","size":200,"size_vram":150}]}"#,
            ),
            Some("/slots") => (200, r#"[{"id":0,"n_ctx":4096,"is_processing":true}]"#),
            _ => (404, "{}"),
        };
        // Said, lest the next question goes out on a connection that is about to close.
        let answer = String::from_utf8(json(status, body)).unwrap();
        let answer = answer.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
        vec![Step::Say(answer.into_bytes()), Step::Close]
    })
}

fn server_samples(source: &mut ServerState) -> Result<Vec<ServerSample>, Fault> {
    let seen = source.read(&Pace::new(Duration::from_millis(10)))?;
    let samples = seen.into_iter().filter_map(|seen| match seen {
        Observation::Server(server) => Some(server),
        _ => None,
    });
    Ok(samples.collect())
}

#[test]
fn a_server_is_asked_for_the_pages_of_its_dialect() {
    let address = state_pages();
    let url = format!("http://{address}/");
    let processes = ServerPids::default();
    let runner_port = address.rsplit(':').next().unwrap().parse().unwrap();
    processes.set_runner_port(Some(runner_port));
    let mut ollama = ServerState::new((&url, Access::default()), &Ollama, processes).unwrap();
    let seen = server_samples(&mut ollama).unwrap();
    assert_eq!(seen[0].models[0].gpu_share(), Some(0.75));
    assert_eq!((seen[1].slots, seen[1].slots_busy), (Some(1), Some(1)));
    assert_eq!(
        server_samples(&mut ollama).unwrap(),
        [],
        "a server under load is asked seldom"
    );
    let sources = |dialect: &dyn Dialect| -> Vec<String> {
        let mut state =
            ServerState::new((&url, Access::default()), dialect, ServerPids::default()).unwrap();
        let seen = server_samples(&mut state).unwrap();
        seen.into_iter().map(|sample| sample.source).collect()
    };
    assert_eq!(sources(&Ollama), ["/api/ps"], "no runner is known");
    assert_eq!(sources(&OpenAi), ["/slots"]);
}

#[test]
fn a_server_without_its_pages_is_named_by_them() {
    let address = Server::of_pages(|_| vec![Step::Say(json(404, "{}")), Step::Close]);
    for (dialect, why) in [
        (&Ollama as &dyn Dialect, "the server has no /api/ps"),
        (&OpenAi, "the server has no /slots"),
    ] {
        let url = format!("http://{address}");
        let mut state =
            ServerState::new((&url, Access::default()), dialect, ServerPids::default()).unwrap();
        let fault = server_samples(&mut state).unwrap_err();
        assert_eq!((fault.kind, fault.why.as_str()), (FaultKind::Absent, why));
    }
}
