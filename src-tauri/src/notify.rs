//! Notifications. Where nobody shows them nothing is missing but they.

use notify_rust::Notification;

/// What is told in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub title: String,
    pub text: String,
}

impl Notice {
    pub fn new(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { title: title.into(), text: text.into() }
    }
}

/// Shows it, soon.
pub fn show(notice: Notice) {
    tokio::spawn(async move {
        let mut notification = Notification::new();
        notification.appname("Porthole").icon("porthole").summary(&notice.title).body(&escaped(&notice.text));
        if let Err(error) = notification.show_async().await {
            tracing::debug!(%error, "a notification was not shown: {}", notice.title);
        }
    });
}

/// Desktops read a body as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_visitor_sends_is_no_markup() {
        assert_eq!(escaped("<a href=\"x\">&</a>"), "&lt;a href=\"x\"&gt;&amp;&lt;/a&gt;");
    }
}
