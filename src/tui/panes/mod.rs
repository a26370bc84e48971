//! The panes, one file each: pure drawing.
//!
//! Those of a run are `render(frame, area, cx)`, with a [`PaneContext`](crate::tui::PaneContext): each draws its own frame
//! and title, takes any area, also one of nothing, and any state, and changes nothing. What several
//! of them need is in [`figures`] (a cycle) and [`request_rows`] (a request). Scrolling counts
//! from the top in tables and from the end in `answer` and `log`, where 0 follows what comes.
//!
//! [`runs`] and [`comparison`] draw what was recorded before.
//!
//! Those around a run ([`header`], [`footer`], [`ready`], [`searching`], [`dialog`], [`help`],
//! [`too_small`]) draw from the [`App`](crate::tui::app::App); [`popup`] is what they share.

pub mod answer;
pub mod bracket;
pub mod comparison;
pub mod cycles;
pub mod dialog;
pub mod figures;
pub mod footer;
pub mod header;
pub mod headline;
pub mod help;
pub mod log;
pub mod machine;
pub mod machine_by_level;
pub mod popup;
pub mod processes;
pub mod ready;
pub mod request_detail;
pub mod request_rows;
pub mod requests;
pub mod requests_view;
pub mod results;
pub mod runs;
pub mod searching;
pub mod sliders;
pub mod too_small;
pub mod ttft;
pub mod verdict;
