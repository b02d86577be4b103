//! Which hosts may be loaded when a run is made for somebody else.
//!
//! A name is a promise that its owner can change at any time: what counts is the address behind it, at the moment of the
//! connection. So there are two questions, [`Reach::names`] for what was written and [`Reach::admits`] for where it leads.
//! Nothing here asks a resolver.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use url::Host;

/// Addresses at which clouds tell a machine its secrets, beside those of the link: Alibaba, Azure, AWS over IPv6, Google over
/// IPv6.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// The hosts that may be loaded: this machine, and those that were named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reach {
    /// As URLs have them: lower case, addresses in their one form, no brackets.
    named: BTreeSet<String>,
}

/// A host that may not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} may not be loaded: {reason}")]
pub struct OutOfReach {
    host: String,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    NotNamed,
    LeadsElsewhere,
    LeadsToMetadata,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotNamed => "it was not allowed",
            Self::LeadsElsewhere => "it was not allowed, and its address is not of this machine",
            Self::LeadsToMetadata => {
                "its address is of the link or of a cloud's metadata, and was not allowed itself"
            }
        })
    }
}

impl Reach {
    /// This machine and `hosts`: names and addresses without ports, spelt in any way that URLs allow.
    pub fn new<T: AsRef<str>>(hosts: impl IntoIterator<Item = T>) -> Self {
        Self { named: hosts.into_iter().map(|host| spelt(host.as_ref())).collect() }
    }

    /// Whether `host`, as a URL has it, is this machine or was named. Of a name this says nothing about its addresses.
    ///
    /// # Errors
    /// [`OutOfReach`] when it is neither.
    pub fn names(&self, host: &str) -> Result<(), OutOfReach> {
        let spelt = spelt(host);
        let is_own = spelt == "localhost" || spelt.ends_with(".localhost");
        match spelt.parse() {
            Ok(address) => self.admits(&spelt, address),
            Err(_) if is_own || self.named.contains(&spelt) => Ok(()),
            Err(_) => Err(OutOfReach { host: spelt, reason: Reason::NotNamed }),
        }
    }

    /// Whether `host` may be connected to at `address`. Asked for every connection, because a name may lead elsewhere now than
    /// it did before.
    ///
    /// # Errors
    /// [`OutOfReach`] for addresses of other machines unless the host or the address was named, and for addresses of the link
    /// and of metadata unless the address itself was.
    pub fn admits(&self, host: &str, address: IpAddr) -> Result<(), OutOfReach> {
        let host = spelt(host);
        let address = address.to_canonical();
        if address.is_loopback() || self.named.contains(&address.to_string()) {
            return Ok(());
        }
        let is_address = host.parse::<IpAddr>().is_ok();
        let reason = match self.named.contains(&host) {
            true if !is_of_metadata(address) => return Ok(()),
            true => Reason::LeadsToMetadata,
            false if is_address => Reason::NotNamed,
            false => Reason::LeadsElsewhere,
        };
        Err(OutOfReach { host, reason })
    }
}

/// The one form of a host.
fn spelt(host: &str) -> String {
    let host = host.trim().trim_matches(['[', ']']).trim_end_matches('.');
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.to_canonical().to_string();
    }
    match Host::parse(host) {
        Ok(Host::Ipv4(address)) => address.to_string(),
        Ok(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().to_string(),
        Ok(Host::Domain(name)) => name,
        // No URL has such a host, so that it never matches.
        Err(_) => host.to_ascii_lowercase(),
    }
}

fn is_of_metadata(address: IpAddr) -> bool {
    let is_of_link = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || behind_nat64(address).is_some_and(|inner| is_of_metadata(inner.into()))
        }
    };
    is_of_link || METADATA.contains(&address)
}

/// The IPv4 address that a gateway makes of an address with the well-known prefix `64:ff9b::/96` (RFC 6052).
fn behind_nat64(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() else { return None };
    Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach() -> Reach {
        Reach::new(["Shop.Test.", "[2001:db8::1]", "10.1.2.3", "bücher.test"])
    }

    fn admits(host: &str, address: &str) -> bool {
        reach().admits(host, address.parse().unwrap()).is_ok()
    }

    #[test]
    fn this_machine_and_what_was_named_may_be_loaded_however_it_is_spelt() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "::1",
            "[::ffff:127.0.0.1]",
            "0x7f.1",
            "2130706433",
            "shop.test",
            "SHOP.TEST",
            "shop.test.",
            "2001:db8::1",
            "[2001:DB8:0::1]",
            "10.1.2.3",
            "0xa.0x1.0x2.3",
            "[::ffff:10.1.2.3]",
            "BÜCHER.test",
            "xn--bcher-kva.test",
        ] {
            assert_eq!(reach().names(host), Ok(()), "{host}");
        }
        for host in [
            "",
            "evil.test",
            "shop.test.evil.test",
            "evilshop.test",
            "localhost.evil.test",
            "notlocalhost",
            "10.1.2.4",
            "10.1.2.3.evil.test",
            "128.0.0.1",
            "0.0.0.0",
            "[::]",
            "169.254.169.254",
            "0xa9fea9fe",
            "2852039166",
            "0251.0376.0251.0376",
            "[fe80::1]",
            "[::ffff:169.254.169.254]",
            "[fd00:ec2::254]",
            "100.100.100.200",
            "shop.test:80",
        ] {
            assert!(reach().names(host).is_err(), "{host}");
        }
    }

    #[test]
    fn a_name_that_was_not_allowed_may_lead_to_this_machine_only() {
        assert!(admits("own.test", "127.0.0.1") && admits("own.test", "::1"));
        for address in ["10.0.0.1", "8.8.8.8", "169.254.169.254", "0.0.0.0", "::", "2001:db8::2"] {
            assert!(!admits("own.test", address), "{address}");
        }
        let told = reach().admits("own.test", "8.8.8.8".parse().unwrap()).unwrap_err().to_string();
        assert!(told.starts_with("own.test may not be loaded: it was not allowed"), "{told}");
    }

    #[test]
    fn a_name_that_was_allowed_may_not_be_turned_to_where_secrets_are() {
        assert!(admits("shop.test", "8.8.8.8") && admits("shop.test", "192.168.0.1"));
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "168.63.129.16",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
        ] {
            assert!(!admits("shop.test", address), "{address}");
        }
    }

    #[test]
    fn an_address_that_was_named_itself_may_be_reached_by_any_name() {
        let reach = Reach::new(["169.254.169.254"]);
        let address = "169.254.169.254".parse().unwrap();
        assert_eq!(reach.admits("metadata.test", address), Ok(()));
        assert_eq!(reach.names("169.254.169.254"), Ok(()));
        assert!(reach.names("metadata.test").is_err(), "the name says nothing of its address");
    }

    #[test]
    fn it_is_kept_as_the_list_of_what_was_named() {
        let text = serde_json::to_string(&Reach::new(["B.test", "a.test"])).unwrap();
        assert_eq!(text, r#"["a.test","b.test"]"#);
        assert_eq!(serde_json::from_str::<Reach>(&text).unwrap(), Reach::new(["a.test", "b.test"]));
    }
}
