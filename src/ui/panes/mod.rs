//! The panes of the dashboard: one file each, pure drawing from a [`Cx`](super::Cx).
//!
//! Every pane is `render(frame, area, cx)`: it draws its own frame and title, takes any area, also
//! one of nothing, and any state, and changes nothing. What several of them reckon with stands in
//! [`figures`] (a cycle) and [`entries`] (a request). Scrolling counts from the top in tables and
//! from the end in `answer` and `log`, where 0 follows what comes.

pub mod answer;
pub mod cycles;
pub mod entries;
pub mod figures;
pub mod headline;
pub mod log;
pub mod machine;
pub mod request_detail;
pub mod requests;
pub mod requests_view;
pub mod results;
pub mod ttfb;
pub mod verdict;
