//! Text for HTML and SVG.

/// The text as it may be in an element or in a quoted attribute. What XML forbids becomes U+FFFD.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn markup_stays_text() {
        assert_eq!(escape("<b a='1'>&"), "&lt;b a=&#39;1&#39;&gt;&amp;");
    }

    proptest! {
        #[test]
        fn whatever_the_text_the_document_is_well_formed(text in any::<String>()) {
            let text = escape(&text);
            let document = format!("<a b=\"{text}\" c='{text}'>{text}</a>");
            prop_assert!(roxmltree::Document::parse(&document).is_ok());
        }
    }
}
