//! Sources that read file trees, against trees in a temporary folder.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::tree::write;
use tokometer::event::{GpuSample, PowerScope};
use tokometer::probe::gpu::amd::Amd;
use tokometer::probe::gpu::intel::Intel;
use tokometer::probe::gpu::jetson::Jetson;
use tokometer::probe::gpu::rapl::Rapl;
use tokometer::probe::gpu::{Places, SysRoot};
use tokometer::probe::source::{Fault, FaultKind, Observation, Pace, Source};

fn places(root: &Path) -> Places {
    Places {
        root: SysRoot::below(root),
        ..Places::default()
    }
}

fn read(source: &mut impl Source) -> Result<Vec<GpuSample>, Fault> {
    let seen = source.read(&Pace::new(Duration::from_millis(5)))?;
    let only = seen.into_iter().filter_map(|seen| match seen {
        Observation::Gpu(sample) => Some(sample),
        _ => None,
    });
    Ok(only.collect())
}

fn amd_card(root: &Path, card: &str, slot: &str, power: &str) {
    let file =
        |name: &str, text: &str| write(root, &format!("sys/class/drm/{card}/device/{name}"), text);
    file("vendor", "0x1002\n");
    file("device", "0x744c\n");
    file("uevent", &format!("DRIVER=amdgpu\nPCI_SLOT_NAME={slot}\n"));
    file("gpu_busy_percent", "97\n");
    file("mem_info_vram_used", "8589934592\n");
    file("mem_info_vram_total", "25753026560\n");
    file("mem_info_gtt_used", "1073741824\n");
    file("mem_info_gtt_total", "2147483648\n");
    file("hwmon/hwmon2/name", "other\n");
    file("hwmon/hwmon2/power1_average", "1\n");
    file("hwmon/hwmon5/name", "amdgpu\n");
    file(&format!("hwmon/hwmon5/{power}"), "285000000\n");
    file("hwmon/hwmon5/freq1_input", "2460000000\n");
    file("hwmon/hwmon5/temp1_input", "61000\n");
    file("hwmon/hwmon5/power1_cap", "327000000\n");
}

#[test]
fn amd_reads_whichever_power_file_there_is() {
    let root = tempfile::tempdir().unwrap();
    amd_card(root.path(), "card0", "0000:03:00.0", "power1_average");
    amd_card(root.path(), "card1", "0000:83:00.0", "power1_input");
    // A connector, and the card of another maker.
    write(
        root.path(),
        "sys/class/drm/card0-DP-1/device/vendor",
        "0x1002",
    );
    write(root.path(), "sys/class/drm/card2/device/vendor", "0x10de");
    let seen = read(&mut Amd::new(&places(root.path()))).unwrap();
    assert_eq!(seen.len(), 2);
    for (gpu, slot) in seen.iter().zip(["amd:0000:03:00.0", "amd:0000:83:00.0"]) {
        assert_eq!(gpu.source, slot);
        assert_eq!((gpu.watts, gpu.mhz), (Some(285.0), Some(2460.0)));
        assert_eq!((gpu.usage_percent, gpu.celsius), (Some(97.0), Some(61.0)));
        assert_eq!(gpu.vram_used_bytes, Some(8 << 30));
        assert_eq!(gpu.limit_watts, Some(327.0));
        assert_eq!(gpu.scope, Some(PowerScope::Gpu));
        assert_eq!(gpu.window_s, Some(0.005), "the mean of the tick");
    }
}

#[test]
fn an_amd_chip_with_a_cpu_says_so_and_counts_the_memory_it_maps() {
    let root = tempfile::tempdir().unwrap();
    amd_card(root.path(), "card0", "0000:c4:00.0", "power1_input");
    let table = root.path().join("sys/class/drm/card0/device/gpu_metrics");
    fs::write(table, [0x80, 0, 2, 4, 0, 0]).unwrap();
    let gpu = read(&mut Amd::new(&places(root.path()))).unwrap().remove(0);
    assert_eq!(gpu.scope, Some(PowerScope::Soc));
    assert_eq!(gpu.vram_used_bytes, Some(9 << 30));
    assert!(gpu.note.unwrap().contains("CPU"));
}

#[test]
fn files_that_cannot_be_read_leave_the_rest_alone() {
    let root = tempfile::tempdir().unwrap();
    amd_card(root.path(), "card0", "0000:03:00.0", "power1_average");
    let device = root.path().join("sys/class/drm/card0/device");
    // A folder in place of a file cannot be read even by root.
    for file in ["hwmon/hwmon5/power1_average", "gpu_busy_percent"] {
        fs::remove_file(device.join(file)).unwrap();
        fs::create_dir(device.join(file)).unwrap();
    }
    write(&device, "hwmon/hwmon5/temp1_input", "hot\n");
    let gpu = read(&mut Amd::new(&places(root.path()))).unwrap().remove(0);
    assert_eq!(
        (gpu.watts, gpu.window_s, gpu.usage_percent),
        (None, None, None)
    );
    assert_eq!((gpu.celsius, gpu.mhz), (None, Some(2460.0)));
}

#[test]
fn where_nothing_is_nothing_is_found() {
    let root = tempfile::tempdir().unwrap();
    let places = places(root.path());
    let faults = [
        read(&mut Amd::new(&places)).unwrap_err(),
        read(&mut Intel::new(&places)).unwrap_err(),
        read(&mut Jetson::new(&places)).unwrap_err(),
        read(&mut Rapl::new(&places)).unwrap_err(),
    ];
    assert!(
        faults.iter().all(|fault| fault.kind == FaultKind::Absent),
        "{faults:?}"
    );
}

fn intel_energy(root: &Path, microjoules: u64) {
    let file = "sys/class/drm/card1/device/hwmon/hwmon3/energy1_input";
    write(root, file, &microjoules.to_string());
}

#[test]
fn intel_xe_power_is_the_energy_of_the_time_between() {
    let root = tempfile::tempdir().unwrap();
    let file =
        |name: &str, text: &str| write(root.path(), &format!("sys/class/drm/card1/{name}"), text);
    file("device/vendor", "0x8086");
    file("device/device", "0xe20b");
    file("device/hwmon/hwmon3/name", "xe");
    file("device/hwmon/hwmon3/temp2_input", "54000");
    file("device/tile0/gt0/freq0/act_freq", "2450");
    file("device/tile0/gt0/gtidle/idle_residency_ms", "100000");
    intel_energy(root.path(), 5_000_000_000);
    let mut source = Intel::new(&places(root.path()));
    let first = read(&mut source).unwrap().remove(0);
    assert_eq!((first.watts, first.energy_counter_j), (None, Some(0.0)));
    assert_eq!((first.mhz, first.celsius), (Some(2450.0), Some(54.0)));
    assert_eq!(first.usage_percent, None, "two looks are needed");

    intel_energy(root.path(), 5_000_000_100);
    let second = read(&mut source).unwrap().remove(0);
    let (watts, window) = (second.watts.unwrap(), second.window_s.unwrap());
    assert!(
        (watts * window - 0.0001).abs() < 1e-9,
        "{watts} W for {window} s"
    );
    assert_eq!(
        second.usage_percent,
        Some(100.0),
        "it was never idle in between"
    );
    assert!(second.note.unwrap().contains("residency"));

    intel_energy(root.path(), 70);
    let reset = read(&mut source).unwrap().remove(0);
    assert_eq!(
        (reset.watts, reset.energy_counter_j),
        (None, None),
        "a reset is no energy"
    );
    intel_energy(root.path(), u64::MAX);
    let jump = read(&mut source).unwrap().remove(0);
    assert_eq!(
        (jump.watts, jump.energy_counter_j),
        (None, None),
        "a jump is no energy"
    );
    let stuck = read(&mut source).unwrap().remove(0);
    assert_eq!(stuck.watts, Some(0.0));
}

#[test]
fn intel_i915_without_sensors_still_has_a_clock() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "sys/class/drm/card0/device/vendor", "0x8086");
    write(root.path(), "sys/class/drm/card0/gt_act_freq_mhz", "1300");
    let gpu = read(&mut Intel::new(&places(root.path())))
        .unwrap()
        .remove(0);
    assert_eq!((gpu.mhz, gpu.watts, gpu.scope), (Some(1300.0), None, None));
}

fn rapl(root: &Path, zone: &str, name: &str, energy: u64) {
    let file =
        |file: &str, text: &str| write(root, &format!("sys/class/powercap/{zone}/{file}"), text);
    file("name", name);
    file("energy_uj", &energy.to_string());
    file("max_energy_range_uj", "262143328850");
}

#[test]
fn rapl_counts_packages_once_and_wraps() {
    let root = tempfile::tempdir().unwrap();
    rapl(root.path(), "intel-rapl:0", "package-0", 262_143_328_840);
    rapl(root.path(), "intel-rapl:0:0", "core", 1);
    rapl(root.path(), "intel-rapl:1", "psys", 1);
    write(root.path(), "sys/class/powercap/intel-rapl/enabled", "1");
    let mut source = Rapl::new(&places(root.path()));
    let first = read(&mut source).unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].scope, Some(PowerScope::Package));
    rapl(root.path(), "intel-rapl:0", "package-0", 90);
    let wrapped = read(&mut source).unwrap().remove(0);
    assert_eq!(
        wrapped.energy_counter_j,
        Some(0.0001),
        "10 µJ before the wrap, 90 after"
    );
    assert!(wrapped.watts.unwrap() > 0.0);
}

#[test]
fn rapl_that_cannot_be_read_says_so_once() {
    let root = tempfile::tempdir().unwrap();
    rapl(root.path(), "intel-rapl:0", "package-0", 1);
    let energy = root
        .path()
        .join("sys/class/powercap/intel-rapl:0/energy_uj");
    fs::remove_file(&energy).unwrap();
    fs::create_dir(&energy).unwrap();
    let fault = read(&mut Rapl::new(&places(root.path()))).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Died);
    assert!(fault.why.contains("energy_uj"));
    fs::remove_dir(&energy).unwrap();
    fs::write(&energy, "plenty").unwrap();
    let fault = read(&mut Rapl::new(&places(root.path()))).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Garbage);
}

#[test]
fn jetson_by_its_rails() {
    let root = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| write(root.path(), name, text);
    file(
        "proc/device-tree/model",
        "NVIDIA Jetson AGX Orin Developer Kit\0",
    );
    file(
        "proc/meminfo",
        "MemTotal: 64000000 kB\nMemAvailable: 40000000 kB\n",
    );
    let rails = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon4";
    for (n, label, millivolts, milliamperes) in
        [(1, "VDD_GPU_SOC", 5000, 1000), (2, "VDD_CPU_CV", 5000, 400)]
    {
        file(&format!("{rails}/in{n}_label"), label);
        file(&format!("{rails}/in{n}_input"), &millivolts.to_string());
        file(&format!("{rails}/curr{n}_input"), &milliamperes.to_string());
    }
    file("sys/devices/platform/17000000.ga10b/load", "987");
    file("sys/class/devfreq/17000000.ga10b/cur_freq", "1300500000");
    file("sys/class/thermal/thermal_zone0/type", "cpu-thermal");
    file("sys/class/thermal/thermal_zone1/type", "gpu-thermal");
    file("sys/class/thermal/thermal_zone1/temp", "45500");
    let gpu = read(&mut Jetson::new(&places(root.path())))
        .unwrap()
        .remove(0);
    assert_eq!((gpu.watts, gpu.mhz), (Some(5.0), Some(1300.5)));
    assert_eq!((gpu.usage_percent, gpu.celsius), (Some(98.7), Some(45.5)));
    assert_eq!(gpu.scope, Some(PowerScope::Soc));
    assert!(gpu.note.unwrap().contains("VDD_GPU_SOC"));
    assert_eq!(gpu.vram_total_bytes, Some(64_000_000 * 1024));
}

#[test]
fn an_old_jetson_by_its_rails() {
    let root = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| write(root.path(), name, text);
    file("etc/nv_tegra_release", "# R32 (release), REVISION: 7.1");
    let rails = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0";
    file(&format!("{rails}/rail_name_0"), "POM_5V_IN");
    file(&format!("{rails}/in_power0_input"), "4200");
    file(&format!("{rails}/rail_name_1"), "POM_5V_GPU");
    file(&format!("{rails}/in_power1_input"), "1500");
    file("sys/devices/gpu.0/load", "500");
    let gpu = read(&mut Jetson::new(&places(root.path())))
        .unwrap()
        .remove(0);
    assert_eq!((gpu.watts, gpu.system_watts), (Some(1.5), Some(4.2)));
    assert_eq!(
        (gpu.usage_percent, gpu.scope),
        (Some(50.0), Some(PowerScope::Gpu))
    );
}
