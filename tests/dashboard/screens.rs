//! What a run looks like: every view and size, without color, in ASCII; and the mark that nobody may
//! overlook on each of them.

use insta::assert_snapshot;
use rstest::rstest;
use tokometer::tui::DashboardOptions;

use crate::fixture::running;

#[rstest]
#[case(120, 40)]
#[case(80, 24)]
#[case(60, 16)]
#[case(20, 5)]
#[case(200, 60)]
#[tokio::test(start_paused = true)]
async fn a_run_at_every_size(#[case] width: u16, #[case] height: u16) {
    let dash = running(width, height, DashboardOptions::default()).await;
    assert_snapshot!(format!("live_{width}x{height}"), dash.screen());
}

#[tokio::test(start_paused = true)]
async fn every_view_and_the_styles_of_one() {
    let dash = running(120, 40, DashboardOptions::default()).await;
    assert_snapshot!("live_120x40_styles", dash.styles());
    dash.keys("2").await;
    assert_snapshot!("results_120x40", dash.screen());
    dash.keys("<tab>").await;
    assert_snapshot!("requests_120x40", dash.screen());
    dash.keys("z").await;
    assert_snapshot!("requests_zoomed_120x40", dash.screen());
    dash.keys("<tab>?").await;
    assert_snapshot!("help_120x40", dash.screen());
    dash.keys("<esc>1").await;
    dash.resize(80, 24).await;
    dash.keys("?G").await;
    assert_snapshot!("help_80x24_end", dash.screen());
}

#[tokio::test(start_paused = true)]
async fn simulated_stands_on_every_screen() {
    let options = DashboardOptions {
        simulated: true,
        ..DashboardOptions::default()
    };
    let dash = running(120, 40, options).await;
    for (width, height) in [(200, 60), (120, 40), (80, 24), (60, 16), (20, 5)] {
        dash.resize(width, height).await;
        for key in ["1", "2", "3", "4", "5", "1", "z", "f"] {
            dash.keys(key).await;
            assert!(
                dash.screen().contains("SIMULATED"),
                "{key} at {width}x{height}:\n{}",
                dash.screen()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_color_and_in_ascii() {
    let options = DashboardOptions {
        no_color: true,
        ascii: true,
        ..DashboardOptions::default()
    };
    let dash = running(80, 24, options).await;
    assert_snapshot!("ascii_80x24", dash.screen());
    let styles = dash.styles();
    for color in ["Cyan", "Red", "Green", "Yellow", "Magenta", "Blue", "Gray"] {
        assert!(!styles.contains(color), "{color} on a screen without color");
    }
    let screen = dash.screen();
    let beyond = screen.chars().find(|c| !c.is_ascii());
    assert_eq!(beyond, None, "{screen}");
    dash.keys("t").await;
    assert!(dash.screen().contains("NO_COLOR"));
}
