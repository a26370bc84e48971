//! What keys do with runs that were recorded.

/// What a key does to a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, strum::EnumIter)]
pub enum ReplayAction {
    /// Stand still, or continue.
    #[default]
    Pause,
    /// Some seconds back.
    Back,
    /// Some seconds on.
    On,
    /// To the start of this cycle, or of the one before.
    PreviousCycle,
    /// To the start of the next cycle.
    NextCycle,
    /// Play faster.
    Faster,
    /// Play slower.
    Slower,
    /// To the beginning.
    Begin,
    /// To the end.
    End,
    /// Leave the replay.
    Leave,
}

/// What a key does to the list of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, strum::EnumIter)]
pub enum RunListAction {
    /// Open the selected run as a replay.
    #[default]
    Open,
    /// Mark the selected run for a comparison, or not.
    Mark,
    /// Compare the marked runs.
    Compare,
    /// Delete the selected run.
    Delete,
    /// Type the text that runs must contain.
    Filter,
    /// A letter of that.
    Type,
    /// Delete the last letter.
    Erase,
    /// Keep the filter, and give the keys back to the list.
    Keep,
    /// Refresh the list of runs.
    Again,
    /// One step back: from the comparison, the filter, the marks, the replay.
    Back,
}
