//! Where a connection leads: scheme, host and port.

use url::{Host, Url};

/// What two requests must have in common to share a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    is_tls: bool,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// The origin of `url`; `None` for a URL without host or port, to which nothing can be sent.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let host = url.host()?.to_owned();
        Some(Self { is_tls: url.scheme() == "https", host, port: url.port_or_known_default()? })
    }

    /// Whether `url` is of this origin. Copies nothing, unlike a comparison of two origins.
    pub(super) fn serves(&self, url: &Url) -> bool {
        self.is_tls == (url.scheme() == "https")
            && url.port_or_known_default() == Some(self.port)
            && match (&self.host, url.host()) {
                (Host::Domain(own), Some(Host::Domain(host))) => own == host,
                (Host::Ipv4(own), Some(Host::Ipv4(host))) => *own == host,
                (Host::Ipv6(own), Some(Host::Ipv6(host))) => *own == host,
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_and_nothing_else() {
        let url = |text: &str| Url::parse(text).unwrap();
        let origin = Origin::of(&url("http://a.test/x")).unwrap();
        for same in ["http://a.test:80/y?z", "http://A.test/"] {
            assert!(origin.serves(&url(same)), "{same}");
        }
        for other in
            ["https://a.test:80/", "http://a.test:81/", "http://b.test/", "http://1.2.3.4/"]
        {
            assert!(!origin.serves(&url(other)), "{other}");
        }
        assert_eq!(Origin::of(&url("data:,x")), None);
    }
}
