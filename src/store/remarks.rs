//! What a person says of a run, changed in its `run.json`: the one file of a run that is not only written once.

use std::fs;
use std::path::Path;

use crate::event::RunInfo;
use crate::store::StoreError;
use crate::store::directory::write_json;
use crate::store::lock::Lock;

/// Changes what `run.json` says. Not while the run is being written.
pub fn amend(directory: &Path, change: impl FnOnce(&mut RunInfo)) -> Result<RunInfo, StoreError> {
    let path = directory.join("run.json");
    let bytes = fs::read(&path).map_err(StoreError::io(&path))?;
    let mut info: RunInfo = serde_json::from_slice(&bytes).map_err(|source| StoreError::Json {
        path: path.clone(),
        source,
    })?;
    let _lock = Lock::take(directory)?;
    change(&mut info);
    write_json(&path, &info)?;
    Ok(info)
}
