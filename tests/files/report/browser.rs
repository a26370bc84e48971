//! The page in a real Chromium, on Linux. Where there is none the test says so; in CI, and where
//! `TOKOMETER_REQUIRE_CHROMIUM` is set, it fails.

use std::path::{Path, PathBuf};
use std::process::Command;

use resvg::tiny_skia::Pixmap;
use tokometer::report;

use super::{big, files};
use crate::skip::skip;

fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names
        .iter()
        .map(|name| Path::new("/usr/bin").join(name))
        .find(|path| path.exists())
}

/// A screenshot of the page, as a reader sees it who prefers light (1) or dark (0).
fn screenshot(chromium: &Path, page: &Path, name: &str, scheme: u8) -> Pixmap {
    let profile = tempfile::tempdir().unwrap();
    let picture = page.with_file_name(name);
    let done = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
        ])
        .arg("--window-size=1280,4200")
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{text}");
    Pixmap::load_png(&picture).unwrap()
}

/// How many pixels have this color, give or take what smooth edges change.
fn count(picture: &Pixmap, [r, g, b]: [u8; 3]) -> usize {
    let near = |one: u8, other: u8| one.abs_diff(other) <= 2;
    let pixels = picture.pixels().iter();
    pixels
        .filter(|p| near(p.red(), r) && near(p.green(), g) && near(p.blue(), b))
        .count()
}

#[test]
fn it_opens_in_light_and_dark() {
    let Some(chromium) = chromium() else {
        let what = "there is no Chromium to open the report in";
        return skip(what, "TOKOMETER_REQUIRE_CHROMIUM");
    };
    let run = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    files::run_directory(&run, &big::run(true));
    report::write(&run, &run).unwrap();
    let page = run.join("report.html");
    let light = screenshot(&chromium, &page, "light.png", 1);
    let dark = screenshot(&chromium, &page, "dark.png", 0);
    for (picture, ground, line) in [
        (&light, [0xF5, 0xF7, 0xF9], [0x1F, 0x6F, 0xDB]),
        (&dark, [0x0B, 0x0F, 0x14], [0x6C, 0xB0, 0xFF]),
    ] {
        assert_eq!((picture.width(), picture.height()), (1280, 4200));
        assert!(count(picture, ground) > 300_000, "the ground is missing");
        assert!(
            count(picture, line) > 1_000,
            "the line of the speed is missing"
        );
        assert!(
            count(picture, [0xFF, 0xC8, 0x38]) > 20_000,
            "SIMULATED is missing"
        );
    }
    assert!(
        count(&dark, [255, 255, 255]) < 1_000,
        "something stays light in the dark"
    );
}

/// Measures the page in a frame of this width: the smallest letters, what ends right of it, and where the first chart
/// begins.
const MEASURE: &str = r#"<!doctype html><body><iframe id="page" src="report.html" width="WIDTH" height="860"></iframe><script>
page.onload = () => {
  const inside = page.contentDocument, view = page.contentWindow, edge = inside.documentElement.clientWidth;
  let smallest = 99, cut = [];
  for (const element of inside.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height || view.getComputedStyle(element).visibility === "hidden") continue;
    const drawing = element.closest("svg");
    if (box.right > edge + 1 && (!drawing || element.tagName === "text")) cut.push(element.tagName + " " + element.textContent.slice(0, 30));
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    const scale = drawing ? drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width : 1;
    smallest = Math.min(smallest, parseFloat(view.getComputedStyle(element).fontSize) * scale);
  }
  const chart = inside.querySelector("figure").getBoundingClientRect();
  document.body.textContent = `measured ${smallest.toFixed(2)} ${Math.round(chart.top)} ${cut.length} ${cut.slice(0, 5)}`;
};
</script>"#;

#[test]
fn it_can_be_read_on_a_phone_and_begins_with_its_chart() {
    let Some(chromium) = chromium() else {
        let what = "there is no Chromium to open the report in";
        return skip(what, "TOKOMETER_REQUIRE_CHROMIUM");
    };
    let run = Path::new(env!("CARGO_TARGET_TMPDIR")).join("phone");
    files::run_directory(&run, &big::run(true));
    report::write(&run, &run).unwrap();
    for (width, deepest) in [(400, 430.0), (1400, 400.0)] {
        let frame = run.join("measure.html");
        std::fs::write(&frame, MEASURE.replace("WIDTH", &width.to_string())).unwrap();
        let profile = tempfile::tempdir().unwrap();
        let done = Command::new(&chromium)
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            .args([
                "--allow-file-access-from-files",
                "--virtual-time-budget=5000",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("--dump-dom")
            .arg(format!("file://{}", frame.display()))
            .output()
            .unwrap();
        let page = String::from_utf8_lossy(&done.stdout);
        let (_, measured) = page.split_once("measured ").unwrap();
        let mut measured = measured.split(' ');
        let mut next = || measured.next().unwrap().parse::<f64>().unwrap();
        let (smallest, chart, cut) = (next(), next(), next());
        assert!(smallest >= 11.0, "letters of {smallest} px at {width} px");
        assert!(cut < 0.5, "cut off at {width} px: {page}");
        assert!(chart <= deepest, "the first chart begins at {chart} px");
    }
}
