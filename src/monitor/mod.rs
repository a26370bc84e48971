//! What the machine does: GPUs, processes, servers, exporters.
