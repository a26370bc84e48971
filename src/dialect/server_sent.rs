//! The grammar of server-sent events: what one line of such a stream is.

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// An empty line: the event is complete.
    End,
    /// A line of the event's data.
    Data(&'a [u8]),
    /// The event's type.
    Type(&'a [u8]),
    /// An error in a field of its own, as llama.cpp reports it.
    Error(&'a [u8]),
    /// A comment, an id, a retry time, or a field that the standard does not know: ignored.
    Ignored,
    /// Not a field: markup, or JSON without a field's name.
    Stray,
}

/// Reads a line without its line ending.
pub(crate) fn field(line: &[u8]) -> Field<'_> {
    let (name, value) = match memchr::memchr(b':', line) {
        Some(colon) => {
            let (name, value) = line.split_at(colon);
            (name, value.get(1..).unwrap_or_default())
        }
        None => (line, &[][..]),
    };
    match name {
        // White space around JSON means nothing.
        b"data" => Field::Data(value.trim_ascii()),
        b"" if line.is_empty() => Field::End,
        b"event" => Field::Type(value.trim_ascii()),
        b"error" => Field::Error(value.trim_ascii()),
        name if matches!(name.trim_ascii_start(), [b'{' | b'[' | b'<', ..]) => Field::Stray,
        _ => Field::Ignored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("", Field::End)]
    #[case("data: {\"a\": 1}", Field::Data(b"{\"a\": 1}"))]
    #[case("data:[DONE] ", Field::Data(b"[DONE]"))]
    #[case("data", Field::Data(b""))]
    #[case("data:", Field::Data(b""))]
    #[case("event: error", Field::Type(b"error"))]
    #[case("error: {}", Field::Error(b"{}"))]
    #[case(": keep-alive", Field::Ignored)]
    #[case(":", Field::Ignored)]
    #[case("id: 7", Field::Ignored)]
    #[case("retry", Field::Ignored)]
    #[case("x-latency: 3", Field::Ignored)]
    #[case("database: 3", Field::Ignored)]
    #[case("{\"choices\":[]}", Field::Stray)]
    #[case(" <html>", Field::Stray)]
    fn every_line_is_a_field_or_none(#[case] line: &str, #[case] read: Field<'_>) {
        assert_eq!(field(line.as_bytes()), read);
    }
}
