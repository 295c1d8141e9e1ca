//! The runbook as a page: `docs/runbook.md`, which is part of the binary, so that it is there when nothing else is.

use crate::ops::voice_health::page::{document, escape};

/// The text, with one section per alert under the word of its rule.
pub const TEXT: &str = include_str!("../../../../docs/runbook.md");

/// The page at `/ops/runbook`. A section's anchor is the word of its rule.
pub fn page() -> String {
    let mut html = String::from("<div class=\"runbook\">");
    let mut writer = Writer::default();
    for line in TEXT.lines() {
        writer.line(line, &mut html);
    }
    writer.close(&mut html);
    html.push_str("</section></div>");
    document("Runbook", &html, false)
}

/// The words of all sections.
pub fn sections() -> impl Iterator<Item = &'static str> {
    TEXT.lines().filter_map(|line| line.strip_prefix("## "))
}

/// The text of one section, without its heading.
pub fn section(word: &str) -> Option<&'static str> {
    let mut sections = TEXT.split("\n## ").skip(1);
    let found = sections.find(|section| section.lines().next() == Some(word))?;
    found.split_once('\n').map(|(_, text)| text.trim())
}

/// The part of Markdown that the runbook uses: headings, paragraphs, lists, code.
#[derive(Default)]
struct Writer {
    open: Option<&'static str>,
    is_code: bool,
    has_section: bool,
}

impl Writer {
    fn line(&mut self, line: &str, html: &mut String) {
        if line.starts_with("```") {
            self.close(html);
            html.push_str(if self.is_code {
                "</code></pre>"
            } else {
                "<pre><code>"
            });
            self.is_code = !self.is_code;
        } else if self.is_code {
            html.push_str(&escape(line));
            html.push('\n');
        } else if let Some(heading) = line.strip_prefix("# ") {
            html.push_str(&format!("<header><h1>{}</h1><p><a href=\"/ops/voice-health\">Voice health</a></p></header><section>", escape(heading)));
            self.has_section = true;
        } else if let Some(word) = line.strip_prefix("## ") {
            self.close(html);
            if self.has_section {
                html.push_str("</section>");
            }
            let word = escape(word);
            html.push_str(&format!(
                "<section id=\"{word}\"><h2>{}</h2>",
                word.replace('_', " ")
            ));
        } else if let Some(item) = line.strip_prefix("- ") {
            self.open_as("ul", html);
            html.push_str(&format!("<li>{}", inline(item)));
        } else if line.is_empty() {
            self.close(html);
        } else {
            if self.open.is_none() {
                self.open_as("p", html);
            }
            html.push_str(&inline(line.trim_start()));
            html.push('\n');
        }
    }

    fn open_as(&mut self, tag: &'static str, html: &mut String) {
        if self.open != Some(tag) {
            self.close(html);
            html.push_str(&format!("<{tag}>"));
            self.open = Some(tag);
        }
    }

    fn close(&mut self, html: &mut String) {
        if let Some(tag) = self.open.take() {
            html.push_str(&format!("</{tag}>"));
        }
    }
}

/// Text with code and strong words.
fn inline(text: &str) -> String {
    let mut html = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            html.push_str(&format!("<code>{}</code>", escape(part)));
            continue;
        }
        for (index, part) in part.split("**").enumerate() {
            if index % 2 == 1 {
                html.push_str(&format!("<strong>{}</strong>", escape(part)));
            } else {
                html.push_str(&escape(part));
            }
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::alerts::RuleName;

    #[test]
    fn every_alert_has_its_section_with_meaning_first_act_and_command() {
        for rule in RuleName::ALL {
            let heading = format!("\n## {}\n", rule.as_str());
            let (_, section) = TEXT
                .split_once(&heading)
                .unwrap_or_else(|| panic!("{} is not in the runbook", rule.as_str()));
            let section = section.split("\n## ").next().unwrap_or_default();
            for part in ["**Means:**", "**First:**", "```"] {
                assert!(section.contains(part), "{}: {part}", rule.as_str());
            }
            assert!(page().contains(&format!("<section id=\"{}\">", rule.as_str())));
        }
    }

    #[test]
    fn every_section_is_of_an_alert_that_exists() {
        for word in sections() {
            assert!(RuleName::parse(word).is_some(), "{word}");
        }
    }

    #[test]
    fn the_page_closes_what_it_opens() {
        let page = page();
        for tag in ["section", "p", "ul", "pre", "code", "strong"] {
            let opened = page.matches(&format!("<{tag}>")).count()
                + page.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}
