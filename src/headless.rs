//! The run without a dashboard: progress lines and a final table.
