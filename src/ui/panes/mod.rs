//! The panes, one file each: pure drawing. Those of a run draw from a [`Cx`](crate::ui::Cx), those
//! around it from the [`App`](crate::ui::app::App).

pub mod answer;
pub mod card;
pub mod cycles;
pub mod dialog;
pub mod footer;
pub mod headline;
pub mod header;
pub mod help;
pub mod log;
pub mod machine;
pub mod ready;
pub mod request_detail;
pub mod requests;
pub mod requests_view;
pub mod results;
pub mod searching;
pub mod toosmall;
pub mod ttfb;
pub mod verdict;
