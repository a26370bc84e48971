//! Text as a report writes it.

use crate::text::sanitize::one_line;

/// The longest text of a server or a model that is kept, characters.
const LONGEST: usize = 400;

/// Text of a server, a model or a system: on one line, sanitized.
pub(crate) fn clean(text: &str) -> String {
    one_line(text.trim(), LONGEST)
}

/// Text for Markdown: nothing in it is markup.
pub(crate) fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        let word = before.is_alphanumeric();
        let marks = matches!(c, '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '&')
            // Inside a word an underscore is one, and a hash is one wherever it is not first.
            || c == '_' && !word
            || c == '#' && out.is_empty();
        if marks {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    out
}

/// A model's name. Some servers call a model by the path of its file: of that only the file is shown.
pub(super) fn without_path(name: &str) -> String {
    let path = name.replace('\\', "/");
    let is_file = [".gguf", ".safetensors", ".bin", ".onnx"]
        .iter()
        .any(|end| path.to_lowercase().ends_with(end));
    let drive = path.chars().nth(1) == Some(':') && path.chars().nth(2) == Some('/');
    let rooted = path.starts_with(['/', '~', '.']) || drive || name.contains('\\');
    if is_file || rooted || path.starts_with("file:") {
        let last = path.rsplit('/').find(|part| !part.is_empty());
        last.unwrap_or("a model").to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_name_stays_text() {
        assert_eq!(
            escape_markdown("a|b *c* snake_case _d_"),
            "a\\|b \\*c\\* snake_case \\_d_"
        );
        assert_eq!(clean(" a\u{1b}[31m\u{ffff}b\nc "), "a␛[31m\u{fffd}b c");
    }
}
